//! The time that an answer may take. It stands still while we are the ones who wait for something else.

use std::future::Future;
use std::time::Duration;

use plugins::FetchError;
use tokio::time::{Instant, timeout};

/// What is left of a limit.
#[derive(Debug)]
pub(super) struct Clock {
    limit: Duration,
    left: Duration,
}

impl Clock {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, left: limit }
    }

    /// Lets `work` take of what is left.
    pub(super) async fn run<T>(&mut self, work: impl Future<Output = T>) -> Result<T, FetchError> {
        let began = Instant::now();
        let done = timeout(self.left, work).await;
        self.left = self.left.saturating_sub(began.elapsed());
        done.map_err(|_| FetchError::Timeout(self.limit.as_secs()))
    }
}
