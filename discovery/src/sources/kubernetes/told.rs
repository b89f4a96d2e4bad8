//! What a watch tells, object by object, and in the end of each list what is there at all.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use kube::runtime::watcher::{Config, Error, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::map::key;
use super::steady;

/// What is told.
pub(in crate::sources) enum Told<K> {
    There(K),
    /// The key of one that was deleted.
    Gone(Arc<str>),
    /// All has been told of: these keys, and no other.
    Listed(HashSet<Arc<str>>),
    /// The server knows no such kind.
    Unknown,
    /// It failed, in the server's words, and tries again.
    Failed(String),
}

/// What `api` gives, for ever.
pub(in crate::sources) fn objects<K>(api: Api<K>, config: Config) -> BoxStream<'static, Told<K>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut listed = HashSet::new();
    let told = steady::events(api, config).filter_map(move |event| {
        let told = match event {
            Err(error) if is_unknown(&error) => Some(Told::Unknown),
            Err(error) => Some(Told::Failed(cause(&error))),
            Ok(Event::Init) => {
                listed.clear();
                None
            }
            Ok(Event::InitApply(object)) => {
                listed.insert(key_of(&object));
                Some(Told::There(object))
            }
            Ok(Event::Apply(object)) => Some(Told::There(object)),
            Ok(Event::Delete(object)) => Some(Told::Gone(key_of(&object))),
            Ok(Event::InitDone) => Some(Told::Listed(std::mem::take(&mut listed))),
        };
        std::future::ready(told)
    });
    told.boxed()
}

/// The one object of `name` that `api` gives, or that there is none, or why that is not known.
pub(in crate::sources) fn one<K>(
    api: Api<K>,
    config: Config,
    name: &str,
) -> BoxStream<'static, Result<Option<K>, String>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let told = objects(api, config.fields(&format!("metadata.name={name}")));
    let said = told.flat_map(|told| {
        stream::iter(match told {
            Told::There(object) => Some(Ok(Some(object))),
            Told::Listed(keys) if !keys.is_empty() => None,
            Told::Gone(_) | Told::Listed(_) | Told::Unknown => Some(Ok(None)),
            Told::Failed(cause) => Some(Err(cause)),
        })
    });
    said.boxed()
}

/// The key of an object: `namespace/name`, or the name alone of what is in no namespace.
pub(in crate::sources) fn key_of(object: &impl Resource) -> Arc<str> {
    let metadata = object.meta();
    match metadata.namespace.as_deref() {
        None => metadata.name.as_deref().unwrap_or_default().into(),
        namespace => key(namespace, metadata.name.as_deref()),
    }
}

fn is_unknown(error: &Error) -> bool {
    let (Error::InitialListFailed(error) | Error::WatchStartFailed(error) | Error::WatchFailed(error)) = error else {
        return false;
    };
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// A failure in the words of its last cause, which is the server's.
pub(in crate::sources) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
