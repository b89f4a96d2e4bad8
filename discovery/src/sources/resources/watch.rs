//! The watch of one kind of resource, as what is there and what is gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Error, Event, watcher as watch};
use kube::{Api, Client, ResourceExt};

use super::kinds::Kind;

/// What a watch says.
#[derive(Debug)]
pub(super) enum Said {
    There(Box<DynamicObject>),
    Gone(Arc<str>),
    /// All has been told of: these keys, and no other.
    Listed(BTreeSet<Arc<str>>),
    /// The server knows no such kind.
    Unknown,
    Failed(String),
}

/// Watches the resources of `kind`.
pub(super) fn resources(
    kind: &'static Kind,
    client: Client,
    config: watcher::Config,
) -> BoxStream<'static, (&'static Kind, Said)> {
    let api: Api<DynamicObject> = Api::all_with(client, &kind.resource());
    let mut listed = BTreeSet::new();
    let said = watch(api, config).default_backoff().flat_map(move |event| {
        let said = match event {
            Err(error) if is_unknown(&error) => vec![Said::Unknown],
            Err(error) => vec![Said::Failed(cause(&error))],
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                listed.insert(key_of(&object));
                vec![Said::There(Box::new(object))]
            }
            Ok(Event::Apply(object)) => vec![Said::There(Box::new(object))],
            Ok(Event::Delete(object)) => vec![Said::Gone(key_of(&object))],
            Ok(Event::InitDone) => vec![Said::Listed(std::mem::take(&mut listed))],
        };
        stream::iter(said).map(move |said| (kind, said))
    });
    said.boxed()
}

/// The key of a resource, as that of one in a file.
pub(super) fn key_of(object: &DynamicObject) -> Arc<str> {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()).into()
}

fn is_unknown(error: &Error) -> bool {
    let (Error::InitialListFailed(error) | Error::WatchStartFailed(error) | Error::WatchFailed(error)) = error else {
        return false;
    };
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// A failure in the words of its last cause, which is the server's.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
