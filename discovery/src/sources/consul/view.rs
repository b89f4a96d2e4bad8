//! What the source knows of Consul: written by the data centres, read by the publisher, kept over the runs of the source, so that a
//! data centre that is away keeps its last endpoints.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catalog::report::Listed;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::belief::{Belief, Missing};
use super::client::Answer;
use super::error::Cause;
use super::limits;
use super::map::{self, Part};
use super::wire::Services;

/// All data centres, the local one first, then in the order in which Consul listed them: by distance.
#[derive(Default, Debug)]
pub(super) struct View {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default, Debug)]
struct State {
    centres: Vec<Centre>,
    /// Services that differ from what was published, in the order in which they changed.
    dirty: VecDeque<Arc<str>>,
    marked: HashSet<Arc<str>>,
    /// More is doubted than the catalog was told; only a full list can say so.
    is_doubted: bool,
}

#[derive(Debug)]
struct Centre {
    name: Arc<str>,
    services: BTreeMap<Arc<str>, Part>,
    /// Those of them that Consul lists no more, and that are not believed gone.
    doubted: BTreeSet<Arc<str>>,
    belief: Belief,
    /// Since when Consul lists it no more.
    absent: Option<Instant>,
    /// It was absent for long; its place is free.
    gone: bool,
    /// Was read as a whole, in this run or an earlier one.
    known: bool,
    /// Was read as a whole in this run.
    fresh: bool,
}

/// What a full list would be made of now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    /// The local data centre is still being read.
    Nothing,
    /// The local one is read; another one never was.
    Local,
    /// Everything is known.
    Everything,
}

impl View {
    /// A run begins with `centres`, the local one first. Others that were known before stay known, so that new ones get the places
    /// that are left. The first run of a process begins with what the catalog `held`. Returns the names of all in order.
    pub(super) fn begin(&self, centres: &[Arc<str>], held: impl FnOnce() -> Vec<Listed>) -> Vec<Arc<str>> {
        let mut state = self.state();
        let mut before = std::mem::take(&mut state.centres);
        let held = if before.is_empty() { held() } else { Vec::new() };
        before.retain(|centre| !centre.gone);
        let mut free = limits::DATA_CENTRES.saturating_sub(before.len());
        for (at, name) in centres.iter().enumerate() {
            match before.iter().position(|centre| centre.name == *name) {
                Some(known) => state.centres.push(before.remove(known)),
                None if at == 0 || free > 0 => {
                    free = free.saturating_sub(1);
                    state.centres.push(Centre::new(name));
                }
                None => {}
            }
        }
        state.centres.append(&mut before);
        let count = state.centres.len();
        for (at, centre) in state.centres.iter_mut().enumerate() {
            let parts = held.iter().filter_map(|listed| Some((listed.key.clone(), Part::held(listed, at, count)?)));
            centre.services.extend(parts);
        }
        state.centres.iter_mut().for_each(|centre| centre.fresh = false);
        state.dirty.clear();
        state.marked.clear();
        state.is_doubted = false;
        state.centres.iter().map(|centre| centre.name.clone()).collect()
    }

    /// Adds data centres that were not known, each in the place of one that is gone, else as the farthest, and returns them with their
    /// places.
    pub(super) fn add(&self, names: &[Arc<str>]) -> Vec<(usize, Arc<str>)> {
        let mut state = self.state();
        let mut added = Vec::new();
        for name in names {
            let count = state.centres.len();
            let at = state.centres.iter().position(|centre| centre.gone).unwrap_or(count);
            let is_known = state.centres.iter().any(|centre| centre.name == *name && !centre.gone);
            if at < limits::DATA_CENTRES && !is_known {
                state.centres.splice(at..count.min(at + 1), [Centre::new(name)]);
                added.push((at, name.clone()));
            }
        }
        added
    }

    /// Consul lists the data centres `names`; no answer lists none. One that was lacking for long is gone, with what it had. Returns
    /// those that have just gone, with their places.
    pub(super) fn listed(&self, names: &[Arc<str>]) -> Vec<(usize, Arc<str>)> {
        if names.is_empty() {
            return Vec::new();
        }
        let (mut state, now) = (self.state(), Instant::now());
        let mut gone = Vec::new();
        for (at, centre) in state.centres.iter_mut().enumerate().skip(1).filter(|(_, centre)| !centre.gone) {
            centre.absent = (!names.contains(&centre.name)).then(|| centre.absent.unwrap_or(now));
            centre.gone = centre.absent.is_some_and(|since| now.duration_since(since) >= limits::DISBELIEF);
            if centre.gone {
                gone.push((at, centre.name.clone()));
            }
        }
        for (at, _) in &gone {
            let services = std::mem::take(&mut state.centres[*at].services);
            services.keys().for_each(|service| state.mark(service));
        }
        drop(state);
        self.changed.notify_one();
        gone
    }

