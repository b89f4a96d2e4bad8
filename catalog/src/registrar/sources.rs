//! What the registrar knows of the sources: which fail, which are not configured any more, and which full lists are held back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::{Kind, SourceId, Stale};
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
    held: BTreeMap<Scope, Held>,
}

/// What a full list is a list of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Scope {
    /// The source's upstreams.
    Upstreams,
    /// The functions of one kind that the source lists for the upstream with this key.
    Functions(Arc<str>, Kind),
}

/// A full list that waits.
#[derive(Clone, Debug)]
pub(super) struct Held {
    since: Instant,
    view: HeldBack,
}

impl Held {
    /// What the list lacks: keys of upstreams, or origins of functions.
    pub(super) fn missing(&self) -> &Arc<BTreeSet<Arc<str>>> {
        &self.view.missing
    }

    fn is_ripe(&self, now: Instant) -> bool {
        self.since + HELD_FOR <= now
    }
}

impl Sources {
    /// What a snapshot shows.
    pub(super) fn views(&self) -> Arc<BTreeMap<SourceId, SourceView>> {
        let view = |state: &State| SourceView {
            stale: state.unconfigured.as_ref().or(state.failing.as_ref()).cloned(),
            held_back: state.held.get(&Scope::Upstreams).map(|held| held.view.clone()),
            held_functions: state.held.iter().filter_map(of_functions).collect(),
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
        state.held.clear();
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

    /// Holds back a list of `all` entries that lacks `missing`; the same answer as the one `before` keeps its time. Returns why, for
    /// a person.
    pub(super) fn hold(
        &mut self,
        source: &SourceId,
        scope: Scope,
        missing: BTreeSet<Arc<str>>,
        before: Option<Held>,
        all: usize,
        now: (Instant, Timestamp),
    ) -> String {
        let lacks = match &scope {
            Scope::Upstreams => format!("a full list of {source} lacks {} of its {all} entries", missing.len()),
            Scope::Functions(key, _) => {
                format!("a full list of {source} lacks {} of the {all} functions of {key}", missing.len())
            }
        };
        let minutes = HELD_FOR.as_secs() / 60;
        let reason = format!(
            "held back: {lacks}; it is taken after {minutes} minutes of the same answer, or by `portolan accept {source}`"
        );
        let same = before.filter(|held| *held.view.missing == missing);
        let held = same.unwrap_or_else(|| Held {
            since: now.0,
            view: HeldBack { stale: Stale { since: now.1, reason: reason.clone() }, missing: Arc::new(missing) },
        });
        self.states.entry(source.clone()).or_default().held.insert(scope, held);
        reason
    }

    /// Takes the list that is held back, to apply it or to forget it.
    pub(super) fn release(&mut self, source: &SourceId, scope: &Scope) -> Option<Held> {
        self.states.get_mut(source)?.held.remove(scope)
    }

    /// Takes all lists of the source that are held back, to apply them.
    pub(super) fn release_all(&mut self, source: &SourceId) -> BTreeMap<Scope, Held> {
        self.states.get_mut(source).map(|state| std::mem::take(&mut state.held)).unwrap_or_default()
    }

    /// Holds a list again that could not be applied, unless the source has said something else since.
    pub(super) fn hold_again(&mut self, source: SourceId, scope: Scope, held: Held) {
        let state = self.states.entry(source).or_default();
        if state.failing.is_none() {
            state.held.entry(scope).or_insert(held);
        }
    }

    /// The upstream `key` is listed (again), or explicitly gone: the list that is held back does not decide about it any more.
    pub(super) fn settle(&mut self, source: &SourceId, key: &str) {
        let Some(state) = self.states.get_mut(source) else { return };
        if let Some(held) = state.held.get_mut(&Scope::Upstreams)
            && held.view.missing.contains(key)
        {
            Arc::make_mut(&mut held.view.missing).remove(key);
            if held.view.missing.is_empty() {
                state.held.remove(&Scope::Upstreams);
            }
        }
    }

    /// The upstream `key` is gone, or all its functions are, and what was held back of them with it.
    pub(super) fn gone(&mut self, source: &SourceId, key: &str) {
        if let Some(state) = self.states.get_mut(source) {
            state.held.retain(|scope, _| !matches!(scope, Scope::Functions(of, _) if **of == *key));
        }
    }

    /// Whether a source is configured, as far as is known.
    pub(super) fn runs(&self, source: &SourceId) -> bool {
        self.configured.as_ref().is_none_or(|configured| configured.contains(source))
    }

    /// Whether a source still lists `key`, as far as is known.
    pub(super) fn lists(&self, source: &SourceId, key: &str) -> bool {
        let held = self.states.get(source).and_then(|state| state.held.get(&Scope::Upstreams));
        self.runs(source) && !held.is_some_and(|held| held.view.missing.contains(key))
    }

    /// Whether a list of functions that is held back may be taken, because the same answer has come for long enough.
    pub(super) fn is_confirmed(held: &Held, missing: &BTreeSet<Arc<str>>, now: Instant) -> bool {
        *held.view.missing == *missing && held.is_ripe(now)
    }

    /// The sources whose held-back list of upstreams has waited for long enough. A source stands by its list until it says something
    /// else; lists of functions are polled, and wait for the same answer to come again.
    pub(super) fn ripe(&self, now: Instant) -> Vec<SourceId> {
        self.waiting().filter(|(_, held)| held.is_ripe(now)).map(|(id, _)| id.clone()).collect()
    }

    /// When the next one has.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting().map(|(_, held)| held.since + HELD_FOR).min()
    }

    fn waiting(&self) -> impl Iterator<Item = (&SourceId, &Held)> {
        self.states.iter().filter_map(|(id, state)| Some((id, state.held.get(&Scope::Upstreams)?)))
    }
}

fn of_functions((scope, held): (&Scope, &Held)) -> Option<(Arc<str>, Stale)> {
    match scope {
        Scope::Functions(key, _) => Some((key.clone(), held.view.stale.clone())),
        Scope::Upstreams => None,
    }
}
