//! Memory for large answers, shared by all looks: a hundred services that answer with 200 MB each must not fill the machine.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use plugins::FetchError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LARGEST;
use super::clock::Clock;

/// What an answer may have without asking the budget: nearly all documents.
const FREE: usize = 256 << 10;
/// All answers larger than that together, in MiB: four of the largest at a time.
const TOTAL: usize = 4 * LARGEST / MIB;
const MIB: usize = 1 << 20;

/// The budget.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TOTAL)))
    }
}

impl Budget {
    /// Reads a body to its end. `declared` is its length where the peer says one. What is held of the budget goes back when the last
    /// reference to the bytes is dropped, so that reading a document counts as well. `clock` runs while the peer is waited for, not while
    /// others' answers are.
    pub(super) async fn read(
        &self,
        declared: Option<u64>,
        chunks: impl Stream<Item = Result<Bytes, FetchError>>,
        clock: &mut Clock,
    ) -> Result<Bytes, FetchError> {
        let too_large = || FetchError::TooLarge((LARGEST / MIB) as u64);
        let most = declared.map_or(LARGEST, |declared| usize::try_from(declared).unwrap_or(usize::MAX));
        if most > LARGEST {
            return Err(too_large());
        }
        let mut body = Vec::new();
        let mut permit = None;
        let mut chunks = pin!(chunks);
        while let Some(chunk) = clock.run(chunks.try_next()).await?? {
            let length = body.len() + chunk.len();
            if length > LARGEST {
                return Err(too_large());
            }
            if length > FREE && permit.is_none() {
                permit = Some(self.take(most.max(length)).await?);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(match permit {
            None => body.into(),
            Some(mut permit) => {
                body.shrink_to_fit();
                drop(permit.split(permit.num_permits().saturating_sub(permits(body.len()))));
                Bytes::from_owner(Held { body, _permit: permit })
            }
        })
    }

    /// A part of it; waits until there is as much.
    pub(super) async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, FetchError> {
        let permit = self.0.clone().acquire_many_owned(permits(bytes) as u32).await;
        permit.map_err(|_| FetchError::Refused("the daemon is stopping".into()))
    }
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(MIB).min(TOTAL)
}

struct Held {
    body: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn read(budget: &Budget, declared: Option<u64>, chunks: usize) -> Result<Bytes, FetchError> {
        let chunk = Bytes::from(vec![b'x'; MIB]);
        let chunks = futures_util::stream::iter((0..chunks).map(|_| Ok(chunk.clone())));
        budget.read(declared, chunks, &mut Clock::new(Duration::from_secs(20))).await
    }

    #[tokio::test]
    async fn a_large_answer_holds_its_size_until_it_is_dropped() {
        let budget = Budget::default();
        let body = read(&budget, None, 5).await.unwrap();
        let part = body.slice(..10);
        drop(body);
        assert_eq!(budget.0.available_permits(), TOTAL - 5);
        drop(part);
        assert_eq!(budget.0.available_permits(), TOTAL);
    }

    #[tokio::test]
    async fn the_limit_holds_for_declared_and_for_undeclared_answers() {
        let budget = Budget::default();
        assert_eq!(read(&budget, None, LARGEST / MIB).await.unwrap().len(), LARGEST);
        assert!(matches!(read(&budget, None, LARGEST / MIB + 1).await, Err(FetchError::TooLarge(32))));
        assert!(matches!(read(&budget, Some(200 << 20), 0).await, Err(FetchError::TooLarge(32))));
        assert_eq!(budget.0.available_permits(), TOTAL);
    }

    #[tokio::test(start_paused = true)]
    async fn large_answers_wait_for_each_other_and_small_ones_for_none() {
        let budget = Budget::default();
        let all = budget.take(LARGEST * 4).await.unwrap();
        assert_eq!(read(&budget, None, 0).await.unwrap().len(), 0);
        let mut waiting = Box::pin(read(&budget, Some(2 << 20), 2));
        assert!(timeout(Duration::from_secs(60), &mut waiting).await.is_err(), "it waits, and not for its peer");
        drop(all);
        assert_eq!(waiting.await.unwrap().len(), 2 << 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_stops_is_not_waited_for() {
        let chunks = futures_util::stream::pending();
        let read = Budget::default().read(None, chunks, &mut Clock::new(Duration::from_secs(20))).await;
        assert!(matches!(read, Err(FetchError::Timeout(20))), "{read:?}");
    }
}
