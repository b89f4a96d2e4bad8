//! The watches of all kinds of resources, each in one namespace or in all.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, select_all};
use kube::core::DynamicObject;
use kube::runtime::watcher;
use kube::{Api, Client};

use super::kinds::{KINDS, Kind};
use crate::sources::kubernetes::told::{self, Told};
use crate::sources::kubernetes::watch::{Name, name};

/// What the watch of this name, which is of that kind, was told.
pub(super) type Said = (Name, &'static Kind, Told<DynamicObject>);

/// Every watch in these `namespaces`, in all where there is none, by name.
pub(super) fn names(namespaces: &[String]) -> Vec<(Name, &'static Kind, Option<&str>)> {
    let each: Vec<_> = match namespaces {
        [] => vec![None],
        only => only.iter().map(|namespace| Some(&**namespace)).collect(),
    };
    let of = |kind: &'static Kind| {
        let each = each.clone();
        each.into_iter().map(move |namespace| (name(&kind.name(), namespace), kind, namespace))
    };
    KINDS.iter().copied().flat_map(of).collect()
}

/// What all of them are told.
pub(super) fn all(
    client: &Client,
    config: &watcher::Config,
    namespaces: &[String],
) -> SelectAll<BoxStream<'static, Said>> {
    let watch = |(name, kind, namespace): (Name, &'static Kind, Option<&str>)| {
        let (client, resource) = (client.clone(), kind.resource());
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        told::objects(api, config.clone()).map(move |told| (Arc::clone(&name), kind, told)).boxed()
    };
    select_all(names(namespaces).into_iter().map(watch))
}
