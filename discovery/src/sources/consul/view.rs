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
    /// So much is gone that only a full list may say so.
    mass: bool,
}

#[derive(Debug)]
struct Centre {
    name: Arc<str>,
    services: BTreeMap<Arc<str>, Part>,
    belief: Belief,
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
    /// A run begins with `centres`, the local one first. Others that were known before stay known. The first run of a process
    /// begins with what the catalog `held`. Returns the names of all in order.
    pub(super) fn begin(&self, centres: &[Arc<str>], held: impl FnOnce() -> Vec<Listed>) -> Vec<Arc<str>> {
        let mut state = self.state();
        let mut before = std::mem::take(&mut state.centres);
        let held = if before.is_empty() { held() } else { Vec::new() };
        for name in centres {
            let known = before.iter().position(|centre| centre.name == *name).map(|at| before.remove(at));
            state.centres.push(known.unwrap_or_else(|| Centre::new(name)));
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
        state.mass = false;
        state.centres.iter().map(|centre| centre.name.clone()).collect()
    }

    /// Adds data centres that were not known, as the farthest, and returns them with their places.
    pub(super) fn add(&self, names: &[Arc<str>], most: usize) -> Vec<(usize, Arc<str>)> {
        let mut state = self.state();
        let mut added = Vec::new();
        for name in names {
            if state.centres.len() < most && state.centres.iter().all(|centre| centre.name != *name) {
                added.push((state.centres.len(), name.clone()));
                state.centres.push(Centre::new(name));
            }
        }
        added
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

    /// The data centre at `at` has `gone` no more.
    pub(super) fn remove(&self, at: usize, gone: &[Arc<str>]) {
        let mut state = self.state();
        let before = state.centres[at].services.len();
        state.mass |= gone.len() > limits::MASS && 2 * gone.len() > before;
        for service in gone {
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
            true if state.centres.iter().all(|centre| centre.known) => Extent::Everything,
            true => Extent::Local,
        }
    }

    /// Whether so much is gone at once that only a full list may say so.
    pub(super) fn mass(&self) -> bool {
        self.state().mass
    }

    /// Everything, for a full list; nothing is dirty after.
    pub(super) fn all(&self) -> Vec<Listed> {
        let mut state = self.state();
        state.dirty.clear();
        state.marked.clear();
        state.mass = false;
        let names: BTreeSet<_> = state.centres.iter().flat_map(|c| c.services.keys()).collect();
        names.into_iter().filter_map(|name| state.listed(name)).collect()
    }

    /// The service that has waited longest to be published, but for those that `busy` says no to; with what is to be said of it,
    /// `None` where it is gone.
    pub(super) fn next(&self, busy: impl Fn(&str) -> bool) -> Option<(Arc<str>, Option<Listed>)> {
        let mut state = self.state();
        let at = state.dirty.iter().position(|name| !busy(name))?;
        let name = state.dirty.remove(at)?;
        state.marked.remove(&name);
        let listed = state.listed(&name);
        Some((name, listed))
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

    fn listed(&self, service: &Arc<str>) -> Option<Listed> {
        map::merge(service, self.centres.iter().map(|centre| centre.services.get(service)))
    }
}

impl Centre {
    fn new(name: &Arc<str>) -> Self {
        Self { name: name.clone(), services: BTreeMap::new(), belief: Belief::default(), known: false, fresh: false }
    }
}
