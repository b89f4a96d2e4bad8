//! What is known of the cluster, joined from several watches, and which Services it changed for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use catalog::report::Listed;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};

use super::config_maps::ConfigMaps;
use super::knative;
use super::map::{Service, Slice};
use super::outside::Outside;
use super::scope::Scope;
use super::secrets::SecretName;
use crate::eligibility;
use crate::sources::hints;

/// The cluster, as far as it was told of.
#[derive(Default)]
pub(super) struct View {
    services: BTreeMap<Arc<str>, Service>,
    slices: BTreeMap<Arc<str>, Slice>,
    /// The slices of each Service, of unknown ones too: which of the two is told of first is chance.
    of_service: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
    namespaces: BTreeMap<Arc<str>, Says>,
    outside: Outside,
    config_maps: ConfigMaps,
    /// What the names of Secrets begin with on the keyring.
    secrets: Arc<str>,
    /// Whether others may be named than were.
    names_secrets: bool,
    /// Whether namespaces have to be selected, so that one that is not known is not.
    selects_namespaces: bool,
    changed: BTreeSet<Arc<str>>,
    /// Whether something else is left out than was.
    leaves_out: bool,
}

/// Why a Service of a namespace that is not selected is left out.
const NOT_SELECTED: &str = "kubernetes.namespaceSelector does not select its namespace";

/// A kind of objects that a view is made of, each under a key of its own.
pub(super) trait Part {
    /// Puts `self` into the view, or takes away what is there under `key`.
    fn put(now: Option<Self>, key: &Arc<str>, view: &mut View)
    where
        Self: Sized;

    /// The keys that the view has of this kind.
    fn keys(view: &View) -> Vec<Arc<str>>;
}

/// What a Namespace says of all in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Says {
    /// Of looking at it.
    discovery: Option<bool>,
    /// Whether it is selected.
    selected: bool,
}

impl View {
    /// Nothing is known yet.
    pub(super) fn new(scope: &Scope, config_maps: ConfigMaps, secrets: Arc<str>) -> Self {
        let selects_namespaces = !scope.namespace_selector.is_empty();
        Self { selects_namespaces, config_maps, secrets, ..Self::default() }
    }

    /// All upstreams of a Service; none where there is no such Service.
    pub(super) fn listed(&self, service: &str) -> Vec<Listed> {
        let Some(known) = self.services.get(service) else { return Vec::new() };
        let mut listed = self.called(service, known);
        if let Some(document) = known.document() {
            let location = self.config_maps.location(document);
            listed.iter_mut().for_each(|listed| listed.spec.hints.openapi = Some(location.clone()));
        }
        for secret in listed.iter_mut().filter_map(|listed| listed.spec.tls.as_mut()?.secret.as_mut()) {
            *secret = format!("{}/{secret}", self.secrets);
        }
        listed
    }

    /// The same, but for where documents are.
    fn called(&self, service: &str, known: &Service) -> Vec<Listed> {
        let says = self.namespaces.get(namespace(service));
        if self.is_out(service) {
            return Vec::new();
        }
        let discovery = says.and_then(|says| says.discovery);
        if let Some(host) = &known.outside {
            return known.listed_at(&self.outside.addresses(host).unwrap_or_default(), discovery);
        }
        let slices = self.of_service.get(service).into_iter().flatten();
        let slices: Vec<_> = slices.filter_map(|slice| self.slices.get(slice)).collect();
        known.listed(&slices, discovery)
    }

    /// The host outside the cluster that a Service points to.
    pub(super) fn outside(&self, service: &str) -> Option<&Arc<str>> {
        self.services.get(service)?.outside.as_ref()
    }

    /// Whether that host's addresses are known.
    pub(super) fn is_resolved(&self, host: &str) -> bool {
        self.outside.addresses(host).is_some()
    }

    /// All such hosts, if they are others than at the last call.
    pub(super) fn hosts_anew(&mut self) -> Option<impl Iterator<Item = Arc<str>>> {
        self.outside.hosts_anew()
    }

    /// A host is at `addresses`.
    pub(super) fn resolved(&mut self, host: &Arc<str>, addresses: &BTreeSet<IpAddr>) {
        self.changed.append(&mut self.outside.resolved(host, addresses));
        self.leaves_out = true;
    }

    /// All ConfigMaps with documents, if they are others than at the last call.
    pub(super) fn config_maps_anew(&mut self) -> Option<impl Iterator<Item = Arc<str>>> {
        self.config_maps.users.anew()
    }

    /// Takes what was said of one.
    pub(super) fn take_config_map(&mut self, config_map: &Arc<str>, said: Result<Option<ConfigMap>, String>) {
        if self.config_maps.take(config_map, said) {
            self.changed.extend(self.config_maps.users.of(config_map).into_iter().flatten().cloned());
        }
    }

    /// Whether the document of a Service is in a ConfigMap that was not read yet.
    pub(super) fn awaits_document(&self, service: &str) -> bool {
        let document = self.services.get(service).and_then(Service::document);
        document.is_some_and(|document| !self.config_maps.is_read(document))
    }

    /// All Secrets that Services name, if these may be others than at the last call.
    pub(super) fn secrets_anew(&mut self) -> Option<BTreeSet<SecretName>> {
        let named = |service: &Service| service.secrets().filter_map(secret_name).collect::<Vec<_>>();
        std::mem::take(&mut self.names_secrets).then(|| self.services.values().flat_map(named).collect())
    }

