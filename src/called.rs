//! What is called: watched most closely by sources that cannot watch all alike.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use catalog::Catalog;
use discovery::sources::consul::InUse;
use router::Counters;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// How often the counters are read.
const READ: Duration = Duration::from_secs(2);

/// For how long an upstream counts as called after its last call.
const WARM: Duration = Duration::from_secs(3600);

/// Keeps `in_use` at the keys of what was called in the last hour, the latest first.
pub(crate) async fn follow(counters: Counters, catalog: Catalog, namespace: String, in_use: watch::Sender<InUse>) {
    let mut warmth = Warmth::default();
    let mut ticks = tokio::time::interval(READ);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let names = warmth.update(counters.calls(), Instant::now());
        let snapshot = catalog.snapshot();
        let key = |name: &Arc<str>| Some(snapshot.upstream(&namespace, name)?.upstream.origin.key.clone());
        let keys: InUse = names.iter().filter_map(key).collect();
        in_use.send_if_modified(|before| {
            let is_new = *before != keys;
            *before = keys;
            is_new
        });
    }
}

/// When each upstream was last seen to be called.
#[derive(Default)]
struct Warmth {
    counts: BTreeMap<Arc<str>, u64>,
    called: HashMap<Arc<str>, Instant>,
}

impl Warmth {
    /// What is warm at `now`, the latest first, when the counters stand at `counts`.
    fn update(&mut self, counts: BTreeMap<Arc<str>, u64>, now: Instant) -> Vec<Arc<str>> {
        for (name, count) in &counts {
            if self.counts.get(name) != Some(count) {
                self.called.insert(name.clone(), now);
            }
        }
        self.counts = counts;
        self.called.retain(|_, last| now.duration_since(*last) < WARM);
        let mut warm: Vec<_> = self.called.iter().map(|(name, last)| (*last, name.clone())).collect();
        warm.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.cmp(y)));
        warm.into_iter().map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_called_come_first_and_the_rest_cool_down() {
        let mut warmth = Warmth::default();
        let start = Instant::now();
        let mut check = |counts: &[(&str, u64)], after: u64, expected: &[&str]| {
            let counts = counts.iter().map(|(name, n)| (Arc::from(*name), *n)).collect();
            let names = warmth.update(counts, start + Duration::from_secs(after));
            assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), expected);
        };
        check(&[("a", 1), ("b", 1)], 0, &["a", "b"]);
        check(&[("a", 1), ("b", 2)], 2, &["b", "a"]);
        check(&[("a", 1), ("b", 2)], 3601, &["b"]);
        check(&[("a", 2), ("b", 2)], 3700, &["a"]);
    }
}
