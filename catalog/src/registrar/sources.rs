//! What the registrar knows of the sources: which fail, which are not configured any more, and whose full list is held back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::{SourceId, Stale};
use crate::snapshot::{HeldBack, Snapshot, SourceView};

/// A full list may remove this many entries without being doubted, whatever share of all they are.
const NEVER_HELD: usize = 10;

/// A held-back list that nothing has contradicted for so long is taken.
const HELD_FOR: Duration = Duration::from_secs(300);

/// All that is known of sources.
#[derive(Debug, Default)]
pub(super) struct Sources {
    states: BTreeMap<SourceId, State>,
    /// `None` until the daemon has said it.
    configured: Option<BTreeSet<SourceId>>,
}

#[derive(Debug, Default)]
struct State {
    failing: Option<Stale>,
    unconfigured: Option<Stale>,
    held: Option<Held>,
}

/// A full list that waits.
#[derive(Clone, Debug)]
pub(super) struct Held {
    since: Instant,
    view: HeldBack,
}

impl Held {
    /// The keys that the list lacks.
    pub(super) fn missing(&self) -> &Arc<BTreeSet<Arc<str>>> {
        &self.view.missing
    }
}

impl Sources {
    /// What a snapshot shows.
    pub(super) fn views(&self) -> Arc<BTreeMap<SourceId, SourceView>> {
        let view = |state: &State| SourceView {
            stale: state.unconfigured.as_ref().or(state.failing.as_ref()).cloned(),
            held_back: state.held.as_ref().map(|held| held.view.clone()),
        };
        Arc::new(self.states.iter().map(|(id, state)| (id.clone(), view(state))).collect())
    }

    /// `sources` are configured; of all others that have entries nobody hears any more.
    pub(super) fn configure(&mut self, sources: Vec<SourceId>, snapshot: &Snapshot, now: Timestamp) {
        let sources: BTreeSet<_> = sources.into_iter().collect();
        for (origin, _) in snapshot.origins.iter(None) {
            if !self.states.contains_key(&origin.source) {
                self.states.insert(origin.source.clone(), State::default());
            }
        }
        for source in &sources {
            self.states.entry(source.clone()).or_default();
        }
        for (source, state) in &mut self.states {
            state.unconfigured = match sources.contains(source) {
                true => None,
                false => state.unconfigured.take().or_else(|| {
                    Some(Stale { since: now, reason: format!("the source {source} is not configured any more") })
                }),
            };
        }
        self.configured = Some(sources);
    }

    /// The source fails. A list of it that waits is no standing answer any more.
    pub(super) fn failed(&mut self, source: &SourceId, reason: String, now: Timestamp) {
        let state = self.states.entry(source.clone()).or_default();
        let since = state.failing.as_ref().map_or(now, |failing| failing.since);
        state.failing = Some(Stale { since, reason });
        state.held = None;
    }

    /// The source has reported. Returns whether that is news.
    pub(super) fn heard(&mut self, source: &SourceId) -> bool {
        match self.states.get_mut(source) {
            Some(state) => state.failing.take().is_some(),
            None => self.states.insert(source.clone(), State::default()).is_none(),
        }
    }

    /// Whether a full list that lacks `missing` of `all` entries is to be doubted.
    pub(super) fn is_doubtful(missing: usize, all: usize) -> bool {
        missing > NEVER_HELD && missing * 2 > all
    }

    /// Holds back a list that lacks `missing` of `all` entries; the same answer as the one `before` keeps its time. Returns why, for
    /// a person.
    pub(super) fn hold(
        &mut self,
        source: &SourceId,
        missing: BTreeSet<Arc<str>>,
        before: Option<Held>,
        all: usize,
        now: (Instant, Timestamp),
    ) -> String {
        let state = self.states.entry(source.clone()).or_default();
        let minutes = HELD_FOR.as_secs() / 60;
        let reason = format!(
            "held back: a full list of {source} lacks {} of its {all} entries; it is taken after {minutes} minutes of the same answer, or by `portolan accept {source}`",
            missing.len(),
        );
        let same = before.filter(|held| *held.view.missing == missing);
        state.held = Some(same.unwrap_or_else(|| Held {
            since: now.0,
            view: HeldBack { stale: Stale { since: now.1, reason: reason.clone() }, missing: Arc::new(missing) },
        }));
        reason
    }

    /// Takes the list that is held back, to apply it or to forget it.
    pub(super) fn release(&mut self, source: &SourceId) -> Option<Held> {
        self.states.get_mut(source)?.held.take()
    }

    /// Holds a list again that could not be applied, unless the source has said something else since.
    pub(super) fn hold_again(&mut self, source: SourceId, held: Held) {
        let state = self.states.entry(source).or_default();
        if state.failing.is_none() {
            state.held.get_or_insert(held);
        }
    }

    /// `key` is listed (again), or explicitly gone: the list that is held back does not decide about it any more.
    pub(super) fn settle(&mut self, source: &SourceId, key: &str) {
        let Some(state) = self.states.get_mut(source) else { return };
        if let Some(held) = &mut state.held
            && held.view.missing.contains(key)
        {
            Arc::make_mut(&mut held.view.missing).remove(key);
            state.held = state.held.take().filter(|held| !held.view.missing.is_empty());
        }
    }

    /// Whether a source is configured, as far as is known.
    pub(super) fn runs(&self, source: &SourceId) -> bool {
        self.configured.as_ref().is_none_or(|configured| configured.contains(source))
    }

    /// Whether a source still lists `key`, as far as is known.
    pub(super) fn lists(&self, source: &SourceId, key: &str) -> bool {
        let held = self.states.get(source).and_then(|state| state.held.as_ref());
        self.runs(source) && !held.is_some_and(|held| held.view.missing.contains(key))
    }

    /// The sources whose held-back list has waited for long enough.
    pub(super) fn ripe(&self, now: Instant) -> Vec<SourceId> {
        let ripe = |state: &State| state.held.as_ref().is_some_and(|held| held.since + HELD_FOR <= now);
        self.states.iter().filter(|(_, state)| ripe(state)).map(|(id, _)| id.clone()).collect()
    }

    /// When the next one has.
    pub(super) fn due(&self) -> Option<Instant> {
        self.states.values().filter_map(|state| Some(state.held.as_ref()?.since + HELD_FOR)).min()
    }
}
