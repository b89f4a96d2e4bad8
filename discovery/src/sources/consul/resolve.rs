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
        if let Ok(addresses) = self.remembered(name) {
            return addresses;
        }
        // Never closed: a permit always comes.
        let _permit = self.lookups.acquire().await;
        // Others that wait for this name may have asked meanwhile.
        let last = match self.remembered(name) {
            Ok(addresses) => return addresses,
            Err(last) => last,
        };
        let found = ask(&self.lookup, name.into()).await;
        let addresses = found.map_or(last, |found| found.into_iter().collect());
        self.remember(name, &addresses);
        addresses
    }

    /// The last good addresses of `name`; as an error where it is time to ask again.
    fn remembered(&self, name: &str) -> Result<Vec<IpAddr>, Vec<IpAddr>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Known { asked, addresses }) = known.get(name) else { return Err(Vec::new()) };
        if asked.elapsed() < limits::AGAIN / 2 { Ok(addresses.clone()) } else { Err(addresses.clone()) }
    }

    fn remember(&self, name: &str, addresses: &[IpAddr]) {
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A host in use is asked for every AGAIN; what nobody asks for goes.
        known.retain(|_, known| now.duration_since(known.asked) < limits::DISBELIEF);
        known.insert(name.to_owned(), Known { asked: now, addresses: addresses.to_vec() });
    }
}
