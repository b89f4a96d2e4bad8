//! The registrar: the only writer of the catalog.
//!
//! It takes requests in order, works out what they change, commits that and shows it, in this order; what arrives while a
//! commit is under way goes together into the next. Endpoints are soft: they are shown on arrival, whatever the store does.
//!
//! When a commit fails, its requests get the error and the catalog stays as it was. Because nobody knows then what the store
//! has, the registrar refuses further changes until it has read that and could write again; see [`recover`].

mod agreement;
mod batch;
mod endpoints;
mod listed;
mod load;
mod merge;
mod names;
mod overlays;
mod reconcile;
mod recover;
mod soft;
mod sources;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::fs::File;
use std::io::BufWriter;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use self::agreement::Agreement;
use self::batch::Batch;
use self::endpoints::{EndpointChange, Endpoints};
use self::overlays::Overlays;
use self::recover::Doubt;
use self::sources::{Scope, Sources};
use self::stage::{Stage, in_turn};
use crate::error::CatalogError;
use crate::model::{Kind, UpstreamId};
use crate::published::{Published, StoreTrouble};
use crate::request::{Answer, QUEUE, Request};
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::store::archive::{self, ArchiveError};
use crate::store::{Store, StoreError};

/// The most requests of one batch, so that the first does not wait for the last too long.
const MAX_BATCH: usize = 256;

/// The most requests that wait while the store is busy; more are refused, so that endpoint changes always get through.
const MAX_WAITING: usize = 4 * QUEUE;

/// After a failed commit the store is tried again this often.
const RETRY: Duration = Duration::from_secs(1);

/// The writer of the catalog. Does its work as long as [`Registrar::run`] is polled.
#[derive(Debug)]
pub struct Registrar {
    requests: mpsc::Receiver<Request>,
    published: Arc<Published>,
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    /// What is durable, with the soft state as it is shown.
    current: Snapshot,
    endpoints: Endpoints,
    sources: Sources,
    agreements: Agreements,
    overlays: Overlays,
    /// Requests that have arrived, each with its number.
    waiting: VecDeque<(u64, Request)>,
    arrivals: u64,
    /// Files to which the store is to be written, between two commits.
    backups: VecDeque<(File, Answer<File>)>,
    trouble: Option<Trouble>,
    /// Set when no more requests are taken; whom to tell when all is written.
    closing: Option<Vec<Answer<()>>>,
}

/// What the recent answers of probes were.
type Agreements = HashMap<UpstreamId, HashMap<Kind, Agreement>>;

/// The store failed.
#[derive(Debug)]
struct Trouble {
    error: StoreError,
    doubt: Doubt,
    retry_at: Instant,
}

/// What the store is busy with.
type Work = BoxFuture<'static, Done>;

/// What came of it.
enum Done {
    Committed(Box<Batch>, Result<(), (Doubt, StoreError)>),
    Recovered(Result<Box<(Snapshot, Vec<EndpointChange>)>, StoreError>),
    BackedUp(Result<File, CatalogError>, Answer<File>),
}

impl Registrar {
    /// Reads what is in `store`. Takes `requests` once it is run.
    pub(crate) async fn load(
        store: Arc<dyn Store>,
        settings: Arc<Settings>,
        requests: mpsc::Receiver<Request>,
    ) -> Result<Self, StoreError> {
        let mut current = load::load(&store, &settings).await?;
        current.generation = 1;
        Ok(Self {
            requests,
            published: Arc::new(Published::new(Arc::new(current.clone()))),
            store,
            settings,
            current,
            endpoints: Endpoints::default(),
            sources: Sources::default(),
            agreements: HashMap::new(),
            overlays: Overlays::default(),
            waiting: VecDeque::new(),
            arrivals: 0,
            backups: VecDeque::new(),
            trouble: None,
            closing: None,
        })
    }

    /// Where it shows what is there.
    pub(crate) fn published(&self) -> Arc<Published> {
        self.published.clone()
    }

