//! Blocking queries, by the rules of Consul's documentation: an index that went backwards starts anew, one that is 0 still
//! blocks, a failure is retried at once and only once, and no watch runs hot.

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::client::{Answer, Client};
use super::error::ConsulError;
use super::limits;

/// Asks again and again for `path`, each time for what is later than `index`; 0 asks for what is there now. The first failure
/// in a row is retried at once, the second is told, and is for whoever runs the source to wait after.
pub(super) fn follow<T: DeserializeOwned + Send + 'static>(
    client: &Client,
    path: Vec<String>,
    data_centre: String,
    index: u64,
) -> BoxStream<'static, Result<Answer<T>, ConsulError>> {
    let query = Query { client: client.clone(), path, data_centre, index: Index(index), pace: Pace::default() };
    stream::unfold(query, |mut query| async move { Some((query.next().await, query)) }).boxed()
}

struct Query {
    client: Client,
    path: Vec<String>,
    data_centre: String,
    index: Index,
    pace: Pace,
}

impl Query {
    async fn next<T: DeserializeOwned>(&mut self) -> Result<Answer<T>, ConsulError> {
        let rest = self.pace.rest(Instant::now());
        // A sleep of nothing still waits for the timer's next tick.
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        let answer = match self.ask().await {
            Err(error) if error.may_pass() => self.ask().await,
            answer => answer,
        }?;
        self.index = self.index.after(answer.index);
        Ok(answer)
    }

    async fn ask<T: DeserializeOwned>(&self) -> Result<Answer<T>, ConsulError> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.client.get(&path, Some(&self.data_centre), Some(self.index.0)).await
    }
}

/// Up to where an answer is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Index(pub(super) u64);

impl Index {
    /// What to ask with after an answer with `answered`.
    pub(super) fn after(self, answered: u64) -> Self {
        if answered < self.0 {
            return Self(0);
        }
        // Consul promises more than 0, and has broken it; 0 would not block.
        Self(answered.max(1))
    }
}

/// Lets a burst of answers through, and then one every [`limits::PACE`].
#[derive(Debug)]
pub(super) struct Pace {
    tokens: u32,
    since: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { tokens: limits::BURST, since: None }
    }
}

impl Pace {
    /// How long to wait at `now` before the next request; it counts as made.
    pub(super) fn rest(&mut self, now: Instant) -> Duration {
        let since = *self.since.get_or_insert(now);
        let earned = now.saturating_duration_since(since).as_millis() / limits::PACE.as_millis();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if earned > 0 {
            self.tokens = self.tokens.saturating_add(earned).min(limits::BURST);
            self.since = Some(now);
        }
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                Duration::ZERO
            }
            None => limits::PACE,
        }
    }
}
