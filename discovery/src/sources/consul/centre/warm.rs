//! Services in use: each has a blocking query of its own, so that a new instance is seen at once and not at the next round.

use std::future::pending;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::watch;
use tokio_stream::StreamMap;

use super::super::client::Answer;
use super::super::error::ConsulError;
use super::super::wire::Entry;
use super::super::{InUse, limits};

/// What a service's own query says.
pub(super) type Told = Result<Answer<Vec<Entry>>, ConsulError>;

/// The queries of one data centre.
pub(super) struct Warm {
    wanted: watch::Receiver<InUse>,
    /// How many data centres share the connections.
    centres: watch::Receiver<usize>,
    queries: StreamMap<Arc<str>, BoxStream<'static, Told>>,
}

/// What a wait for the queries ends with.
pub(super) enum Woken {
    /// Other services are in use, or there are more data centres or fewer.
    Wanted,
    /// A query was answered.
    Told(Arc<str>, Told),
}

impl Warm {
    pub(super) fn new(wanted: watch::Receiver<InUse>, centres: watch::Receiver<usize>) -> Self {
        Self { wanted, centres, queries: StreamMap::new() }
    }

    /// Whether `service` has a query of its own.
    pub(super) fn has(&self, service: &str) -> bool {
        self.queries.contains_key(service)
    }

    /// Stops the query of `service`.
    pub(super) fn stop(&mut self, service: &str) {
        self.queries.remove(service);
    }

    /// Has a query for as many of the services in use as there may be, and for no other. `follow` makes one, or says that the
    /// service is not known here.
    pub(super) fn keep(&mut self, follow: impl Fn(&Arc<str>) -> Option<BoxStream<'static, Told>>) {
        let most = limits::warm(*self.centres.borrow_and_update());
        let wanted = self.wanted.borrow_and_update().clone();
        let wanted = &wanted[..wanted.len().min(most)];
        let idle: Vec<_> = self.queries.keys().filter(|service| !wanted.contains(service)).cloned().collect();
        idle.iter().for_each(|service| self.stop(service));
        for service in wanted.iter().filter(|service| !self.queries.contains_key(*service)).collect::<Vec<_>>() {
            if let Some(query) = follow(service) {
                self.queries.insert(service.clone(), query);
            }
        }
    }

    /// Waits for the next thing to happen. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Woken {
        // Whoever told is gone and changes nothing any more: that is no news.
        async fn changed<T>(receiver: &mut watch::Receiver<T>) {
            if receiver.changed().await.is_err() {
                pending().await
            }
        }
        tokio::select! {
            Some((service, told)) = self.queries.next(), if !self.queries.is_empty() => Woken::Told(service, told),
            () = changed(&mut self.wanted) => Woken::Wanted,
            () = changed(&mut self.centres) => Woken::Wanted,
        }
    }
}
