//! How long to wait after failures: twice as long each time up to a limit, with full jitter, so that many that failed together do
//! not come back together.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// One way of waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Backoff {
    /// The longest wait after the first failure.
    pub(crate) first: Duration,
    /// The longest wait after any.
    pub(crate) most: Duration,
}

impl Backoff {
    /// The longest wait after `failures` in a row (1: the first).
    pub(crate) fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }

    /// A wait after `failures` in a row, anywhere from nothing to the ceiling.
    pub(crate) fn wait(&self, failures: u32) -> Duration {
        self.ceiling(failures).mul_f64(random())
    }
}

/// `interval`, up to a fifth shorter or longer.
pub(crate) fn jitter(interval: Duration) -> Duration {
    interval.mul_f64(0.8 + 0.4 * random())
}

/// Anything from 0 to 1. The standard library's hash keys are random; nothing here needs more.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_limit() {
        let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(10) };
        let seconds = [1, 2, 4, 8, 10, 10];
        for (failures, seconds) in (1..).zip(seconds) {
            assert_eq!(backoff.ceiling(failures), Duration::from_secs(seconds));
        }
        assert_eq!(backoff.ceiling(u32::MAX), backoff.most);
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(1) };
        let waits: Vec<_> = (0..200).map(|_| backoff.wait(1)).collect();
        assert!(waits.iter().all(|w| *w <= backoff.most));
        assert!(waits.iter().any(|w| w.as_millis() < 250) && waits.iter().any(|w| w.as_millis() > 750));
    }
}
