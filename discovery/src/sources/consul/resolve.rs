//! The addresses of hosts that instances are registered under: the system's resolver, and its last good answer where it fails.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::limits;

/// Resolves and remembers. One for all data centres and runs of a source.
#[derive(Debug)]
pub(super) struct Resolver {
    known: Mutex<HashMap<String, Known>>,
    lookups: Semaphore,
}

#[derive(Clone, Debug)]
struct Known {
    asked: Instant,
    addresses: Vec<IpAddr>,
}

impl Resolver {
    pub(super) fn new() -> Self {
        Self { known: Mutex::default(), lookups: Semaphore::new(limits::LOOKUPS) }
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
        let found = timeout(limits::RESOLVE, tokio::net::lookup_host((name, 0))).await;
        let mut addresses: Vec<IpAddr> = match found {
            Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        addresses.sort();
        addresses.dedup();
        addresses.truncate(limits::ADDRESSES);
        if addresses.is_empty() {
            addresses = last;
        }
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
