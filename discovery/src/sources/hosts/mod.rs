//! Upstreams whose hosts are written down: names are resolved here, again and again, so that the catalog has addresses alone.
//!
//! Shared by the sources that have such lists. A name that cannot be resolved keeps its last good addresses, those of an earlier run too.

mod like;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use catalog::model::{Endpoint, Health, UpstreamSpec};
use catalog::report::{Listed, Over, Receipt, Report};
use catalog::{CatalogError, Snapshot};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::clouds::Cloud;
use crate::reports::Reports;
use crate::source::SourceError;
use like::Followed;
pub(crate) use like::Like;
pub(crate) use names::{AT_ONCE, Lookup, ask, system};
pub(crate) use names::{Answer, Names};

/// How long the first full list waits for names: one that hangs must not hide the others.
pub(crate) const FIRST_ANSWERS: Duration = Duration::from_secs(2);

/// After a report that the store could not take: all is told again then.
const AGAIN: Duration = Duration::from_secs(1);

/// An upstream as it is written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    /// The source's key for it.
    pub(crate) key: Arc<str>,
    /// The name that it asks for.
    pub(crate) name: String,
    /// Its namespace, where one is given.
    pub(crate) namespace: Option<String>,
    /// What is said of it.
    pub(crate) spec: UpstreamSpec,
    /// Where it is.
    pub(crate) hosts: Vec<Host>,
    /// The upstream of another source that it stands for, where it has no hosts of its own.
    pub(crate) like: Option<Like>,
    /// What of it a cloud lists.
    pub(crate) cloud: Option<Cloud>,
}

/// One host of an upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Host {
    /// Its address, or a name that has some.
    pub(crate) at: At,
    /// Its port.
    pub(crate) port: u16,
    /// The weight of each of its addresses.
    pub(crate) weight: u32,
}

/// Where a host is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum At {
    /// There.
    Address(IpAddr),
    /// Wherever this name leads.
    Name(Arc<str>),
}

impl At {
    /// `text` as an address, else as a name.
    pub(crate) fn new(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_ascii_lowercase().into()), Self::Address)
    }
}

impl From<Listed> for Target {
    /// What is listed, with the addresses that it has now.
    fn from(listed: Listed) -> Self {
        let host = |e: &Endpoint| Host { at: At::Address(e.address.ip()), port: e.address.port(), weight: e.weight };
        let hosts = listed.endpoints.iter().map(host).collect();
        let Listed { key, name, namespace, spec, .. } = listed;
        Self { key, name, namespace, spec, hosts, like: None, cloud: None }
    }
}

impl Target {
    /// What an earlier run laid over an upstream of this name, with all that the upstream was then.
    pub(crate) fn laid_over(over: Over, name: String) -> Self {
        let Over { origin, key, spec } = over;
        let (kind, instance) = (origin.source.kind, Some(origin.source.instance));
        let like = Like { kind, instance, key: origin.key, name: name.clone(), with: Vec::new(), without: Vec::new() };
        Self { key, name, namespace: None, spec, hosts: Vec::new(), like: Some(like), cloud: None }
    }
}

/// All that is written down at a time.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    /// What is to be listed.
    pub(crate) targets: Vec<Target>,
    /// What is not, and why.
    pub(crate) left_out: Vec<(String, String)>,
    /// What is certainly gone: its place said so.
    pub(crate) gone: Vec<Arc<str>>,
}

