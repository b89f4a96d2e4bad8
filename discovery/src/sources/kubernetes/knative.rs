//! Services of Knative: each is an upstream that is one function, called where Knative says, though nothing may run there yet.
//!
//! They are watched while the cluster has their kind; while it has not, that is asked for again now and then.

use std::collections::{BTreeMap, HashSet};
use std::future::ready;
use std::sync::Arc;

use catalog::model::SoleFunction;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher;
use kube::{Api, Client};
use serde::Deserialize;
use tokio::time::sleep;

use super::limits;
use super::map::Service;
use super::scope::Scope;
use super::told::{self, Told, cause};
use super::view::{Part, View};
use super::watch::{self, Name, Said};
use crate::backoff::jitter;

/// What Services that belong to one of Knative are labelled with.
pub(super) const OWNER: &str = "serving.knative.dev/service";
/// Which revision of it is called: another one is looked at anew.
const REVISION: &str = "serving.knative.dev/revision";
/// Stands in the keys of Knative's Services, which may have the names of others.
const KEY: &str = "/knative/";
/// How long a call may take where the Service does not say it, in seconds: Knative's own limit.
const TIMEOUT: u32 = 300;

/// A Service of Knative, as one that points to a host.
pub(super) struct Function(Service);

/// What of it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Read {
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    template: Template,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: Revision,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Revision {
    timeout_seconds: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    url: Option<String>,
    address: Address,
    latest_ready_revision_name: Option<String>,
    conditions: Vec<Condition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Address {
    url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
    reason: String,
    message: String,
}

impl Function {
    /// What `object` says of itself. `inside`: it is called from inside the cluster.
    pub(super) fn of(object: DynamicObject, scope: &Scope, inside: bool) -> Self {
        let read: Read = serde_json::from_value(object.data).unwrap_or_default();
        let name = object.metadata.name.clone().unwrap_or_default();
        let function = SoleFunction { name, timeout: Some(read.spec.template.spec.timeout_seconds.unwrap_or(TIMEOUT)) };
        let (inner, outer) = (read.status.address.url.as_ref(), read.status.url.as_ref());
        let url = if inside { inner.or(outer) } else { outer.or(inner) };
        let at = match (&read.status.latest_ready_revision_name, url) {
            (Some(_), Some(url)) => Ok(url.clone()),
            _ => Err(not_ready(&read.status.conditions)),
        };
        let revision = read.status.latest_ready_revision_name.map(|revision| (REVISION.to_owned(), revision));
        Self(Service::of_function(
            object.metadata,
            function,
            at,
            revision.into_iter().collect::<BTreeMap<_, _>>(),
            scope,
        ))
    }
}

/// Why there is nothing to call yet.
fn not_ready(conditions: &[Condition]) -> String {
    let ready = conditions.iter().find(|condition| condition.r#type == "Ready" && condition.status != "True");
    match ready {
        Some(ready) => format!("is not ready: {} {}", ready.reason, ready.message).trim_end().to_owned(),
        None => "is not ready".to_owned(),
    }
}

impl Part for Function {
    fn put(now: Option<Self>, key: &Arc<str>, view: &mut View) {
        Service::put(now.map(|Self(service)| service), &own_key(key), view);
    }

    fn keys(view: &View) -> Vec<Arc<str>> {
        let keys = view.services().filter(|key| is_function(key));
        keys.map(|key| key.replace(KEY, "/").into()).collect()
    }
}

/// The key in the view of the one that has `key` in the cluster.
fn own_key(key: &str) -> Arc<str> {
    key.replacen('/', KEY, 1).into()
}

/// Whether the key is of a Service of Knative.
pub(super) fn is_function(key: &str) -> bool {
    key.contains(KEY)
}

/// Watches them, in one namespace or in all, whenever the cluster has the kind.
pub(super) fn watch(
    name: Name,
    client: &Client,
    namespace: Option<&str>,
    config: watcher::Config,
    read: impl Fn(DynamicObject) -> Function + Clone + Send + 'static,
) -> BoxStream<'static, (Name, Said)> {
    let kind = GroupVersionKind::gvk("serving.knative.dev", "v1", "Service");
    let kind = ApiResource::from_gvk_with_plural(&kind, "services");
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind),
        None => Api::all_with(client.clone(), &kind),
    };
    let client = client.clone();
    let again = stream::once(ready(false)).chain(stream::repeat(true));
    let said = again.flat_map(move |again| {
        let (of, read) = (name.clone(), read.clone());
        let is_known = |told: &Told<_>| ready(!matches!(told, Told::Unknown));
        let watched = told::objects(api.clone(), config.clone()).take_while(is_known);
        let watched = watched.map(move |told| watch::said(&of, told, &|object| Some(read(object))));
        let removed = stream::once(ready(nothing(&name)));
        let (said, name) = (watched.chain(removed), name.clone());
        awaited(name.clone(), client.clone(), kind.clone(), again).chain(said).map(move |said| (name.clone(), said))
    });
    said.boxed()
}

