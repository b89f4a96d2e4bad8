//! When to look next. Every wait is jittered, so that a thousand upstreams that were found together are not asked together for ever.

use std::time::Duration;

use tokio::time::Instant;

use super::outcome::Verdict;
use crate::backoff::{Backoff, jitter};

/// While functions are found: nearly free, for the document's ETag or digest is compared.
const FOUND: Duration = Duration::from_secs(60);
/// Where a kind was not found: services seldom learn to describe themselves without a restart, which shows as a new endpoint.
const NOT_THIS: Duration = Duration::from_secs(600);
/// After failures.
const FAILED: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(300) };
/// At the earliest after the last look, when a new instance appears: a rolling deployment brings many.
const NEW_INSTANCE: Duration = Duration::from_secs(5);
/// The same for a kind that was not found.
const NEW_INSTANCE_NOT_THIS: Duration = Duration::from_secs(60);
/// At a start with a full catalog, looks at what is known are spread over this long at most,
const SPREAD: Duration = Duration::from_secs(30);
/// and over this long for each upstream.
const SPREAD_EACH: Duration = Duration::from_millis(10);
/// Rounds that may begin at once, and how many a second after that: each costs a connection or two.
const BURST: u32 = 128;
const INTERVAL: Duration = Duration::from_millis(2);

/// How long to wait after a look. `failures`: how many failed in a row. `settled`: another kind is found on the same upstream and this
/// one never was, so that a failure means that it speaks something else.
pub(super) fn after(verdict: &Verdict, failures: u32, settled: bool) -> Duration {
    match verdict {
        Verdict::Waiting => Duration::ZERO,
        Verdict::Found => jitter(FOUND),
        Verdict::NotThis => jitter(NOT_THIS),
        Verdict::Failed(_) if settled => jitter(NOT_THIS),
        Verdict::Failed(_) => jitter(FAILED.ceiling(failures)),
    }
}

/// How soon after its last look a kind is looked for again because of a new instance.
pub(super) fn new_instance(verdict: &Verdict) -> Duration {
    match verdict {
        Verdict::NotThis => NEW_INSTANCE_NOT_THIS,
        Verdict::Failed(_) | Verdict::Waiting => Duration::ZERO,
        Verdict::Found => NEW_INSTANCE,
    }
}

/// When the `nth` of `known` upstreams of an earlier run is looked at.
pub(super) fn spread(nth: usize, known: usize) -> Duration {
    let known = u32::try_from(known.max(1)).unwrap_or(u32::MAX);
    let share = u32::try_from(nth).unwrap_or(u32::MAX);
    SPREAD.min(SPREAD_EACH.saturating_mul(known)).saturating_mul(share) / known
}

/// Lets so many rounds begin, and no more.
#[derive(Debug)]
pub(super) struct Throttle {
    /// When the allowance would be full.
    full: Instant,
}

impl Throttle {
    pub(super) fn new(now: Instant) -> Self {
        Self { full: now }
    }

    /// Takes a place; the error is when there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let next = self.full.max(now) + INTERVAL;
        let most = now + INTERVAL * BURST;
        if next > most {
            return Err(now + (next - most));
        }
        self.full = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_as_said_give_or_take_a_fifth() {
        let check = |verdict: Verdict, failures, settled, seconds: f64| {
            let wait = after(&verdict, failures, settled).as_secs_f64();
            assert!(wait >= 0.79 * seconds && wait <= 1.21 * seconds, "{verdict:?}: {wait}");
        };
        check(Verdict::Found, 0, false, 60.0);
        check(Verdict::NotThis, 0, false, 600.0);
        check(Verdict::Failed(String::new()), 1, false, 1.0);
        check(Verdict::Failed(String::new()), 4, false, 8.0);
        check(Verdict::Failed(String::new()), 40, false, 300.0);
        check(Verdict::Failed(String::new()), 1, true, 600.0);
    }

    #[test]
    fn a_start_is_spread_by_the_number_of_what_is_known() {
        assert_eq!(spread(0, 1), Duration::ZERO);
        assert_eq!(spread(50, 100), Duration::from_millis(500));
        assert_eq!(spread(5_000, 10_000), Duration::from_secs(15));
    }

    #[test]
    fn the_throttle_lets_a_burst_through_and_then_an_even_stream() {
        let now = Instant::now();
        let mut throttle = Throttle::new(now);
        assert_eq!((0..1_000).filter(|_| throttle.take(now).is_ok()).count(), BURST as usize);
        let next = throttle.take(now).unwrap_err();
        assert!(next > now && next <= now + INTERVAL);
        assert!(throttle.take(next).is_ok());
        let later = now + Duration::from_secs(10);
        assert_eq!((0..1_000).filter(|_| throttle.take(later).is_ok()).count(), BURST as usize);
    }
}
