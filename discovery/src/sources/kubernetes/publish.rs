//! Tells the catalog what the view says: a full list first, what changes after, many Services at a time but never two reports of one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use catalog::CatalogError;
use catalog::report::{Listed, Receipt, Report};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::watch as channel;
use tokio::time::{Instant, interval_at, sleep_until};

use super::config_maps;
use super::failing::Failing;
use super::limits;
use super::scope::Scope;
use super::secrets::SecretName;
use super::view::{View, namespace};
use super::watch::{Name, Said, kind, tells_of};
use crate::sources::hosts::{Answer, Names};
use crate::{Reports, SourceError};

/// The watch without which nothing can be told.
pub(super) const SERVICES: &str = "services";
/// The watch that has endpoints.
pub(super) const SLICES: &str = "endpointslices";

/// The watch that has the labels of Namespaces.
pub(super) const NAMESPACES: &str = "namespaces";

/// The watch of Knative's Services.
pub(super) const FUNCTIONS: &str = "knative services";

/// The part that reads documents.
const CONFIG_MAPS: &str = "configmaps";

/// What came of telling of a Service, or of the full list.
type Acknowledged = (Option<Arc<str>>, Result<Receipt, CatalogError>);

/// Tells of one cluster.
pub(super) struct Publisher<'a> {
    reports: &'a Reports,
    scope: Arc<Scope>,
    view: View,
    beside: Beside,
    /// Watches that have not told of everything yet.
    unlisted: BTreeSet<Name>,
    /// Watches that fail.
    failing: Failing<Name>,
    names: Vec<Name>,
    /// The endpoints that the catalog has from an earlier run, by upstream.
    held: HashMap<Arc<str>, Listed>,
    changed: BTreeSet<Arc<str>>,
    /// What the catalog was told last of each Service.
    told: HashMap<Arc<str>, Upstreams>,
    on_their_way: FuturesUnordered<BoxFuture<'a, Acknowledged>>,
    /// The Services among them.
    busy: HashSet<Arc<str>>,
    phase: Phase,
}

/// What Services use beside their slices, each watched as long as one does.
pub(super) struct Beside {
    /// The addresses of hosts outside the cluster.
    pub(super) hosts: Names,
    /// ConfigMaps with documents.
    pub(super) config_maps: config_maps::Watches,
    /// The Secrets with certificates that are wanted.
    pub(super) secrets: channel::Sender<Arc<BTreeSet<SecretName>>>,
}

/// How far a run is.
enum Phase {
    /// The cluster is being read; nothing is told yet. With what there is then, once Services are known.
    Reading(Option<Instant>),
    /// The full list is on its way; whether it is to be told again after that.
    Telling(bool),
    /// The full list is told. If it was held back, or the store could not take it or a change after it, it is told again then.
    Told(Option<Instant>),
    /// It is to be told again, after what is on its way, so that it is the later word.
    Due,
}

/// The upstreams of a Service, by their keys.
type Upstreams = BTreeMap<Arc<str>, Listed>;

impl<'a> Publisher<'a> {
    /// Will tell `reports` what the watches of these names say.
    pub(super) fn new(reports: &'a Reports, names: Vec<Name>, scope: Arc<Scope>, view: View, beside: Beside) -> Self {
        Self {
            reports,
            scope,
            view,
            beside,
            unlisted: names.iter().cloned().collect(),
            names,
            failing: Failing::none(),
            held: reports.held().into_iter().map(as_listed).collect(),
            changed: BTreeSet::new(),
            told: HashMap::new(),
            on_their_way: FuturesUnordered::new(),
            busy: HashSet::new(),
            phase: Phase::Reading(None),
        }
    }

    /// Tells what `watches` say until they all fail, or the catalog is closed.
    pub(super) async fn publish(
        mut self,
        mut watches: impl Stream<Item = (Name, Said)> + Unpin,
    ) -> Result<Infallible, SourceError> {
        let mut alive = interval_at(Instant::now() + limits::ALIVE, limits::ALIVE);
        loop {
            let due = match self.phase {
                Phase::Reading(due) | Phase::Told(due) => due,
                Phase::Telling(_) | Phase::Due => None,
            };
            tokio::select! {
                Some((name, said)) = watches.next() => {
                    self.take(name, said)?;
                    for _ in 1..limits::BURST {
                        let Some(Some((name, said))) = watches.next().now_or_never() else { break };
                        self.take(name, said)?;
                    }
                }
                answer = self.beside.hosts.next() => self.resolved(answer),
                (config_map, said) = self.beside.config_maps.next() => self.read(&config_map, said),
                Some((service, receipt)) = self.on_their_way.next() => self.arrived(service, receipt)?,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.phase = Phase::Due,
                now = alive.tick() => self.alive(now),
            }
            self.advance();
        }
    }

