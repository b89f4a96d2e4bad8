//! Tells the catalog what the view says: a full list first, what changes after, several reports at a time but never two of one
//! service. A slow catalog makes reports newer, not more. What the catalog cannot write down is told again, and holds up nothing else.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use catalog::CatalogError;
use catalog::report::{Listed, Receipt, Report};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::view::{Extent, View};
use super::{Tell, limits};

/// Publishes `view` until the catalog is closed.
pub(super) async fn publish(view: &View, reports: &dyn Tell) -> Result<Infallible, CatalogError> {
    let mut publisher = Publisher {
        view,
        reports,
        on_their_way: FuturesUnordered::new(),
        busy: HashSet::new(),
        told: HashMap::new(),
        refused: Vec::new(),
        again: None,
        phase: Phase::Reading,
    };
    loop {
        let changed = view.changed();
        publisher.advance();
        let overdue = publisher.overdue_at();
        tokio::select! {
            () = changed => {}
            Some((service, receipt)) = publisher.on_their_way.next() => publisher.arrived(service, receipt)?,
            () = sleep_until(overdue) => publisher.overdue(),
        }
    }
}

/// What came of a report, and of which service it was; a full list is of none.
type Acknowledged = (Option<Arc<str>>, Result<Receipt, CatalogError>);

struct Publisher<'a> {
    view: &'a View,
    reports: &'a dyn Tell,
    /// Reports that the catalog has not acknowledged.
    on_their_way: FuturesUnordered<BoxFuture<'a, Acknowledged>>,
    /// The services among them.
    busy: HashSet<Arc<str>>,
    /// What the catalog was told last of each service; `None` where nobody knows what it has.
    told: HashMap<Arc<str>, Option<Listed>>,
    /// Services of which it refused a report, to be told again …
    refused: Vec<Arc<str>>,
    /// … then.
    again: Option<Instant>,
    phase: Phase,
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The local data centre is being read; nothing is told yet.
    Reading,
    /// It is read. Another one never was in this process, and is waited for until then.
    Waiting(Instant),
    /// The full list is on its way.
    Telling,
    /// The full list is told. If it was held back or refused, it is told again then.
    Told(Option<Instant>),
    /// The full list is due, the first one or again.
    Due,
}

impl Publisher<'_> {
    /// Sends what can be sent now.
    fn advance(&mut self) {
        let extent = self.view.extent();
        let due = match self.phase {
            Phase::Reading | Phase::Waiting(_) => extent == Extent::Everything,
            Phase::Due => true,
            Phase::Telling => false,
            Phase::Told(_) => self.view.is_doubted(),
        };
        match self.phase {
            // After a change that is still on its way, so that the list is the later word.
            _ if due && !self.on_their_way.is_empty() => {}
            _ if due => self.tell_all(),
            Phase::Reading if extent == Extent::Local => self.phase = Phase::Waiting(Instant::now() + limits::PATIENCE),
            Phase::Told(_) => self.tell_changes(),
            Phase::Reading | Phase::Waiting(_) | Phase::Telling | Phase::Due => {}
        }
    }

    fn overdue_at(&self) -> Instant {
        /// No wait of a source is as long.
        const NEVER: Duration = Duration::from_secs(86_400);
        let phase = match self.phase {
            Phase::Waiting(until) | Phase::Told(Some(until)) => Some(until),
            _ => None,
        };
        phase.into_iter().chain(self.again).min().unwrap_or_else(|| Instant::now() + NEVER)
    }

    fn overdue(&mut self) {
        let now = Instant::now();
        if self.again.take_if(|again| *again <= now).is_some() {
            self.refused.drain(..).for_each(|service| self.view.tell_again(&service));
        }
        match self.phase {
            Phase::Waiting(until) if until <= now => {
                tracing::warn!("a data centre cannot be read; what the catalog holds of it stays");
                self.phase = Phase::Due;
            }
            Phase::Told(Some(until)) if until <= now => self.phase = Phase::Due,
            _ => {}
        }
    }

    fn tell_all(&mut self) {
        let (all, doubted) = self.view.all();
        let is_doubted = !doubted.is_empty();
        let listed = all.iter().map(|listed| (listed.key.clone(), Some(listed.clone()))).collect();
        let before = std::mem::replace(&mut self.told, listed);
        self.told.extend(doubted.into_iter().map(|service| (service, None)));
        // A list that is held back removes nothing: what is gone, and nobody was told yet, is told of by itself after.
        for gone in before.into_keys() {
            if let Entry::Vacant(unknown) = self.told.entry(gone) {
                self.view.tell_again(unknown.key());
                unknown.insert(None);
            }
        }
        self.send(None, if is_doubted { Report::Doubted(all) } else { Report::Full(all) });
        self.phase = Phase::Telling;
    }

    fn tell_changes(&mut self) {
        while self.on_their_way.len() < limits::REPORTS {
            let Some((service, listed)) = self.view.next(|service| self.busy.contains(service)) else { break };
            let told = self.told.get(&service);
            let report = match (told, listed) {
                (Some(Some(told)), Some(now)) if *told == now => continue,
                (Some(Some(told)), Some(now)) if told.spec == now.spec => {
                    let endpoints = now.endpoints.clone();
                    self.told.insert(service.clone(), Some(now));
                    Report::Endpoints(service.clone(), endpoints)
                }
                (_, Some(now)) => {
                    self.told.insert(service.clone(), Some(now.clone()));
                    Report::Changed(Box::new(now))
                }
                (Some(_), None) => {
                    self.told.remove(&service);
                    Report::Removed(service.clone())
                }
                (None, None) => continue,
            };
            self.busy.insert(service.clone());
            self.send(Some(service), report);
        }
    }

    fn send(&mut self, service: Option<Arc<str>>, report: Report) {
        let reports = self.reports;
        self.on_their_way.push(Box::pin(async move { (service, reports.tell(report).await) }));
    }

    fn arrived(
        &mut self,
        service: Option<Arc<str>>,
        receipt: Result<Receipt, CatalogError>,
    ) -> Result<(), CatalogError> {
        let retry = Instant::now() + limits::REFUSED;
        match (service, receipt) {
            (Some(service), Ok(_)) => _ = self.busy.remove(&service),
            // Endpoints are shown whatever the store does, so the run goes on; a new one would begin with another full list.
            (Some(service), Err(CatalogError::Store(_))) => {
                self.busy.remove(&service);
                self.told.insert(service.clone(), None);
                self.refused.push(service);
                self.again.get_or_insert(retry);
            }
            (None, Err(CatalogError::Store(_))) => self.phase = Phase::Told(Some(retry)),
            (None, Ok(receipt)) => {
                if let Some(reason) = &receipt.held_back {
                    tracing::warn!("the full list is held back: {reason}");
                }
                self.phase = Phase::Told(receipt.held_back.map(|_| Instant::now() + limits::TELL_AGAIN));
            }
            (_, Err(error)) => return Err(error),
        }
        Ok(())
    }
}
