//! Where the API server is, and as whom it is asked.

use std::path::{Path, PathBuf};

use kube::Config;
use kube::client::{Client, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher;
use tokio::time::timeout;
use tower::limit::RateLimitLayer;
use url::Url;

use super::limits;
use crate::SourceError;

/// Where Kubernetes puts the token of a pod's service account.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Which cluster is watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// The one that this process runs in, as its service account.
    Cluster,
    /// A context of the kubeconfig, which is read as kubectl reads it, anew at each run.
    Context(String),
    /// An API server that asks for nothing, such as `kubectl proxy`.
    Url(Url),
}

impl Place {
    /// Where `--source kubernetes[=CONTEXT|URL]` points: without either to the kubeconfig's current context where there is a kubeconfig,
    /// else to the cluster around this process. A context that is current later is another cluster, and so another source.
    pub fn asked(place: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        match place {
            Some(place) if place.contains("://") => url(place).map(Self::Url),
            Some(context) => Ok(Self::Context(context.to_owned())),
            None if variable("KUBECONFIG").is_some() || at_home(&variable).is_some() => current(&variable),
            None => Ok(Self::Cluster),
        }
    }

    /// Where the environment points by itself.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let in_cluster = || variable("KUBERNETES_SERVICE_HOST").is_some() && Path::new(TOKEN).exists();
        match variable("KUBECONFIG") {
            Some(_) => current(&variable).map(Some),
            None => Ok(in_cluster().then_some(Self::Cluster)),
        }
    }

    /// What tells it apart from other clusters; nothing for the one around this process.
    pub fn instance(&self) -> &str {
        match self {
            Self::Cluster => "",
            Self::Context(context) => context,
            Self::Url(url) => url.as_str().trim_end_matches('/'),
        }
    }

    /// For people.
    pub fn name(&self) -> String {
        match self {
            Self::Cluster => "the cluster around this process".to_owned(),
            Self::Context(context) => format!("the context {context} of the kubeconfig"),
            Self::Url(_) => self.instance().to_owned(),
        }
    }

    /// Who asks there, and how to watch.
    pub(in crate::sources) async fn connect(&self) -> Result<(Client, watcher::Config), SourceError> {
        let act = || format!("get ready to ask {}", self.name());
        let client = self.client().await.map_err(|cause| SourceError::Place { act: act(), cause })?;
        // Who may not ask for the version gets lists, which every server has.
        let version = client.apiserver_version().await.ok();
        let minor = version.and_then(|version| version.minor.trim_end_matches('+').parse().ok()).unwrap_or(0);
        let config = watcher::Config::default().timeout(limits::WATCH);
        let config = if minor >= limits::STREAMS_LISTS { config.streaming_lists() } else { config };
        Ok((client, config))
    }

    /// A kubeconfig may name a program that gets credentials: it runs where it holds up nobody.
    async fn client(&self) -> Result<Client, String> {
        let config = timeout(limits::CREDENTIALS, self.config()).await.map_err(|_| LATE.to_owned())??;
        let client = tokio::task::spawn_blocking(move || {
            let builder = ClientBuilder::try_from(config).map_err(|error| error.to_string())?;
            Ok(builder.with_layer(&RateLimitLayer::new(limits::REQUESTS, limits::EACH)).build())
        });
        let client = timeout(limits::CREDENTIALS, client).await.map_err(|_| LATE.to_owned())?;
        client.map_err(|error| error.to_string())?
    }

    async fn config(&self) -> Result<Config, String> {
        let mut config = match self {
            Self::Url(url) => Config::new(url.as_str().parse().map_err(|error| format!("{url}: {error}"))?),
            Self::Cluster => Config::incluster().map_err(|error| error.to_string())?,
            Self::Context(context) => {
                let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
                let file = Kubeconfig::read().map_err(|error| error.to_string())?;
                Config::from_custom_kubeconfig(file, &options).await.map_err(|error| error.to_string())?
            }
        };
        config.connect_timeout = Some(limits::CONNECT);
        config.read_timeout = Some(limits::READ);
        Ok(config)
    }
}

const LATE: &str = "getting credentials took too long; look at what the kubeconfig runs for them";

/// An address that can be asked without credentials.
fn url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{text:?} is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("{text:?} is not the http:// or https:// URL of an API server"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an API server's URL holds no credentials; put them into a kubeconfig and name its context".into());
    }
    match (url.query(), url.fragment()) {
        (None, None) => Ok(url),
        _ => Err(format!("{text:?} is more than the URL of an API server: leave out what begins with ? or #")),
    }
}

/// The context that kubectl would take now.
fn current(variable: &impl Fn(&str) -> Option<String>) -> Result<Place, String> {
    let files = match variable("KUBECONFIG") {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => Vec::from_iter(at_home(variable)),
    };
    for file in files.iter().filter(|file| file.exists()) {
        let read = Kubeconfig::read_from(file).map_err(|error| format!("{}: {error}", file.display()))?;
        if let Some(context) = read.current_context.filter(|context| !context.is_empty()) {
            return Ok(Place::Context(context));
        }
    }
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    Err(format!("{} has no current context; name one: --source kubernetes=CONTEXT", files.join(", ")))
}

/// The kubeconfig in the home folder, if there is one.
pub fn at_home(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let file = PathBuf::from(variable("HOME")?).join(".kube/config");
    file.is_file().then_some(file)
}