    /// Whether the Service is in a namespace that is not selected.
    fn is_out(&self, service: &str) -> bool {
        self.namespaces.get(namespace(service)).map_or(self.selects_namespaces, |says| !says.selected)
    }

    /// The Services that there are.
    pub(super) fn services(&self) -> impl Iterator<Item = &Arc<str>> {
        self.services.keys()
    }

    /// The Services that may list something else than they did.
    pub(super) fn changed(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.changed)
    }

    /// What is no upstream, each with the reason.
    pub(super) fn left_out(&self) -> impl Iterator<Item = (String, String)> {
        let of_services = self.services.iter().flat_map(|(key, service)| {
            let is_selected = !self.is_out(key);
            let of_service = service.left_out.iter().filter(move |_| is_selected);
            let of_namespace = (!is_selected).then(|| (key.to_string(), NOT_SELECTED.to_owned()));
            of_service.map(|(what, reason)| (what.clone(), reason.clone())).chain(of_namespace)
        });
        of_services.chain(self.outside.refused())
    }

    /// Whether that may be something else than at the last call.
    pub(super) fn leaves_out_anew(&mut self) -> bool {
        std::mem::take(&mut self.leaves_out)
    }
}

impl Part for Service {
    fn put(now: Option<Self>, key: &Arc<str>, view: &mut View) {
        if now.as_ref() == view.services.get(key) {
            return;
        }
        view.changed.insert(key.clone());
        let uses = |service: &Self| (service.outside.clone(), service.document().map(|d| d.config_map.clone()));
        let (host, config_map) = view.services.get(key).map(uses).unwrap_or_default();
        let (new_host, new_config_map) = now.as_ref().map(uses).unwrap_or_default();
        view.outside.point(key, host.as_ref(), new_host.as_ref());
        if let Some(unused) = view.config_maps.users.change(key, config_map.as_ref(), new_config_map.as_ref()) {
            view.config_maps.drop(unused);
        }
        let names_secrets = |service: Option<&Self>| service.is_some_and(|service| service.secrets().next().is_some());
        view.names_secrets |= names_secrets(view.services.get(key)) || names_secrets(now.as_ref());
        let leaves_out = |service: &Self| !service.left_out.is_empty();
        view.leaves_out |= now.as_ref().is_some_and(leaves_out) || view.is_out(key);
        let before = match now {
            Some(now) => view.services.insert(key.clone(), now),
            None => view.services.remove(key),
        };
        view.leaves_out |= before.as_ref().is_some_and(leaves_out);
    }

    fn keys(view: &View) -> Vec<Arc<str>> {
        view.services.keys().filter(|key| !knative::is_function(key)).cloned().collect()
    }
}

impl Part for Slice {
    fn put(now: Option<Self>, key: &Arc<str>, view: &mut View) {
        if let Some(now) = &now {
            if view.slices.get(key) == Some(now) {
                return;
            }
            view.of_service.entry(now.service.clone()).or_default().insert(key.clone());
            view.changed.insert(now.service.clone());
        }
        let service = now.as_ref().map(|now| now.service.clone());
        let before = match now {
            Some(now) => view.slices.insert(key.clone(), now),
            None => view.slices.remove(key),
        };
        // It may have been another Service's.
        if let Some(before) = before.filter(|before| Some(&before.service) != service.as_ref()) {
            if let Some(slices) = view.of_service.get_mut(&before.service) {
                slices.remove(key);
                if slices.is_empty() {
                    view.of_service.remove(&before.service);
                }
            }
            view.changed.insert(before.service);
        }
    }

    fn keys(view: &View) -> Vec<Arc<str>> {
        view.slices.keys().cloned().collect()
    }
}

impl Says {
    /// What `namespace` says.
    pub(super) fn of(namespace: &Namespace, scope: &Scope) -> Option<Self> {
        let none = BTreeMap::new();
        let labels = namespace.metadata.labels.as_ref().unwrap_or(&none);
        let discovery = labels.get(eligibility::LABEL).and_then(|value| hints::switch(value).ok());
        let says = Self { discovery, selected: scope.namespace_selector.selects(labels) };
        // Most say nothing, and are not kept where none has to be selected.
        (says != Self { discovery: None, selected: true } || !scope.namespace_selector.is_empty()).then_some(says)
    }
}

impl Part for Says {
    fn put(now: Option<Self>, key: &Arc<str>, view: &mut View) {
        let before = match now {
            Some(now) => view.namespaces.insert(key.clone(), now),
            None => view.namespaces.remove(key),
        };
        if before != now {
            let selects = view.selects_namespaces;
            let is_out = |says: Option<Self>| says.map_or(selects, |says| !says.selected);
            view.leaves_out |= is_out(before) != is_out(now);
            let services: Vec<_> =
                view.services.keys().filter(|service| namespace(service) == &**key).cloned().collect();
            view.changed.extend(services);
        }
    }

    fn keys(view: &View) -> Vec<Arc<str>> {
        view.namespaces.keys().cloned().collect()
    }
}

/// The namespace that the key of an object begins with.
pub(in crate::sources) fn namespace(key: &str) -> &str {
    key.split_once('/').map_or(key, |(namespace, _)| namespace)
}

fn secret_name(named: &str) -> Option<SecretName> {
    named.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
}
