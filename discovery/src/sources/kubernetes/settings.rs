//! Where the API server is, and what of it is watched.

use std::path::PathBuf;

use http::Uri;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

use super::limits;

/// Where Kubernetes puts the token of a pod's service account.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Which cluster is watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// The one that this process runs in, as its service account.
    Cluster,
    /// A context of the kubeconfig, the current one if none is named. It is read as kubectl reads it, anew at each run.
    Context(Option<String>),
    /// An API server that asks for nothing, such as `kubectl proxy`.
    Url(Uri),
}

impl Place {
    /// Where `--source kubernetes[=CONTEXT|URL]` points: without either to the kubeconfig where there is one, else to the cluster around
    /// this process.
    pub fn asked(place: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let url = |place: &str| place.contains("://").then(|| place.parse().ok()).flatten();
        match place {
            Some(place) => url(place).map_or_else(|| Self::Context(Some(place.to_owned())), Self::Url),
            None if variable("KUBECONFIG").is_some() || at_home(&variable).is_some() => Self::Context(None),
            None => Self::Cluster,
        }
    }

    /// Where the environment points by itself.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let in_cluster = || variable("KUBERNETES_SERVICE_HOST").is_some() && std::path::Path::new(TOKEN).exists();
        match variable("KUBECONFIG") {
            Some(_) => Some(Self::Context(None)),
            None => in_cluster().then_some(Self::Cluster),
        }
    }

    /// For people.
    pub fn name(&self) -> String {
        match self {
            Self::Cluster => "the cluster around this process".to_owned(),
            Self::Context(None) => "the current context of the kubeconfig".to_owned(),
            Self::Context(Some(context)) => format!("the context {context} of the kubeconfig"),
            Self::Url(url) => url.to_string(),
        }
    }

    pub(in crate::sources) async fn config(&self) -> Result<Config, String> {
        let mut config = match self {
            Self::Url(url) => Config::new(url.clone()),
            Self::Cluster => Config::incluster().map_err(|error| error.to_string())?,
            Self::Context(context) => {
                let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
                let file = Kubeconfig::read().map_err(|error| error.to_string())?;
                Config::from_custom_kubeconfig(file, &options).await.map_err(|error| error.to_string())?
            }
        };
        config.connect_timeout = Some(limits::CONNECT);
        config.read_timeout = Some(limits::READ);
        Ok(config)
    }
}

/// The kubeconfig in the home folder, if there is one.
pub fn at_home(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let file = PathBuf::from(variable("HOME")?).join(".kube/config");
    file.is_file().then_some(file)
}
