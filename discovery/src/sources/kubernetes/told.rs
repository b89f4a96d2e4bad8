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

/// Why nothing is known where the server says that there is no such kind.
pub(super) const UNKNOWN: &str = "the server knows no such kind of objects";

/// What is told.
pub(in crate::sources) enum Told<K> {
    There(K),
    /// The key of one that was deleted.
    Gone(Arc<str>),
    /// All has been told of: these keys, and no other.
    Listed(HashSet<Arc<str>>),
    /// The server knows no such kind.
    Unknown,
    /// It failed, and tries again.
    Failed(Fault),
}

/// Why a watch fails.
pub(in crate::sources) struct Fault {
    /// In the server's words.
    pub(in crate::sources) cause: String,
    /// Whether it is that we may not watch this.
    pub(in crate::sources) refused: bool,
}

/// What `api` gives, for ever.
pub(in crate::sources) fn objects<K>(api: Api<K>, config: Config) -> BoxStream<'static, Told<K>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut listed = HashSet::new();
    let told = steady::events(api, config).filter_map(move |event| {
        let told = match event {
            Err(error) => Some(match status(&error) {
                Some(404) => Told::Unknown,
                status => Told::Failed(Fault { cause: cause(&error), refused: matches!(status, Some(401 | 403)) }),
            }),
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
            Told::Gone(_) | Told::Listed(_) => Some(Ok(None)),
            Told::Unknown => Some(Err(UNKNOWN.to_owned())),
            Told::Failed(fault) => Some(Err(fault.cause)),
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

/// The status that the server answered with, where it answered at all.
fn status(error: &Error) -> Option<u16> {
    match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status)) => Some(status.code),
        _ => None,
    }
}

/// A failure in the words of its last cause, which is the server's.
pub(in crate::sources) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
