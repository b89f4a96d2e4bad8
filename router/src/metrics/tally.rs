//! What one worker counts of one function. Only that worker writes, so that a count is a load and a store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the histogram of durations, in microseconds; the last bucket has none.
const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// Statuses that one function has counters for; further ones are counted as 0.
const STATUSES: usize = 12;

/// Counters of one function on one worker.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    statuses: [(AtomicU16, AtomicU64); STATUSES],
    further: AtomicU64,
    durations: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
    /// Requests whose input passed, as it would have taken too long to check.
    unchecked: AtomicU64,
    /// Requests whose input does not fit and passed (`validation: report`).
    reported: AtomicU64,
}

impl Tally {
    /// A request was answered with `status`.
    pub(crate) fn count(&self, status: u16, took: Duration) {
        add(self.status(status), 1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        add(&self.durations[bucket], 1);
        add(&self.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Input passed without being checked.
    pub(crate) fn count_unchecked(&self) {
        add(&self.unchecked, 1);
    }

    /// Input that does not fit passed.
    pub(crate) fn count_reported(&self) {
        add(&self.reported, 1);
    }

    fn status(&self, status: u16) -> &AtomicU64 {
        for (code, count) in &self.statuses {
            match code.load(Relaxed) {
                0 => {
                    code.store(status, Relaxed);
                    return count;
                }
                known if known == status => return count,
                _ => {}
            }
        }
        &self.further
    }
}

fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

/// The tallies of all workers for one function, added up.
#[derive(Debug, Default)]
pub(super) struct Sum {
    /// Requests by status; 0 stands for those past the limit.
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Requests for each bucket alone, by its upper bound in seconds; the last one's is infinite.
    pub(super) buckets: Vec<(f64, u64)>,
    /// All durations, in seconds.
    pub(super) seconds: f64,
    pub(super) unchecked: u64,
    pub(super) reported: u64,
}

impl Sum {
    pub(super) fn of(tallies: &[Arc<Tally>]) -> Self {
        let bounds = BOUNDS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        let mut sum = Self { buckets: bounds.map(|bound| (bound, 0)).collect(), ..Self::default() };
        for tally in tallies {
            for (code, count) in
                tally.statuses.iter().chain([&(AtomicU16::new(0), AtomicU64::new(tally.further.load(Relaxed)))])
            {
                let count = count.load(Relaxed);
                if count > 0 {
                    *sum.statuses.entry(code.load(Relaxed)).or_default() += count;
                }
            }
            for ((_, bucket), count) in sum.buckets.iter_mut().zip(&tally.durations) {
                *bucket += count.load(Relaxed);
            }
            sum.seconds += tally.nanoseconds.load(Relaxed) as f64 / 1e9;
            sum.unchecked += tally.unchecked.load(Relaxed);
            sum.reported += tally.reported.load(Relaxed);
        }
        sum
    }

    /// How many requests were timed.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, n)| n).sum()
    }
}