    /// Takes requests until the catalog is closed or nobody holds it any more, and everything is written.
    pub async fn run(mut self) {
        let mut work: Option<Work> = None;
        loop {
            if work.is_none() {
                work = self.begin();
            }
            let wake = match work {
                Some(_) => None,
                None if self.closing.is_some() => break,
                None => self.next_wake(),
            };
            tokio::select! {
                done = async { work.as_mut().expect("the branch is on").await }, if work.is_some() => {
                    work = None;
                    self.finish(done);
                }
                request = self.requests.recv(), if self.closing.is_none() => self.receive(request),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
        let outcome = self.trouble.map_or(Ok(()), |trouble| Err(CatalogError::Store(trouble.error)));
        self.closing.into_iter().flatten().for_each(|answer| drop(answer.send(outcome.clone())));
    }

    /// When there is something to do though nobody asks.
    fn next_wake(&self) -> Option<Instant> {
        match &self.trouble {
            Some(trouble) => Some(trouble.retry_at),
            None => self.endpoints.due().into_iter().chain(self.sources.due()).min(),
        }
    }

    /// Starts what is to be done next, if anything.
    fn begin(&mut self) -> Option<Work> {
        if let Some(trouble) = &self.trouble {
            let error = CatalogError::Store(trouble.error.clone());
            self.waiting.drain(..).for_each(|(_, request)| request.refuse(error.clone()));
            let is_due = trouble.retry_at <= Instant::now() && self.closing.is_none();
            return is_due.then(|| self.recover());
        }
        if let Some((file, answer)) = self.backups.pop_front() {
            return Some(self.back_up(file, answer));
        }
        loop {
            let batch = self.stage();
            if !batch.sets.is_empty() {
                return Some(self.commit(batch));
            }
            self.apply(batch);
            if self.waiting.is_empty() {
                return None;
            }
        }
    }

    /// Works out what the waiting requests change.
    fn stage(&mut self) -> Batch {
        let mut batch = Batch::new(self.current.clone(), self.settings.now());
        let now = Instant::now();
        // First, so that a record does not outlive an upstream that is removed after it.
        let is_due = self.endpoints.due().is_some_and(|due| due <= now || self.closing.is_some());
        if is_due {
            (batch.written, batch.sets) = self.endpoints.write(&self.current);
        }
        let count = self.waiting.len().min(MAX_BATCH);
        let mut requests: Vec<_> = self.waiting.drain(..count).collect();
        in_turn(&mut requests, &self.settings);
        let Self { sources, agreements, overlays, settings, .. } = self;
        let mut stage = Stage { batch: &mut batch, sources, agreements, overlays, settings, now };
        requests.into_iter().for_each(|(order, request)| stage.request(order, request));
        // Last, because a report that has just come may contradict it.
        for source in stage.sources.ripe(now) {
            stage.take_held(&source, Scope::Upstreams);
        }
        batch.trim();
        batch
    }

    fn commit(&mut self, mut batch: Batch) -> Work {
        let store = self.store.clone();
        let doubt = Doubt::about(&batch, &self.current);
        let sets = std::mem::take(&mut batch.sets);
        let commit = unpanicked(async move { store.commit(sets).await });
        async move {
            let outcome = commit.await.map_err(|error| (doubt, error));
            Done::Committed(Box::new(batch), outcome)
        }
        .boxed()
    }

    /// Nothing is committed while this is under way, so that the file holds one revision. It reads everything and has a thread of
    /// its own for that, so that endpoint changes go on.
    fn back_up(&self, file: File, answer: Answer<File>) -> Work {
        let (store, runtime) = (self.store.clone(), Handle::current());
        let written = spawn_blocking(move || {
            let mut out = BufWriter::new(file);
            runtime.block_on(archive::write(&*store, &mut out))?;
            out.into_inner().map_err(|error| ArchiveError::File(error.into_error()))
        });
        async move {
            let failed = |error: &dyn Display| CatalogError::Backup(error.to_string().into());
            let outcome = match written.await {
                Ok(written) => written.map_err(|error| failed(&error)),
                Err(panicked) => Err(failed(&panicked)),
            };
            Done::BackedUp(outcome, answer)
        }
        .boxed()
    }

    fn recover(&self) -> Work {
        let Some(trouble) = &self.trouble else { return futures_util::future::pending().boxed() };
        let (store, settings) = (self.store.clone(), self.settings.clone());
        let recovery = recover::recover(store, settings, self.current.clone(), trouble.doubt.clone());
        unpanicked(recovery).map(|recovered| Done::Recovered(recovered.map(Box::new))).boxed()
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Committed(batch, Ok(())) => self.apply(*batch),
            Done::Committed(batch, Err((doubt, error))) => self.give_up(*batch, doubt, error),
            Done::Recovered(Ok(recovered)) => {
                tracing::info!("the store can be written again");
                self.trouble = None;
                self.published.troubled(None);
                let (snapshot, endpoints) = *recovered;
                self.adopt(snapshot, endpoints, true);
            }
            Done::Recovered(Err(error)) => self.still_troubled(error),
            // Whoever asked may have gone away.
            Done::BackedUp(outcome, answer) => drop(answer.send(outcome)),
        }
    }

    /// A batch is durable: shows it, and answers.
    fn apply(&mut self, batch: Batch) {
        self.adopt(batch.snapshot, batch.endpoints, batch.is_visible);
        batch.replies.into_iter().for_each(|reply| reply(Ok(())));
    }

    /// Shows what is durable, with the soft state as it is now.
    fn adopt(&mut self, mut next: Snapshot, endpoints: Vec<EndpointChange>, mut is_visible: bool) {
        next.endpoints = std::mem::take(&mut self.current.endpoints);
        next.generation = self.current.generation;
        for change in endpoints {
            is_visible |= self.endpoints.apply(&mut next, change, &self.settings);
        }
        next.sources = self.sources.views();
        is_visible |= next.sources != self.current.sources;
        self.current = next;
        if is_visible {
            self.publish();
        }
    }

    /// A batch did not become durable, as far as is known.
    fn give_up(&mut self, batch: Batch, doubt: Doubt, error: StoreError) {
        tracing::error!(%error, "catalog changes are refused until the store can be written again");
        batch.written.into_iter().for_each(|id| self.endpoints.mark_behind(id));
        for (source, scope, held) in batch.released {
            self.sources.hold_again(source, scope, held);
        }
        let since = self.settings.now();
        self.published.troubled(Some(StoreTrouble { since, error: error.clone() }));
        self.trouble = Some(Trouble { error: error.clone(), doubt, retry_at: Instant::now() + RETRY });
        batch.replies.into_iter().for_each(|reply| reply(Err(CatalogError::Store(error.clone()))));
        self.publish();
    }

    fn still_troubled(&mut self, error: StoreError) {
        tracing::warn!(%error, "the store still cannot be written");
        if let Some(trouble) = &mut self.trouble {
            trouble.retry_at = Instant::now() + RETRY;
            trouble.error = error;
        }
    }

    fn publish(&mut self) {
        self.current.generation += 1;
        self.published.publish(Arc::new(self.current.clone()));
    }
}

/// A store that panics has failed, and no more.
async fn unpanicked<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        let cause = format!("it panicked: {}", text.unwrap_or("without a word")).into();
        Err(StoreError::Unavailable { act: "go on", cause })
    })
}
