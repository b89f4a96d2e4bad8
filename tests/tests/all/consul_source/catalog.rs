//! A catalog that is played: it takes every report as the real one would, and remembers what a service went through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::CatalogError;
use catalog::report::{Listed, Receipt, Report};
use discovery::sources::consul::Tell;
use futures_util::future::BoxFuture;
use harness::wait;
use tokio::sync::watch;
use tokio::time::timeout;

/// What it knows.
#[derive(Clone, Default)]
pub(super) struct State {
    /// The upstreams, by key.
    pub(super) listed: BTreeMap<Arc<str>, Listed>,
    /// How many full lists there were.
    pub(super) full: usize,
    /// What is missing from the last full list, which the source doubted itself.
    pub(super) doubted: BTreeSet<Arc<str>>,
    /// Data centres that cannot be read, and why.
    pub(super) parts: BTreeMap<String, String>,
    /// How often it was told that nothing changed.
    pub(super) alive: usize,
    /// Why the source broke last.
    pub(super) broken: Option<String>,
    lost: BTreeSet<Arc<str>>,
    text: String,
}

/// The catalog.
#[derive(Default)]
pub(super) struct Played(watch::Sender<State>);

impl Played {
    /// What it knows now.
    pub(super) fn now(&self) -> State {
        self.0.borrow().clone()
    }

    /// Waits until `fact` is so.
    pub(super) async fn until(&self, what: &str, fact: impl Fn(&State) -> bool) {
        let mut changes = self.0.subscribe();
        let met = timeout(wait::SOON, changes.wait_for(|state| fact(state))).await;
        assert!(met.is_ok(), "{what}: not within {:?}; it broke with {:?}", wait::SOON, self.broken_with());
    }

    /// The source broke.
    pub(super) fn broken(&self, error: String) {
        self.0.send_modify(|state| {
            state.text.push_str(&error);
            state.broken = Some(error);
        });
    }

    /// Why the source broke last.
    pub(super) fn broken_with(&self) -> Option<String> {
        self.0.borrow().broken.clone()
    }

    /// Whether `service` was listed at some time, and ever since.
    pub(super) fn never_lost(&self, service: &str) -> bool {
        let state = self.0.borrow();
        state.listed.contains_key(service) && !state.lost.contains(service)
    }

    /// All that it was told, as text.
    pub(super) fn all_text(&self) -> String {
        self.0.borrow().text.clone()
    }
}

impl Tell for Played {
    fn tell(&self, report: Report) -> BoxFuture<'_, Result<Receipt, CatalogError>> {
        self.0.send_modify(|state| state.take(report));
        Box::pin(async { Ok(Receipt::default()) })
    }

    fn held(&self) -> Vec<Listed> {
        self.0.borrow().listed.values().cloned().collect()
    }

    fn part(&self, data_centre: &str, failure: Option<String>) {
        self.0.send_modify(|state| match failure {
            Some(failure) => _ = state.parts.insert(data_centre.to_owned(), failure),
            None => _ = state.parts.remove(data_centre),
        });
    }

    fn alive(&self) {
        self.0.send_modify(|state| state.alive += 1);
    }
}

impl State {
    fn take(&mut self, report: Report) {
        self.text.push_str(&format!("{report:?}\n"));
        match report {
            Report::Doubted(all) => {
                self.full += 1;
                self.broken = None;
                self.doubted = self.listed.keys().filter(|key| all.iter().all(|l| l.key != **key)).cloned().collect();
                self.listed.extend(all.into_iter().map(|listed| (listed.key.clone(), listed)));
            }
            Report::Full(all) => {
                self.doubted.clear();
                self.full += 1;
                self.broken = None;
                let before = std::mem::take(&mut self.listed);
                self.listed = all.into_iter().map(|listed| (listed.key.clone(), listed)).collect();
                self.lost.extend(before.into_keys().filter(|key| !self.listed.contains_key(key)));
            }
            Report::Changed(listed) => {
                self.doubted.remove(&listed.key);
                self.listed.insert(listed.key.clone(), *listed);
            }
            Report::Over(_) => panic!("Consul lays nothing over others"),
            Report::Removed(key) => {
                self.doubted.remove(&key);
                self.listed.remove(&key);
                self.lost.insert(key);
            }
            Report::Endpoints(key, endpoints) => {
                self.listed.get_mut(&key).expect("a service that was told").endpoints = endpoints;
            }
        }
    }
}
