//! Counts requests without a shared line of memory: each worker has a [`Tally`] of its own for each function that it calls, and
//! the tallies of one function are added up when somebody asks.

mod encode;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use plugins::Reason;
pub(crate) use tally::Tally;

use crate::limits;

/// The label of what came to no function.
const NONE: &str = "_none";

/// The label of all functions past [`limits::SERIES`].
const OTHER: &str = "_other";

/// Upstream and function.
type Labels = (Arc<str>, Arc<str>);

/// The tallies of all workers.
#[derive(Debug)]
pub(crate) struct Metrics {
    workers: usize,
    /// For each function a tally for each worker. Locked when a worker first calls a function, and when somebody asks.
    series: Mutex<BTreeMap<Labels, Box<[Arc<Tally>]>>>,
    /// How often each problem was the answer, in the order of [`Reason::TABLE`].
    problems: [AtomicU64; Reason::TABLE.len()],
    /// Access log lines that were dropped because the writer was behind.
    pub(crate) dropped_lines: Arc<AtomicU64>,
}

impl Metrics {
    /// For this many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            workers,
            series: Mutex::default(),
            problems: [const { AtomicU64::new(0) }; _],
            dropped_lines: Arc::default(),
        }
    }

    /// Where `worker` counts the calls of a function. Every function of an upstream past the limit shares one, and so do all upstreams
    /// past twice the limit.
    pub(crate) fn tally(&self, worker: usize, upstream: &Arc<str>, function: &Arc<str>) -> Arc<Tally> {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut labels = (upstream.clone(), function.clone());
        if series.len() >= limits::SERIES && !series.contains_key(&labels) {
            labels.1 = OTHER.into();
            if series.len() >= 2 * limits::SERIES && !series.contains_key(&labels) {
                labels.0 = OTHER.into();
            }
        }
        let tallies = series.entry(labels).or_insert_with(|| (0..self.workers).map(|_| Arc::default()).collect());
        tallies[worker].clone()
    }

    /// Where `worker` counts what comes to no function.
    pub(crate) fn none(&self, worker: usize) -> Arc<Tally> {
        self.tally(worker, &NONE.into(), &NONE.into())
    }

    /// A request came to this. Problems are few: all workers count in one place.
    pub(crate) fn count_problem(&self, reason: Reason) {
        self.problems[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The sums of all workers, by upstream and function.
    fn sums(&self) -> Vec<(Labels, tally::Sum)> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.iter().map(|(labels, tallies)| (labels.clone(), tally::Sum::of(tallies))).collect()
    }

    /// How often each upstream was called.
    pub(crate) fn calls(&self) -> BTreeMap<Arc<str>, u64> {
        let mut calls = BTreeMap::new();
        for ((upstream, _), sum) in self.sums() {
            *calls.entry(upstream).or_default() += sum.count();
        }
        calls
    }

    fn dropped(&self) -> u64 {
        self.dropped_lines.load(Ordering::Relaxed)
    }
}
