//! Who looks when: rounds begin in the quick lane and change to the slow one when they take long, so that upstreams that hang keep
//! each other waiting and nobody else.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use catalog::model::UpstreamId;
use tokio::time::Instant;

/// Rounds in the quick lane at a time.
const QUICK: usize = 64;
/// Rounds in the slow lane at a time: each is bounded by the time of a look.
const SLOW: usize = 64;
/// How long a round may stay in the quick lane: a service that answers does so within this.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);

/// Where a round is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    Quick,
    Slow,
}

/// What becomes of a round that stayed too long in the quick lane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Overdue {
    /// It goes on in the slow lane.
    Moved(UpstreamId),
    /// The slow lane is full: it ends, and begins again there when it has a place.
    Cut(UpstreamId),
}

/// Both lanes: who waits, and how many run.
#[derive(Default, Debug)]
pub(super) struct Lanes {
    waiting: [VecDeque<UpstreamId>; 2],
    running: [usize; 2],
    patience: BTreeSet<(Instant, UpstreamId)>,
}

impl Lanes {
    /// Lets an upstream wait for a place.
    pub(super) fn wait(&mut self, lane: Lane, upstream: UpstreamId) {
        self.waiting[lane as usize].push_back(upstream);
    }

    /// The next upstream that waits in a lane with a free place; it has the place then.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Lane, UpstreamId)> {
        for (lane, most) in [(Lane::Quick, QUICK), (Lane::Slow, SLOW)] {
            if self.running[lane as usize] < most
                && let Some(upstream) = self.waiting[lane as usize].pop_front()
            {
                self.running[lane as usize] += 1;
                if lane == Lane::Quick {
                    self.patience.insert((now + PATIENCE, upstream.clone()));
                }
                return Some((lane, upstream));
            }
        }
        None
    }

    /// Whether someone waits for a place that is free.
    pub(super) fn can_start(&self) -> bool {
        let free = |lane: Lane, most| self.running[lane as usize] < most && !self.waiting[lane as usize].is_empty();
        free(Lane::Quick, QUICK) || free(Lane::Slow, SLOW)
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, lane: Lane, upstream: &UpstreamId) {
        self.running[lane as usize] -= 1;
        if lane == Lane::Quick {
            self.patience.retain(|(_, waiting)| waiting != upstream);
        }
    }

    /// When the next round has been in the quick lane for too long.
    pub(super) fn next_overdue(&self) -> Option<Instant> {
        self.patience.first().map(|(end, _)| *end)
    }

    /// A round that has been in the quick lane for too long.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Overdue> {
        if self.next_overdue()? > now {
            return None;
        }
        let (_, upstream) = self.patience.pop_first()?;
        self.running[Lane::Quick as usize] -= 1;
        if self.running[Lane::Slow as usize] < SLOW {
            self.running[Lane::Slow as usize] += 1;
            return Some(Overdue::Moved(upstream));
        }
        self.wait(Lane::Slow, upstream.clone());
        Some(Overdue::Cut(upstream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(nth: usize) -> UpstreamId {
        UpstreamId::from(&*format!("u-{nth}"))
    }

    #[test]
    fn a_newcomer_passes_those_that_hang() {
        let (mut lanes, mut now) = (Lanes::default(), Instant::now());
        (0..500).for_each(|nth| lanes.wait(Lane::Quick, id(nth)));
        let mut rounds = 0;
        while lanes.can_start() && rounds < 20 {
            while lanes.next(now).is_some() {}
            now += PATIENCE;
            while lanes.overdue(now).is_some() {}
            rounds += 1;
        }
        assert_eq!(rounds, 500usize.div_ceil(QUICK));
        assert_eq!((lanes.running, lanes.waiting[1].len()), ([0, SLOW], 500 - SLOW));
        lanes.wait(Lane::Quick, id(1_000));
        assert_eq!(lanes.next(now), Some((Lane::Quick, id(1_000))));
        assert_eq!(lanes.next(now), None);
    }

    #[test]
    fn a_round_that_ends_in_time_leaves_no_trace() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        lanes.wait(Lane::Quick, id(1));
        let (lane, upstream) = lanes.next(now).unwrap();
        lanes.leave(lane, &upstream);
        assert_eq!((lanes.overdue(now + PATIENCE), lanes.next_overdue()), (None, None));
        assert_eq!(lanes.running, [0, 0]);
    }

    #[test]
    fn a_slow_round_goes_on_while_there_is_room() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        lanes.wait(Lane::Quick, id(1));
        lanes.next(now).unwrap();
        assert_eq!(lanes.overdue(now), None);
        assert_eq!(lanes.overdue(now + PATIENCE), Some(Overdue::Moved(id(1))));
        lanes.leave(Lane::Slow, &id(1));
        assert_eq!(lanes.running, [0, 0]);
    }
}
