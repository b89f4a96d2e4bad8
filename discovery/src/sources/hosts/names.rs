//! Names and the addresses that they lead to, asked for again on a bounded cadence.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};

use crate::backoff::jitter;

/// While a name's addresses change, or after it failed.
const SOON: Duration = Duration::from_secs(5);
/// While they stay the same: each unchanged answer makes the wait half as long again, up to this.
const LATER: Duration = Duration::from_secs(30);
/// Names that are asked for at the same time: the system's resolver takes a thread for each.
pub(crate) const AT_ONCE: usize = 8;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most addresses that are taken of one name.
const MOST_ADDRESSES: usize = 256;

/// Finds the addresses of a name.
pub(crate) type Lookup = Arc<dyn Fn(Arc<str>) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The system's resolver.
pub(crate) fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((&*name, 0)).await?;
            Ok(found.map(|address| address.ip().to_canonical()).collect())
        })
    })
}

/// The addresses of `name`, or why there are none.
pub(crate) async fn ask(lookup: &Lookup, name: Arc<str>) -> Result<BTreeSet<IpAddr>, String> {
    match timeout(PATIENCE, lookup(name)).await {
        Ok(Ok(found)) if found.is_empty() => Err("it has no address".to_owned()),
        Ok(Ok(found)) => Ok(found.into_iter().take(MOST_ADDRESSES).collect()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// What came of asking for a name.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) name: Arc<str>,
    found: Result<BTreeSet<IpAddr>, String>,
}

#[derive(Debug)]
struct Entry {
    /// The last good answer.
    addresses: Option<BTreeSet<IpAddr>>,
    /// Why the last answer was none.
    failure: Option<String>,
    wait: Duration,
    /// When to ask next; `None` while asking.
    due: Option<Instant>,
}

/// All names.
pub(crate) struct Names {
    lookup: Lookup,
    entries: BTreeMap<Arc<str>, Entry>,
    asking: FuturesUnordered<BoxFuture<'static, Answer>>,
}

impl Names {
    pub(crate) fn new(lookup: Lookup) -> Self {
        Self { lookup, entries: BTreeMap::new(), asking: FuturesUnordered::new() }
    }

    /// Keeps these names and drops others.
    pub(crate) fn keep(&mut self, names: impl Iterator<Item = Arc<str>>) {
        let names: BTreeSet<_> = names.collect();
        self.entries.retain(|name, _| names.contains(name));
        for name in names {
            let new = || Entry { addresses: None, failure: None, wait: SOON, due: Some(Instant::now()) };
            self.entries.entry(name).or_insert_with(new);
        }
    }

    /// Whether each name had a good or a bad answer.
    pub(crate) fn all_answered(&self) -> bool {
        self.entries.values().all(|entry| entry.addresses.is_some() || entry.failure.is_some())
    }

    /// Whether each name has addresses.
    pub(crate) fn all_known(&self) -> bool {
        self.entries.values().all(|entry| entry.addresses.is_some())
    }

    /// The last good addresses of `name`.
    pub(crate) fn addresses(&self, name: &str) -> Option<&BTreeSet<IpAddr>> {
        self.entries.get(name)?.addresses.as_ref()
    }

    /// The names whose last answer was none, and why.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (String, String)> {
        let failed = self.entries.iter().filter_map(|(name, entry)| Some((name, entry.failure.as_ref()?)));
        failed.map(|(name, failure)| (name.to_string(), format!("cannot be resolved: {failure}")))
    }

    /// The next answer; asks for what is due. Nothing is lost when this is dropped.
    pub(crate) async fn next(&mut self) -> Answer {
        loop {
            self.ask_due();
            let next = self.entries.values().filter_map(|entry| entry.due).min();
            let full = self.asking.len() >= AT_ONCE;
            let wait = async {
                match next.filter(|_| !full) {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(answer) = self.asking.next() => return answer,
                () = wait => {}
            }
        }
    }

    /// Writes an answer down; says whether it changed the name's addresses.
    pub(crate) fn answered(&mut self, answer: Answer) -> bool {
        let Some(entry) = self.entries.get_mut(&answer.name) else { return false };
        let before = entry.addresses.clone();
        match answer.found {
            Ok(addresses) => {
                entry.failure = None;
                entry.addresses = Some(addresses);
            }
            Err(failure) => entry.failure = Some(failure),
        }
        let changed = entry.addresses != before;
        entry.wait = match changed || entry.failure.is_some() {
            true => SOON,
            false => entry.wait.mul_f64(1.5).min(LATER),
        };
        entry.due = Some(Instant::now() + jitter(entry.wait));
        changed
    }

    fn ask_due(&mut self) {
        let now = Instant::now();
        let due = self.entries.iter_mut().filter(|(_, entry)| entry.due.is_some_and(|due| due <= now));
        for (name, entry) in due.take(AT_ONCE.saturating_sub(self.asking.len())) {
            entry.due = None;
            let (name, lookup) = (name.clone(), self.lookup.clone());
            self.asking.push(Box::pin(async move {
                let found = ask(&lookup, name.clone()).await;
                Answer { name, found }
            }));
        }
    }
}
