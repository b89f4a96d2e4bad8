//! How fast one identity asks in one region: whoever asks waits for a turn first.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::limits;

/// How urgent a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Lists, and what changed.
    Fast,
    /// What is read in rounds.
    Slow,
}

/// Gives turns, evenly spaced: there is no burst, so that no second has more calls than AWS takes. A throttled call spaces them wider
/// for a while.
#[derive(Debug)]
pub struct Pace(Mutex<Turns>);

#[derive(Debug)]
struct Turns {
    next: Instant,
    next_slow: Instant,
    /// How many times longer the times between calls are.
    slower: u32,
    answered: u32,
}

impl Default for Pace {
    fn default() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Turns { next: now, next_slow: now, slower: 1, answered: 0 }))
    }
}

impl Pace {
    /// Returns when a call may be made. A turn of the slow lane is given once its own time has come and counts in the fast one too.
    pub async fn turn(&self, lane: Lane) {
        if lane == Lane::Slow {
            sleep_until(self.take(|turns| (&mut turns.next_slow, limits::SLOW))).await;
        }
        sleep_until(self.take(|turns| (&mut turns.next, limits::PACE))).await;
    }

    /// What came of a call: one that was throttled makes all slower, many that were not make them faster again.
    pub fn answered(&self, throttled: bool) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if throttled {
            turns.slower = (turns.slower * limits::SLOWER).min(limits::SLOWEST);
            turns.answered = 0;
        } else if turns.slower > 1 {
            turns.answered += 1;
            if turns.answered >= limits::EASE {
                turns.slower = (turns.slower / limits::SLOWER).max(1);
                turns.answered = 0;
            }
        }
    }

    fn take(&self, lane: impl Fn(&mut Turns) -> (&mut Instant, Duration)) -> Instant {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slower = turns.slower;
        let (next, interval) = lane(&mut turns);
        let turn = (*next).max(Instant::now());
        *next = turn + interval * slower;
        turn
    }
}
