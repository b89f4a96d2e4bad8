//! Kubernetes: each port of a Service is an upstream, and the ready addresses of its EndpointSlices are the endpoints.
//!
//! Promises that what the API server tells of is in the catalog as soon as that commits it, a burst of changes as one; that what a watch
//! cannot read keeps its last good view, while the others go on; and that the status says what is missing. Refuses to call what an
//! ExternalName points to, and ports that are not TCP.

pub(in crate::sources) mod limits;
mod map;
mod publish;
mod settings;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::convert::Infallible;

use catalog::model::SourceId;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, SelectAll, select_all};
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::watcher;
use kube::{Api, Client};

pub use self::settings::{Place, at_home};

use self::publish::Publisher;
use self::view::Says;
use self::watch::{Name, Said};
use crate::{Reports, Source, SourceError};

/// The source `kubernetes`.
pub struct Kubernetes {
    id: SourceId,
    place: Place,
}

impl Kubernetes {
    /// Watches the cluster at `place`. Connects to nothing before it runs.
    pub fn new(id: SourceId, place: Place) -> Self {
        Self { id, place }
    }

    async fn watch(&self, reports: &Reports) -> Result<Infallible, SourceError> {
        let failed = |act: &str, cause: String| SourceError::Place { act: act.to_owned(), cause };
        let config = self.place.config().await.map_err(|cause| failed("read where the API server is", cause))?;
        let client =
            Client::try_from(config).map_err(|error| failed("connect to the API server", error.to_string()))?;
        // Who may not ask for the version gets lists, which every server has.
        let version = client.apiserver_version().await.ok();
        let minor = version.and_then(|version| version.minor.trim_end_matches('+').parse().ok()).unwrap_or(0);
        let config = watcher::Config::default().timeout(limits::WATCH);
        let config = if minor >= limits::STREAMS_LISTS { config.streaming_lists() } else { config };
        let (names, watches) = watches(&client, &config);
        Publisher::new(reports, names).publish(watches).await
    }
}

impl Source for Kubernetes {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        Box::pin(self.watch(reports))
    }
}

type Watches = SelectAll<BoxStream<'static, (Name, Said)>>;

/// All watches, and their names.
fn watches(client: &Client, config: &watcher::Config) -> (Vec<Name>, Watches) {
    let names: [Name; 3] = [publish::SERVICES, publish::SLICES, publish::NAMESPACES].map(Name::from);
    let [services, slices, namespaces] = names.clone();
    let all = [
        watch::objects(services, Api::<Service>::all(client.clone()), config.clone(), |object| {
            Some(map::Service::of(object))
        }),
        watch::objects(slices, Api::<EndpointSlice>::all(client.clone()), config.clone(), map::Slice::of),
        watch::objects(namespaces, Api::<Namespace>::all(client.clone()), config.clone(), |object| Says::of(&object)),
    ];
    (names.into(), select_all(all))
}
