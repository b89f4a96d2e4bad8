//! Keeps every source running: restarts it with backoff and jitter when it breaks, shows its state on the [`Board`], and tells the
//! catalog when nothing vouches for its entries any more.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use catalog::Catalog;
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::Backoff;
use crate::board::Board;
use crate::reports::Reports;
use crate::source::{Source, SourceError};

/// Waits between two runs of a source: nearly at once after a blip, and a place that is down for long is asked every half minute.
const RESTART: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(30) };
/// A run that reported and lasted this long was good: the next failure is a first one again.
const STEADY: Duration = Duration::from_secs(60);
/// How long all sources together may take to stop.
pub const GRACE: Duration = Duration::from_secs(5);

/// Runs sources.
pub struct Supervisor {
    catalog: Catalog,
    board: Board,
    sources: Vec<Box<dyn Source>>,
}

impl Supervisor {
    /// Will run `sources`, each with an id of its own, which report to `catalog`.
    pub fn new(catalog: Catalog, sources: Vec<Box<dyn Source>>) -> Self {
        let board = Board::default();
        sources.iter().for_each(|source| board.add(source.id()));
        Self { catalog, board, sources }
    }

    /// Where their states are shown.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Runs them until `stop`, then ends all within [`GRACE`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let ids: Vec<_> = self.sources.iter().map(|source| source.id().clone()).collect();
        if let Err(error) = self.catalog.configured(ids.clone()).await {
            tracing::error!(%error, "the catalog does not know which sources are configured");
        }
        let mut tasks = JoinSet::new();
        for source in self.sources {
            let reports = Reports::shown_on(self.board.clone(), self.catalog.clone(), source.id().clone());
            let (catalog, board) = (self.catalog.clone(), self.board.clone());
            tasks.spawn(async move { keep(source.as_ref(), &reports, &catalog, &board).await });
        }
        stop.await;
        if timeout(GRACE, tasks.shutdown()).await.is_err() {
            tracing::error!("a source did not stop within {} s", GRACE.as_secs());
        }
        ids.iter().for_each(|source| self.board.stopped(source));
    }
}

/// Runs one source for ever.
async fn keep(source: &dyn Source, reports: &Reports, catalog: &Catalog, board: &Board) -> Infallible {
    let mut failures = 0;
    loop {
        let (began, then) = (Instant::now(), Timestamp::now());
        board.begins(source.id());
        let error = match AssertUnwindSafe(source.run(reports)).catch_unwind().await {
            Ok(Ok(never)) => match never {},
            Ok(Err(error)) => error,
            Err(panic) => SourceError::Place { act: "the source broke".into(), cause: said(panic.as_ref()) },
        };
        if began.elapsed() >= STEADY && board.reported_since(source.id(), then) {
            failures = 0;
        }
        failures += 1;
        let (id, wait) = (source.id(), RESTART.wait(failures));
        tracing::warn!(source = %id, %error, failures, ?wait, "source failed");
        board.failed(id, &error);
        if let Err(refused) = catalog.failing(id, error.to_string()).await {
            tracing::error!(source = %id, error = %refused, "its entries cannot be marked as stale");
        }
        sleep(wait).await;
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it gave no reason").to_owned()
}