    fn take(&mut self, name: Name, said: Said) -> Result<(), SourceError> {
        match said {
            Said::Change(change) => {
                change(&mut self.view);
                self.works(&name);
            }
            Said::Listed(change) => {
                change(&mut self.view);
                self.works(&name);
                if self.unlisted.remove(&name) {
                    if let (SERVICES, Phase::Reading(due)) = (kind(&name), &mut self.phase) {
                        due.get_or_insert_with(|| Instant::now() + limits::READING);
                    }
                    self.changed.extend(self.view.services().cloned());
                }
                let selects = kind(&name) == NAMESPACES && !self.scope.namespace_selector.is_empty();
                if selects || matches!(kind(&name), SERVICES | FUNCTIONS) {
                    // What it lacks may be the server's loss: the catalog holds that back, as of every full list.
                    self.phase = match self.phase {
                        Phase::Telling(_) => Phase::Telling(true),
                        Phase::Reading(due) => Phase::Reading(due),
                        Phase::Told(_) | Phase::Due => Phase::Due,
                    };
                }
            }
            Said::Failed(cause) => {
                if self.failing.fails(&name).times == 1 {
                    tracing::warn!(watch = %name, %cause, "kubernetes.watch_failed");
                }
                if self.knows_nothing(Instant::now()) || self.is_cut_off() {
                    return Err(SourceError::Place { act: format!("watch {name}"), cause });
                }
                self.reports.part(&name, Some(cause));
            }
        }
        Ok(())
    }

    fn resolved(&mut self, answer: Answer) {
        let host = answer.name.clone();
        self.beside.hosts.answered(answer);
        // Of a name that cannot be resolved the last good addresses are kept.
        match self.beside.hosts.addresses(&host) {
            Some(addresses) => self.view.resolved(&host, addresses),
            None => self.leave_out(),
        }
    }

    fn read(&mut self, config_map: &Arc<str>, said: Result<Option<ConfigMap>, String>) {
        self.reports.part(CONFIG_MAPS, self.beside.config_maps.failure());
        self.view.take_config_map(config_map, said);
    }

    /// Says what is left out, and which hosts cannot be resolved.
    fn leave_out(&self) {
        self.reports.leave_out(self.view.left_out().chain(self.beside.hosts.failures()));
    }

    /// Whether nothing can be told, as what that takes cannot be read anywhere, or can no longer be for long.
    fn knows_nothing(&self, now: Instant) -> bool {
        let is_blind = |name: &Name| {
            let failing = self.failing.get(name);
            failing.is_some_and(|failing| {
                self.unlisted.contains(name) || now.duration_since(failing.since) > limits::BLIND
            })
        };
        let none = |of: &str| self.names.iter().filter(|name| kind(name) == of).all(is_blind);
        none(SERVICES) || (!self.scope.namespace_selector.is_empty() && none(NAMESPACES))
    }

    /// Whether nothing is heard of the cluster any more. A kind that it may not have is asked for too seldom to count.
    fn is_cut_off(&self) -> bool {
        let mut known = self.names.iter().filter(|name| kind(name) != FUNCTIONS);
        known.all(|name| self.failing.get(name).is_some())
    }

    /// Whether the watch of `of` that tells of `namespace` has not done so yet.
    fn is_unlisted(&self, of: &str, namespace: &str) -> bool {
        self.unlisted.iter().any(|name| kind(name) == of && tells_of(name, namespace))
    }

    fn works(&mut self, name: &Name) {
        if self.failing.works(name) {
            self.reports.part(name, None);
        }
    }

    fn alive(&mut self, now: Instant) {
        for name in self.failing.quiet(now) {
            if !self.unlisted.contains(&name) {
                self.works(&name);
            }
        }
        let stands = |name: &Name| self.failing.get(name).is_none() || self.unlisted.contains(name);
        if self.names.iter().all(stands) && matches!(self.phase, Phase::Told(_)) {
            self.reports.alive();
        }
    }

    /// Sends what can be sent now.
    fn advance(&mut self) {
        self.changed.append(&mut self.view.changed());
        if let Some(hosts) = self.view.hosts_anew() {
            self.beside.hosts.keep(hosts);
        }
        let watches = &mut self.beside.config_maps;
        let too_many = self.view.config_maps_anew().map(|config_maps| watches.keep(config_maps));
        if too_many.is_some() {
            self.reports.part(CONFIG_MAPS, self.beside.config_maps.failure());
        }
        for config_map in too_many.into_iter().flatten() {
            let most = limits::CONFIG_MAPS;
            self.view.take_config_map(&config_map, Err(format!("at most {most} with documents are watched")));
        }
        if let Some(secrets) = self.view.secrets_anew() {
            self.beside.secrets.send_replace(secrets.into());
        }
        if self.view.leaves_out_anew() {
            self.leave_out();
        }
        match self.phase {
            Phase::Reading(_) if self.unlisted.iter().all(|name| self.failing.get(name).is_some()) => self.tell_all(),
            Phase::Due if self.on_their_way.is_empty() => self.tell_all(),
            Phase::Told(_) => self.tell_changes(),
            Phase::Reading(_) | Phase::Telling(_) | Phase::Due => {}
        }
    }