    /// The services known of the data centre at `at`.
    pub(super) fn services(&self, at: usize) -> Vec<Arc<str>> {
        self.state().centres[at].services.keys().cloned().collect()
    }

    /// Whether the list of the data centre at `at` is believed; see [`Belief::judge`].
    pub(super) fn judge(
        &self,
        at: usize,
        list: &Answer<Services>,
        missing: (usize, usize),
        first: bool,
    ) -> Result<Missing, Cause> {
        self.state().centres[at].belief.judge(list, missing, first, Instant::now())
    }

    /// The data centre at `at` says `part` of `service`. Returns whether that is news.
    pub(super) fn put(&self, at: usize, service: &Arc<str>, part: Part) -> bool {
        let mut state = self.state();
        let centre = &mut state.centres[at];
        let before = centre.services.get(service);
        if before == Some(&part) {
            return false;
        }
        for note in part.notes.iter().filter(|note| before.is_none_or(|before| !before.notes.contains(*note))) {
            tracing::warn!(%service, data_centre = %centre.name, "{note}");
        }
        centre.services.insert(service.clone(), part);
        state.mark(service);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// The data centre at `at` lists its `doubted` services no more, and all others: those that it had doubted before too.
    pub(super) fn doubt(&self, at: usize, doubted: BTreeSet<Arc<str>>) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.centres[at].doubted, doubted.clone());
        before.difference(&doubted).for_each(|service| state.mark(service));
        state.is_doubted |= !doubted.is_subset(&before);
        drop(state);
        self.changed.notify_one();
    }

    /// The data centre at `at` has `gone` no more.
    pub(super) fn remove(&self, at: usize, gone: &[Arc<str>]) {
        let mut state = self.state();
        for service in gone {
            state.centres[at].doubted.remove(service);
            if state.centres[at].services.remove(service).is_some() {
                state.mark(service);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The data centre at `at` was read as a whole.
    pub(super) fn complete(&self, at: usize) {
        let mut state = self.state();
        let centre = &mut state.centres[at];
        (centre.known, centre.fresh) = (true, true);
        drop(state);
        self.changed.notify_one();
    }

    /// How much a full list would tell now.
    pub(super) fn extent(&self) -> Extent {
        let state = self.state();
        let local = state.centres.first().is_some_and(|centre| centre.fresh);
        match local {
            false => Extent::Nothing,
            true if state.centres.iter().all(|centre| centre.known || centre.gone) => Extent::Everything,
            true => Extent::Local,
        }
    }

    /// Whether more is doubted than the last full list said.
    pub(super) fn is_doubted(&self) -> bool {
        self.state().is_doubted
    }

    /// Everything that is listed, for a full list, and what is doubted; nothing is dirty after.
    pub(super) fn all(&self) -> (Vec<Listed>, Vec<Arc<str>>) {
        let mut state = self.state();
        state.dirty.clear();
        state.marked.clear();
        state.is_doubted = false;
        let names: BTreeSet<_> = state.centres.iter().flat_map(|c| c.services.keys()).collect();
        let (doubted, listed): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| state.doubts(name));
        (listed.into_iter().filter_map(|name| state.listed(name)).collect(), doubted.into_iter().cloned().collect())
    }

    /// The service that has waited longest to be published, but for those that `busy` says no to; with what is to be said of it,
    /// `None` where it is gone. Nothing is said of one that is doubted.
    pub(super) fn next(&self, busy: impl Fn(&str) -> bool) -> Option<(Arc<str>, Option<Listed>)> {
        let mut state = self.state();
        loop {
            let at = state.dirty.iter().position(|name| !busy(name))?;
            let name = state.dirty.remove(at)?;
            state.marked.remove(&name);
            if !state.doubts(&name) {
                let listed = state.listed(&name);
                return Some((name, listed));
            }
        }
    }

    /// `service` is to be published again, as it is then.
    pub(super) fn tell_again(&self, service: &Arc<str>) {
        self.state().mark(service);
    }

    /// Waits for a change. Ask for it before looking.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn mark(&mut self, service: &Arc<str>) {
        if self.marked.insert(service.clone()) {
            self.dirty.push_back(service.clone());
        }
    }

    /// Whether all data centres that have `service` doubt that they still do.
    fn doubts(&self, service: &str) -> bool {
        let mut having = self.centres.iter().filter(|centre| centre.services.contains_key(service)).peekable();
        having.peek().is_some() && having.all(|centre| centre.doubted.contains(service))
    }

    fn listed(&self, service: &Arc<str>) -> Option<Listed> {
        map::merge(service, self.centres.iter().map(|centre| centre.services.get(service)))
    }
}

impl Centre {
    fn new(name: &Arc<str>) -> Self {
        Self {
            name: name.clone(),
            services: BTreeMap::new(),
            doubted: BTreeSet::new(),
            belief: Belief::default(),
            absent: None,
            gone: false,
            known: false,
            fresh: false,
        }
    }
}