/// There is none of them.
fn nothing(name: &Name) -> Said {
    Said::Listed(watch::gone::<Function>(name.clone(), HashSet::new()))
}

/// Ends when the cluster has the kind; until then says that there is nothing of it, or why that is not known. `again`: that there is
/// nothing was said before.
fn awaited(name: Name, client: Client, kind: ApiResource, again: bool) -> impl Stream<Item = Said> + Send {
    stream::unfold((again, again), move |(again, is_told)| {
        let (name, client, kind) = (name.clone(), client.clone(), kind.clone());
        async move {
            if again {
                sleep(jitter(limits::KIND_APPEARS)).await;
            }
            let is_absent = match client.list_api_group_resources(&kind.api_version).await {
                Ok(known) if known.resources.iter().any(|resource| resource.name == kind.plural) => return None,
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                Err(error) => Err(cause(&error)),
            };
            let said = match is_absent {
                // A list is told of in full: the same one again would be work for nothing.
                Ok(()) if is_told => Said::Change(Box::new(|_| {})),
                Ok(()) => nothing(&name),
                Err(cause) => Said::Failed(cause),
            };
            let is_told = is_told || matches!(said, Said::Listed(_));
            Some((said, (true, is_told)))
        }
    })
}

#[cfg(test)]
mod tests {
    use catalog::report::Listed;
    use serde_json::{Value, json};

    use super::*;
    use crate::sources::kubernetes::config_maps::ConfigMaps;

    fn listed(spec: Value, status: Value, inside: bool) -> (Vec<Listed>, Vec<String>) {
        let object = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "hello", "namespace": "shop"},
            "spec": spec, "status": status,
        });
        let scope = Scope::default();
        let mut view = View::new(&scope, ConfigMaps::default(), "s".into());
        let function = Function::of(serde_json::from_value(object).unwrap(), &scope, inside);
        Function::put(Some(function), &"shop/hello".into(), &mut view);
        assert_eq!(Function::keys(&view), ["shop/hello".into()]);
        assert!(Service::keys(&view).is_empty());
        let left_out = view.left_out().map(|(what, why)| format!("{what}: {why}")).collect();
        (view.listed("shop/knative/hello"), left_out)
    }

    fn ready() -> Value {
        json!({
            "url": "https://hello.shop.example.com", "address": {"url": "http://hello.shop.svc.cluster.local"},
            "latestReadyRevisionName": "hello-00002", "conditions": [{"type": "Ready", "status": "True"}],
        })
    }

    #[test]
    fn a_service_of_knative_is_one_function_where_knative_says() {
        let (all, left_out) = listed(json!({"template": {"spec": {"timeoutSeconds": 60}}}), ready(), true);
        let one = &all[0];
        assert_eq!((&*one.key, &*one.name, all.len(), left_out.len()), ("shop/hello", "shop-hello", 1, 0));
        assert_eq!(one.spec.host.as_deref(), Some("hello.shop.svc.cluster.local"));
        assert_eq!(one.spec.sole_function, Some(SoleFunction { name: "hello".into(), timeout: Some(60) }));
        assert_eq!(one.spec.labels[REVISION], "hello-00002");
        let (all, _) = listed(json!({}), ready(), false);
        assert_eq!(all[0].spec.host.as_deref(), Some("hello.shop.example.com"));
        assert_eq!(all[0].spec.protocol, Some(catalog::model::Protocol::Https));
        assert_eq!(all[0].spec.sole_function.as_ref().unwrap().timeout, Some(TIMEOUT));
    }

    #[test]
    fn what_cannot_be_called_is_left_out_with_the_reason() {
        let check = |status: Value, wanted: &str| {
            let (all, left_out) = listed(json!({}), status, true);
            assert!(all.is_empty() && left_out == [format!("Knative shop/hello: {wanted}")], "{left_out:?}");
        };
        check(json!({}), "is not ready");
        let condition = json!({"type": "Ready", "status": "False", "reason": "RevisionMissing", "message": "no image"});
        check(json!({"conditions": [condition]}), "is not ready: RevisionMissing no image");
        check(json!({"latestReadyRevisionName": "a", "url": "ftp://a"}), "ftp://a cannot be called");
        check(json!("?"), "is not ready");
    }
}