    fn wanted(&self, service: &str) -> Upstreams {
        let mut listed = self.view.listed(service);
        let (without_slices, without_namespaces) =
            (self.is_unlisted(SLICES, namespace(service)), self.is_unlisted(NAMESPACES, namespace(service)));
        let (without_endpoints, host) = match self.view.outside(service) {
            Some(host) => (!self.view.is_resolved(host), Some(&**host)),
            None => (without_slices, None),
        };
        let awaits_document = self.view.awaits_document(service);
        // What is not known now stays as in an earlier run.
        for listed in &mut listed {
            let held = self.held.get(&listed.key);
            if without_endpoints {
                // Another host has other addresses.
                let held = held.filter(|held| host.is_none_or(|host| held.spec.host.as_deref() == Some(host)));
                listed.endpoints = held.map(|held| held.endpoints.clone()).unwrap_or_default();
            }
            if awaits_document
                && let Some(version) = held.and_then(|held| held.spec.hints.openapi.as_ref())
                && listed.spec.hints.openapi.as_ref().is_some_and(|at| version.starts_with(&format!("{at}#")))
            {
                listed.spec.hints.openapi = Some(version.clone());
            }
            if without_namespaces && let Some(known) = held.and_then(|held| held.spec.home.as_ref()) {
                listed.spec.home = Some(known.clone());
            }
        }
        listed.into_iter().map(|listed| (listed.key.clone(), listed)).collect()
    }

    fn tell_all(&mut self) {
        self.changed.clear();
        self.leave_out();
        let services: Vec<_> = self.view.services().cloned().collect();
        self.told = services.into_iter().map(|service| (service.clone(), self.wanted(&service))).collect();
        let told = self.told.values().flat_map(|told| told.values().cloned());
        // A namespace that could not be read yet keeps what an earlier run listed of it.
        let unread = |held: &&Listed| {
            let namespace = namespace(&held.key);
            let selects = !self.scope.namespace_selector.is_empty();
            let of = if held.spec.sole_function.is_some() { FUNCTIONS } else { SERVICES };
            let unread = self.is_unlisted(of, namespace) || (selects && self.is_unlisted(NAMESPACES, namespace));
            self.scope.watches(namespace) && unread
        };
        let all = told.chain(self.held.values().filter(unread).cloned()).collect();
        let reports = self.reports;
        self.on_their_way.push(Box::pin(async move { (None, reports.send(Report::Full(all)).await) }));
        self.phase = Phase::Telling(false);
    }

    fn tell_changes(&mut self) {
        let due: Vec<_> = self.changed.iter().filter(|service| !self.busy.contains(*service)).cloned().collect();
        for service in due {
            if self.on_their_way.len() >= limits::REPORTS {
                break;
            }
            self.changed.remove(&service);
            let wanted = self.wanted(&service);
            let reports = difference(self.told.get(&service), &wanted);
            match wanted.is_empty() {
                true => _ = self.told.remove(&service),
                false => _ = self.told.insert(service.clone(), wanted),
            }
            if !reports.is_empty() {
                self.busy.insert(service.clone());
                let to = self.reports;
                self.on_their_way.push(Box::pin(async move {
                    let all = try_join_all(reports.into_iter().map(|report| to.send(report))).await;
                    (Some(service), all.map(|mut receipts| receipts.pop().unwrap_or_default()))
                }));
            }
        }
    }

    fn arrived(
        &mut self,
        service: Option<Arc<str>>,
        receipt: Result<Receipt, CatalogError>,
    ) -> Result<(), SourceError> {
        let now = Instant::now();
        match (service, receipt) {
            (Some(service), Ok(_)) => _ = self.busy.remove(&service),
            // Endpoints are shown whatever the store does, so the run goes on.
            (service, Err(CatalogError::Store(_))) => {
                service.inspect(|service| _ = self.busy.remove(service));
                if !matches!(self.phase, Phase::Due) {
                    self.phase = Phase::Told(Some(now + limits::REFUSED));
                }
            }
            (None, Ok(receipt)) => {
                if let Some(reason) = &receipt.held_back {
                    tracing::warn!("the full list is held back: {reason}");
                }
                self.phase = match self.phase {
                    Phase::Telling(true) => Phase::Due,
                    _ => Phase::Told(receipt.held_back.map(|_| now + limits::TELL_AGAIN)),
                };
            }
            (_, Err(error)) => return Err(error.into()),
        }
        Ok(())
    }
}

/// What the catalog holds, as this source lists it.
fn as_listed(held: Listed) -> (Arc<str>, Listed) {
    let name = held.key.replace(['/', ':'], "-");
    (held.key.clone(), Listed { name, namespace: None, ..held })
}

/// What makes of `told` what is `wanted`.
fn difference(told: Option<&Upstreams>, wanted: &Upstreams) -> Vec<Report> {
    let none = Upstreams::new();
    let told = told.unwrap_or(&none);
    let gone = told.keys().filter(|key| !wanted.contains_key(*key)).map(|key| Report::Removed(key.clone()));
    let changed = wanted.iter().filter_map(|(key, now)| match told.get(key) {
        Some(before) if before == now => None,
        Some(before) if before.spec == now.spec => Some(Report::Endpoints(key.clone(), now.endpoints.clone())),
        _ => Some(Report::Changed(Box::new(now.clone()))),
    });
    gone.chain(changed).collect()
}
