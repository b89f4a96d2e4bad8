//! Kubernetes: each port of a Service is an upstream, and the ready addresses of its EndpointSlices are the endpoints.
//!
//! Promises that what the API server tells of is in the catalog as soon as that commits it, a burst of changes as one; that what a watch
//! cannot read keeps its last good view, while the others go on; and that the status says what is missing. Refuses to call what an
//! ExternalName points to unless a setting lists it, and ports that are not TCP.

mod annotations;
mod config_maps;
pub(in crate::sources) mod failing;
mod knative;
pub(in crate::sources) mod limits;
mod map;
mod outside;
mod publish;
mod scope;
pub(in crate::sources) mod secret;
pub(in crate::sources) mod secrets;
mod selector;
mod settings;
mod steady;
#[cfg(test)]
mod tests;
pub(in crate::sources) mod told;
mod users;
pub(in crate::sources) mod view;
pub(in crate::sources) mod watch;

use std::convert::Infallible;
use std::sync::Arc;

use catalog::model::SourceId;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, SelectAll, select_all};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::watcher;
use kube::{Api, Client};
use plugins::Keyring;
use tokio::sync::watch as channel;

pub use self::outside::{Hosts, NotHosts};
pub(crate) use self::scope::NOWHERE;
pub use self::scope::Scope;
pub use self::selector::{NotASelector, Selector};
pub use self::settings::{Place, at_home};

use self::config_maps::ConfigMaps;
use self::knative::Function;
use self::publish::{Beside, Publisher};
use self::secret::Holds;
use self::secrets::Secrets;
use self::view::{Says, View};
use self::watch::{Name, Said};
use crate::documents::Documents;
use crate::sources::hosts::{self, Lookup, Names};
use crate::{Reports, Source, SourceError};

/// The source `kubernetes`.
pub struct Kubernetes {
    id: SourceId,
    place: Place,
    scope: Arc<Scope>,
    lookup: Lookup,
    documents: Documents,
    keyring: Keyring,
}

impl Kubernetes {
    /// Watches the cluster at `place`. Connects to nothing before it runs.
    pub fn new(id: SourceId, place: Place) -> Self {
        let (documents, keyring) = (Documents::default(), Keyring::default());
        Self { id, place, scope: Arc::default(), lookup: hosts::system(), documents, keyring }
    }

    /// The same, of what is in `scope` alone.
    pub fn within(self, scope: Scope) -> Self {
        Self { scope: scope.into(), ..self }
    }

    /// The same, which puts the documents that ConfigMaps hold into `documents`, and what Secrets hold on `keyring`.
    pub fn holding(self, documents: Documents, keyring: Keyring) -> Self {
        Self { documents, keyring, ..self }
    }

    async fn watch(&self, reports: &Reports) -> Result<Infallible, SourceError> {
        let (client, config) = self.place.connect().await?;
        let (names, watches) = watches(&client, &config, &self.scope, self.place == Place::Cluster);
        // Resources may name the same Secrets, and be done with them at another time.
        let prefix: Arc<str> = format!("{}:services", self.id).replace('/', "-").into();
        let config_maps = ConfigMaps::new(self.documents.clone(), &self.id.instance);
        let view = View::new(&self.scope, config_maps, prefix.clone());
        let (wanted, wants) = channel::channel(Arc::default());
        let reader = Secrets {
            reports,
            client: client.clone(),
            config: config.clone(),
            keyring: self.keyring.clone(),
            prefix,
            known: channel::Sender::default(),
            expected: Some(Holds::Certificate),
        };
        let hosts = Names::new(self.lookup.clone());
        let config_maps = config_maps::Watches::new(client, config);
        let beside = Beside { hosts, config_maps, secrets: wanted };
        let publisher = Publisher::new(reports, names, self.scope.clone(), view, beside);
        tokio::select! {
            ended = publisher.publish(watches) => ended,
            never = reader.keep(wants) => match never {},
        }
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

/// All watches, and their names. `inside`: the cluster is called from inside.
fn watches(client: &Client, config: &watcher::Config, scope: &Arc<Scope>, inside: bool) -> (Vec<Name>, Watches) {
    let mut all = Vec::new();
    let mut names = Vec::new();
    let each = match scope.namespaces.as_slice() {
        [] => vec![None],
        only => only.iter().map(|namespace| Some(&**namespace)).collect(),
    };
    for namespace in each {
        let kinds = [publish::SERVICES, publish::SLICES, publish::NAMESPACES, publish::FUNCTIONS];
        let [services, slices, namespaces, functions] = kinds.map(|kind| watch::name(kind, namespace));
        names.extend([services.clone(), slices.clone(), namespaces.clone(), functions.clone()]);
        let of = scope.clone();
        let read = move |object| Function::of(object, &of, inside);
        all.push(knative::watch(functions, client, namespace, config.clone(), read));
        let of = scope.clone();
        let read = move |object| Some(map::Service::of(object, &of));
        all.push(watch::objects(services, objects_in::<Service>(client, namespace), config.clone(), read));
        all.push(watch::objects(
            slices,
            objects_in::<EndpointSlice>(client, namespace),
            config.clone(),
            map::Slice::of,
        ));
        let of = scope.clone();
        let read = move |object: Namespace| Says::of(&object, &of);
        let config = match namespace {
            Some(namespace) => config.clone().fields(&format!("metadata.name={namespace}")),
            None => config.clone(),
        };
        all.push(watch::objects(namespaces, Api::<Namespace>::all(client.clone()), config, read));
    }
    (names, select_all(all))
}

fn objects_in<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    namespace.map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace))
}
