//! The order in which services are read: those that something happened to, then the round. None is read twice at a time, and one
//! that is asked for while it is being read is read once more after.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Why a service is to be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    /// Its turn has come.
    Round,
    /// Something happened to it.
    Urgent,
}

/// Services that wait to be read, and those that are being read. Never longer than twice the number of services.
#[derive(Default, Debug)]
pub(super) struct Queue {
    urgent: VecDeque<Arc<str>>,
    round: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, Rank>,
    reading: HashMap<Arc<str>, Option<Rank>>,
}

impl Queue {
    /// Puts `name` at the end of its rank, unless it waits there or in a higher one.
    pub(super) fn ask(&mut self, name: &Arc<str>, rank: Rank) {
        if let Some(again) = self.reading.get_mut(name) {
            *again = (*again).max(Some(rank));
            return;
        }
        if self.waiting.get(name).is_some_and(|waiting| *waiting >= rank) {
            return;
        }
        // A place in the lower rank stays behind and is passed over.
        self.waiting.insert(name.clone(), rank);
        match rank {
            Rank::Urgent => self.urgent.push_back(name.clone()),
            Rank::Round => self.round.push_back(name.clone()),
        }
    }

    /// The next to read; it counts as being read until [`Queue::done`].
    pub(super) fn next(&mut self) -> Option<Arc<str>> {
        loop {
            let urgent = self.urgent.pop_front().map(|name| (name, Rank::Urgent));
            let (name, rank) = urgent.or_else(|| self.round.pop_front().map(|name| (name, Rank::Round)))?;
            if self.waiting.get(&name) == Some(&rank) {
                self.waiting.remove(&name);
                self.reading.insert(name.clone(), None);
                return Some(name);
            }
        }
    }

    /// `name` has been read.
    pub(super) fn done(&mut self, name: &Arc<str>) {
        if let Some(Some(rank)) = self.reading.remove(name) {
            self.ask(name, rank);
        }
    }

    /// Whether all of the last round has been begun.
    pub(super) fn round_is_over(&self) -> bool {
        self.round.is_empty()
    }
}

/// The names of `all` in the order of a round: those that changed last come first, for what was deployed just now is most likely
/// deployed again.
pub(super) fn round(all: impl Iterator<Item = (Arc<str>, u64)>) -> Vec<Arc<str>> {
    let mut all: Vec<_> = all.collect();
    all.sort_by(|(a, changed_a), (b, changed_b)| changed_b.cmp(changed_a).then_with(|| a.cmp(b)));
    all.into_iter().map(|(name, _)| name).collect()
}
