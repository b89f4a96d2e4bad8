//! One watch of the API server that goes on whatever happens: after each failure it waits longer, until it is told of something again;
//! and where a server will not stream lists, it takes them in pages.

use std::fmt::Debug;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};
use kube::runtime::watcher::{self, Config, Error, Event, InitialListStrategy};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::limits;

/// A watch, and how it fares.
struct Steady<K: Resource> {
    watch: BoxStream<'static, Result<Event<K>, Error>>,
    api: Api<K>,
    config: Config,
    /// In a row, and when the last one was.
    failures: u32,
    failed: Option<Instant>,
    /// Whether it failed and has not waited yet.
    waits: bool,
}

/// What happens to what `api` gives, for ever.
pub(super) fn events<K>(api: Api<K>, config: Config) -> impl Stream<Item = Result<Event<K>, Error>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let watch = watcher::watcher(api.clone(), config.clone()).boxed();
    let steady = Steady { watch, api, config, failures: 0, failed: None, waits: false };
    stream::unfold(steady, |mut steady| async {
        let event = steady.next().await?;
        Some((event, steady))
    })
}

impl<K> Steady<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    async fn next(&mut self) -> Option<Result<Event<K>, Error>> {
        loop {
            if std::mem::take(&mut self.waits) {
                sleep(limits::BACKOFF.wait(self.failures)).await;
            }
            let event = self.watch.next().await?;
            match &event {
                // Said before the server was asked.
                Ok(Event::Init) => {}
                Ok(_) => self.failures = 0,
                // It is no failure to be asked in another way.
                Err(error) if self.streams_lists() && is_refused(error) => {
                    self.config.initial_list_strategy = InitialListStrategy::ListWatch;
                    self.watch = watcher::watcher(self.api.clone(), self.config.clone()).boxed();
                    continue;
                }
                Err(_) => self.fails(),
            }
            return Some(event);
        }
    }

    fn streams_lists(&self) -> bool {
        self.config.initial_list_strategy == InitialListStrategy::StreamingList
    }

    fn fails(&mut self) {
        let now = Instant::now();
        // A watch on which nothing happens says nothing while it is well.
        if self.failed.is_none_or(|failed| now.duration_since(failed) > limits::FAILS_AGAIN) {
            self.failures = 0;
        }
        (self.failures, self.failed, self.waits) = (self.failures.saturating_add(1), Some(now), true);
    }
}

/// Whether the server does not know how to do what was asked: it streams no lists, whatever its version.
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::WatchStartFailed(kube::Error::Api(status)) if matches!(status.code, 400 | 422))
}
