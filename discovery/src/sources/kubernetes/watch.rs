//! Watches of the API server as one stream of changes to the view.
//!
//! What is told of each object becomes a change, and failures are told apart by the watch that had them.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::told::{self, Told, key_of};
use super::view::{Part, View, namespace};

/// Which watch: `services`, `endpointslices in shop`.
pub(in crate::sources) type Name = Arc<str>;

/// The watch of `kind`, in one namespace or in all.
pub(in crate::sources) fn name(kind: &str, namespace: Option<&str>) -> Name {
    namespace.map_or_else(|| kind.into(), |namespace| format!("{kind} in {namespace}").into())
}

/// The kind that the watch of this name is of.
pub(super) fn kind(name: &str) -> &str {
    name.split_once(" in ").map_or(name, |(kind, _)| kind)
}

/// Whether the watch of this name tells of `namespace`.
pub(in crate::sources) fn tells_of(name: &str, namespace: &str) -> bool {
    name.split_once(" in ").is_none_or(|(_, only)| only == namespace)
}

/// What a watch says.
pub(super) enum Said {
    /// Something is there or gone.
    Change(Change),
    /// All that it watches has been told of; what was not is to be taken away.
    Listed(Change),
    /// It failed, and tries again.
    Failed(String),
}

/// Something to do to the view.
pub(super) type Change = Box<dyn FnOnce(&mut View) + Send>;

/// Watches what `api` gives, as `config` says; `read` makes of an object what the view keeps.
pub(super) fn objects<K, P>(
    name: Name,
    api: Api<K>,
    config: watcher::Config,
    read: impl Fn(K) -> Option<P> + Send + 'static,
) -> BoxStream<'static, (Name, Said)>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    P: Part + Send + 'static,
{
    told::objects(api, config).map(move |told| (name.clone(), said(&name, told, &read))).boxed()
}

/// What the watch of this name says when it is told that.
pub(super) fn said<K, P>(name: &Name, told: Told<K>, read: &impl Fn(K) -> Option<P>) -> Said
where
    K: Resource,
    P: Part + Send + 'static,
{
    match told {
        Told::There(object) => {
            let (key, now) = (key_of(&object), read(object));
            Said::Change(Box::new(move |view| P::put(now, &key, view)))
        }
        Told::Gone(key) => Said::Change(Box::new(move |view| P::put(None, &key, view))),
        Told::Listed(keys) => Said::Listed(gone::<P>(name.clone(), keys)),
        Told::Unknown => Said::Failed(told::UNKNOWN.to_owned()),
        Told::Failed(fault) => Said::Failed(fault.cause),
    }
}

/// Takes away what the watch of this name tells of and did not list.
pub(super) fn gone<P: Part>(name: Name, listed: HashSet<Arc<str>>) -> Change {
    Box::new(move |view| {
        for key in P::keys(view) {
            if tells_of(&name, namespace(&key)) && !listed.contains(&key) {
                P::put(None, &key, view);
            }
        }
    })
}