/// Lists what is `written`: each item is all of it, the first one what the full list is made of. Watches until `written` or the
/// catalog breaks; a stream that ends stands for one that never changes.
pub(crate) async fn keep(
    reports: &Reports,
    lookup: Lookup,
    written: impl Stream<Item = Result<Written, SourceError>> + Send,
) -> Result<Infallible, SourceError> {
    let mut written = std::pin::pin!(written.fuse());
    let mut list = List::new(reports, lookup);
    let mut snapshots = reports.snapshots();
    let mut patience = None;
    loop {
        if !list.sent && patience.is_some_and(|end| list.names.all_answered() || Instant::now() >= end) {
            list.send_first().await?;
        }
        let overdue = if list.sent { list.again } else { patience };
        let wait = async {
            match overdue {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(next) = written.next() => {
                list.take(next?).await?;
                patience = patience.or_else(|| Some(Instant::now() + FIRST_ANSWERS));
            }
            answer = list.names.next() => list.answered(answer).await?,
            Ok(()) = snapshots.changed(), if list.sent => {
                let now = snapshots.borrow_and_update().clone();
                list.follow(now).await?;
            }
            () = wait => list.send_again().await?,
        }
    }
}

/// Hands `report` to the catalog. Where the store cannot take it, `again` says when to tell all again: endpoints go on meanwhile.
async fn send(reports: &Reports, report: Report, again: &mut Option<Instant>) -> Result<(), SourceError> {
    match reports.send(report).await {
        Ok(Receipt { held_back: Some(reason), .. }) => tracing::warn!("{reason}"),
        Ok(_) => {}
        Err(CatalogError::Store(_)) => _ = again.get_or_insert_with(|| Instant::now() + AGAIN),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What is listed.
struct List<'a> {
    reports: &'a Reports,
    targets: BTreeMap<Arc<str>, Target>,
    left_out: Vec<(String, String)>,
    names: Names,
    /// What the catalog has from an earlier run, for names that have no answer yet.
    held: HashMap<Arc<str>, Listed>,
    followed: Followed,
    /// The keys of those that stand over an upstream which another source lists.
    above: BTreeSet<Arc<str>>,
    /// What was told last of those that follow another upstream.
    told: HashMap<Arc<str>, Listed>,
    /// What was said last of upstreams that others list.
    over: Option<Vec<Over>>,
    sent: bool,
    /// When to tell all again, because a report was refused.
    again: Option<Instant>,
}

impl<'a> List<'a> {
    fn new(reports: &'a Reports, lookup: Lookup) -> Self {
        let (targets, left_out, names) = (BTreeMap::new(), Vec::new(), Names::new(lookup));
        let followed = Followed::new(reports.snapshot());
        let (held, above, told) = (HashMap::new(), BTreeSet::new(), HashMap::new());
        Self { reports, targets, left_out, names, held, followed, above, told, over: None, sent: false, again: None }
    }

    /// Takes a new list; once the full one was sent, tells the catalog what changed. What is written down is all that there is: where
    /// something is gone, that is another full list, which the catalog doubts if it lacks too much.
    async fn take(&mut self, written: Written) -> Result<(), SourceError> {
        self.left_out = written.left_out;
        let next: BTreeMap<_, _> = written.targets.into_iter().map(|target| (target.key.clone(), target)).collect();
        let mut before = std::mem::replace(&mut self.targets, next);
        self.names.keep(self.targets.values().flat_map(|target| &target.hosts).filter_map(|host| match &host.at {
            At::Name(name) => Some(name.clone()),
            At::Address(_) => None,
        }));
        self.show_left_out();
        if !self.sent {
            return Ok(());
        }
        let was_above = std::mem::take(&mut self.above);
        self.stand();
        for key in written.gone {
            if self.targets.contains_key(&key) || before.remove(&key).is_none() {
                continue;
            }
            self.told.remove(&key);
            send(self.reports, Report::Removed(key), &mut self.again).await?;
        }
        // One that has come to stand over another upstream is none by itself any more.
        let is_none =
            |key: &Arc<str>| !self.targets.contains_key(key) || (self.is_over(key) && !was_above.contains(key));
        let lacks = before.keys().any(is_none);
        if lacks {
            return self.send_all().await;
        }
        for (key, target) in self.targets.iter().filter(|(key, target)| before.get(*key) != Some(target)) {
            if self.is_over(key) {
                continue;
            }
            tracing::debug!(%key, "changed");
            let listed = self.listed(target);
            if target.like.is_some() {
                self.told.insert(key.clone(), listed.clone());
            }
            send(self.reports, Report::Changed(Box::new(listed)), &mut self.again).await?;
        }
        self.send_over().await
    }

    async fn send_first(&mut self) -> Result<(), SourceError> {
        if !self.names.all_known() {
            self.held = self.reports.held().into_iter().map(|listed| (listed.key.clone(), listed)).collect();
        }
        self.stand();
        self.send_all().await?;
        self.sent = true;
        Ok(())
    }

    /// Works out who stands over another upstream, and who follows one.
    fn stand(&mut self) {
        let snapshot = self.reports.snapshot();
        let alike = || self.targets.values().filter_map(|target| Some((target, target.like.as_ref()?)));
        let is_over = |(target, like): &(&Target, &Like)| target.is_over(like, self.reports.namespace(), &snapshot);
        self.above = alike().filter(is_over).map(|(target, _)| target.key.clone()).collect();
        self.followed.set(alike().filter(|(target, _)| !self.above.contains(&target.key)));
    }

    fn is_over(&self, key: &str) -> bool {
        self.above.contains(key)
    }

    /// Takes what changed in the catalog of those that are followed.
    async fn follow(&mut self, now: Arc<Snapshot>) -> Result<(), SourceError> {
        for key in self.followed.touched(now) {
            let Some(target) = self.targets.get(&key) else { continue };
            let listed = self.listed(target);
            let report = match self.told.get(&key) {
                Some(told) if *told == listed => continue,
                Some(told) if told.spec == listed.spec => Report::Endpoints(key.clone(), listed.endpoints.clone()),
                _ => Report::Changed(Box::new(listed.clone())),
            };
            self.told.insert(key, listed);
            send(self.reports, report, &mut self.again).await?;
        }
        Ok(())
    }

    fn laid_over(&self) -> Vec<Over> {
        let above = self.above.iter().filter_map(|key| self.targets.get(key));
        let over = |target: &Target| Some(target.over(target.like.as_ref()?, self.followed.seen()));
        above.filter_map(over).flatten().collect()
    }

    /// Says of upstreams that others list what is laid over them, where that is something else than was said.
    async fn send_over(&mut self) -> Result<(), SourceError> {
        let over = self.laid_over();
        if self.over.as_ref() == Some(&over) {
            return Ok(());
        }
        self.over = Some(over.clone());
        send(self.reports, Report::Over(over), &mut self.again).await
    }

    /// Tells all again where that is due.
    async fn send_again(&mut self) -> Result<(), SourceError> {
        match self.again.take_if(|again| *again <= Instant::now()) {
            Some(_) => self.send_all().await,
            None => Ok(()),
        }
    }

    async fn send_all(&mut self) -> Result<(), SourceError> {
        let own = self.targets.values().filter(|target| !self.is_over(&target.key));
        let all: Vec<_> = own.map(|target| self.listed(target)).collect();
        let alike = |listed: &&Listed| self.targets.get(&listed.key).is_some_and(|target| target.like.is_some());
        self.told = all.iter().filter(alike).map(|listed| (listed.key.clone(), listed.clone())).collect();
        self.over = None;
        // First, so that a name which both want goes to the one that others list.
        self.send_over().await?;
        send(self.reports, Report::Full(all), &mut self.again).await
    }

    /// Takes the answer for one name.
    async fn answered(&mut self, answer: Answer) -> Result<(), SourceError> {
        let changed = self.names.answered(answer.clone());
        if changed && self.sent {
            for (key, target) in &self.targets {
                if target.hosts.iter().any(|host| host.at == At::Name(answer.name.clone())) {
                    let report = Report::Endpoints(key.clone(), self.endpoints(target));
                    send(self.reports, report, &mut self.again).await?;
                }
            }
        }
        if self.sent && self.names.all_known() {
            self.held.clear();
            self.reports.alive();
        }
        self.show_left_out();
        Ok(())
    }

    fn show_left_out(&self) {
        self.reports.leave_out(self.left_out.iter().cloned().chain(self.names.failures()));
    }

    fn listed(&self, target: &Target) -> Listed {
        let (spec, endpoints) = match &target.like {
            Some(like) => target.followed(like, self.followed.seen()),
            None => (target.spec.clone(), self.endpoints(target)),
        };
        let (key, name, namespace) = (target.key.clone(), target.name.clone(), target.namespace.clone());
        Listed { key, name, namespace, spec, endpoints }
    }

    fn endpoints(&self, target: &Target) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        for host in &target.hosts {
            let at = |ip: &IpAddr| Endpoint { weight: host.weight, ..Endpoint::at(SocketAddr::new(*ip, host.port)) };
            match &host.at {
                At::Address(ip) => endpoints.push(at(ip)),
                At::Name(name) => match self.names.addresses(name) {
                    Some(addresses) => endpoints.extend(addresses.iter().map(at)),
                    None => endpoints.extend(self.held_at(target, host.port)),
                },
            }
        }
        endpoints.sort_by_key(|endpoint| endpoint.address);
        endpoints.dedup_by_key(|endpoint| endpoint.address);
        endpoints
    }

    /// The endpoints that an earlier run found for `target` at `port`; none where it was another host then.
    fn held_at(&self, target: &Target, port: u16) -> impl Iterator<Item = Endpoint> {
        let held = self.held.get(&target.key).filter(|held| held.spec.host == target.spec.host);
        let endpoints = held.into_iter().flat_map(|held| &held.endpoints).cloned();
        endpoints.filter(move |held| held.health == Health::Healthy && held.address.port() == port)
    }
}
