//! Watches of the API server as one stream of changes to the view.
//!
//! The library lists, watches on from there, and lists again when the server no longer knows where that was; here its events become
//! changes, and its failures are told apart by the watch that had them.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::map::key;
use super::steady;
use super::view::{Part, View, namespace};

/// Which watch: `services`, `endpointslices in shop`.
pub(super) type Name = Arc<str>;

/// The watch of `kind`, in one namespace or in all.
pub(super) fn name(kind: &str, namespace: Option<&str>) -> Name {
    namespace.map_or_else(|| kind.into(), |namespace| format!("{kind} in {namespace}").into())
}

/// The kind that the watch of this name is of.
pub(super) fn kind(name: &str) -> &str {
    name.split_once(" in ").map_or(name, |(kind, _)| kind)
}

/// Whether the watch of this name tells of `namespace`.
pub(super) fn tells_of(name: &str, namespace: &str) -> bool {
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
    let mut listed = HashSet::new();
    let said = steady::events(api, config).flat_map(move |event| {
        let said = match event {
            Err(error) => vec![Said::Failed(cause(&error))],
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                listed.insert(key_of(&object));
                vec![put(object, &read)]
            }
            Ok(Event::Apply(object)) => vec![put(object, &read)],
            Ok(Event::Delete(object)) => {
                let key = key_of(&object);
                vec![Said::Change(Box::new(move |view| P::put(None, &key, view)))]
            }
            Ok(Event::InitDone) => vec![Said::Listed(gone::<P>(name.clone(), std::mem::take(&mut listed)))],
        };
        let name = name.clone();
        stream::iter(said).map(move |said| (name.clone(), said))
    });
    said.boxed()
}

fn put<K: Resource, P: Part + Send + 'static>(object: K, read: &impl Fn(K) -> Option<P>) -> Said {
    let key = key_of(&object);
    let now = read(object);
    Said::Change(Box::new(move |view| P::put(now, &key, view)))
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

fn key_of<K: Resource>(object: &K) -> Arc<str> {
    let metadata = object.meta();
    match metadata.namespace.as_deref() {
        None => metadata.name.as_deref().unwrap_or_default().into(),
        namespace => key(namespace, metadata.name.as_deref()),
    }
}

/// A failure in the words of its last cause, which is the server's.
pub(super) fn cause(error: &watcher::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
