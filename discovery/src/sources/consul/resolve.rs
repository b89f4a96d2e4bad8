//! The addresses of hosts that instances are registered under: the last good answer where there is no better one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::limits;
use crate::sources::hosts::{AT_ONCE, Lookup, ask};

/// Resolves and remembers. One for all data centres and runs of a source.
pub(super) struct Resolver {
    lookup: Lookup,
    known: Mutex<HashMap<String, Known>>,
    lookups: Semaphore,
}

#[derive(Clone)]
struct Known {
    asked: Instant,
    addresses: Vec<IpAddr>,
}

impl Resolver {
    pub(super) fn new(lookup: Lookup) -> Self {
        Self { lookup, known: Mutex::default(), lookups: Semaphore::new(AT_ONCE) }
    }

    /// The addresses of each of `names`, in order; none where nothing was ever found.
    pub(super) async fn addresses(&self, names: BTreeSet<String>) -> BTreeMap<String, Vec<IpAddr>> {
        let lookups = names.into_iter().map(|name| async move {
            let found = self.lookup(&name).await;
            (name, found)
        });
        join_all(lookups).await.into_iter().collect()
    }

    async fn lookup(&self, name: &str) -> Vec<IpAddr> {
        let last = match self.remembered(name) {
            Some(known) if known.asked.elapsed() < limits::AGAIN / 2 => return known.addresses,
            known => known.map(|known| known.addresses).unwrap_or_default(),
        };
        // Never closed: a permit always comes.
        let _permit = self.lookups.acquire().await;
        let found = ask(&self.lookup, name.into()).await;
        let addresses = found.map_or(last, |found| found.into_iter().collect());
        self.remember(name, &addresses);
        addresses
    }

    fn remembered(&self, name: &str) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn remember(&self, name: &str, addresses: &[IpAddr]) {
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A host in use is asked for every AGAIN; what nobody asks for goes.
        known.retain(|_, known| now.duration_since(known.asked) < limits::DISBELIEF);
        known.insert(name.to_owned(), Known { asked: now, addresses: addresses.to_vec() });
    }
}
