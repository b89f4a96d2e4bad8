//! What reaches a running prober from outside: requests to look now, and what is known.

use catalog::model::UpstreamId;
use tokio::sync::{mpsc, oneshot, watch};

use super::outcome::{Discovery, Outcomes};

/// Requests for a look that may wait.
pub(super) const QUEUE: usize = 64;

/// A request to look at an upstream now.
#[derive(Debug)]
pub(super) struct Request(pub(super) UpstreamId, pub(super) Answer);

/// How far the prober is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Progress {
    /// The newest generation of the catalog that it knows; 0 before the first.
    pub(super) generation: u64,
    /// How many upstreams wait for their first look.
    pub(super) unseen: usize,
}

/// The way of its answer; dropped where there is no such upstream.
pub(super) type Answer = oneshot::Sender<Result<Discovery, RefreshError>>;

/// Reaches a running prober. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) outcomes: Outcomes,
    pub(super) progress: watch::Receiver<Progress>,
}

/// Why there was no look.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RefreshError {
    /// It is not in the catalog (any more).
    #[error("there is no upstream {0} in the catalog")]
    Unknown(UpstreamId),
    /// It is never looked at.
    #[error("{0} is not looked at: {1}")]
    Off(UpstreamId, String),
    /// There is nobody to ask.
    #[error("{0} has no healthy endpoint")]
    NoEndpoint(UpstreamId),
    /// The daemon is stopping.
    #[error("the prober is stopping")]
    Stopping,
}

impl Handle {
    /// What is known of all upstreams.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Looks at `upstream` now and returns what came of it.
    pub async fn refresh(&self, upstream: &UpstreamId) -> Result<Discovery, RefreshError> {
        let (answer, looked) = oneshot::channel();
        self.requests.send(Request(upstream.clone(), answer)).await.map_err(|_| RefreshError::Stopping)?;
        looked.await.unwrap_or_else(|_| Err(RefreshError::Unknown(upstream.clone())))
    }

    /// Returns when every upstream that the catalog's `generation` has, and that can be looked at, was looked at once.
    pub async fn settled(&self, generation: u64) {
        let mut progress = self.progress.clone();
        let is_settled = |progress: &Progress| progress.generation >= generation && progress.unseen == 0;
        // An error means that the prober is gone, and nothing will be looked at any more.
        let _ = progress.wait_for(is_settled).await;
    }
}
