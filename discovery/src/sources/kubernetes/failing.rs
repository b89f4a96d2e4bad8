//! Which watches fail. One that stands again says nothing before something changes, so one that is quiet for long enough is well.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::limits;

/// Those that fail, by name.
pub(in crate::sources) struct Failing<N>(BTreeMap<N, Failure>);

/// How one fails.
#[derive(Clone, Copy)]
pub(in crate::sources) struct Failure {
    pub(in crate::sources) since: Instant,
    last: Instant,
    /// How often, one time after the other.
    pub(in crate::sources) times: u32,
}

impl<N: Ord + Clone> Failing<N> {
    /// None does.
    pub(in crate::sources) fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// The watch of this name failed, maybe not for the first time.
    pub(in crate::sources) fn fails(&mut self, name: &N) -> Failure {
        let now = Instant::now();
        let failure = self.0.entry(name.clone()).or_insert(Failure { since: now, last: now, times: 0 });
        (failure.last, failure.times) = (now, failure.times.saturating_add(1));
        *failure
    }

    /// It told of something. Returns whether it failed before.
    pub(in crate::sources) fn works(&mut self, name: &N) -> bool {
        self.0.remove(name).is_some()
    }

    /// How it fails, if it does.
    pub(in crate::sources) fn get(&self, name: &N) -> Option<&Failure> {
        self.0.get(name)
    }

    /// Those that have not failed again for as long as that takes at most: but for the ones that never told of everything, they stand.
    pub(in crate::sources) fn quiet(&self, now: Instant) -> Vec<N> {
        let is_quiet = |failure: &Failure| now.duration_since(failure.last) > limits::FAILS_AGAIN;
        self.0.iter().filter(|(_, failure)| is_quiet(failure)).map(|(name, _)| name.clone()).collect()
    }
}
