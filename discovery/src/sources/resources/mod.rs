//! Resources of a Kubernetes cluster: what users apply is in the catalog at once, and its status says how it fares.
//!
//! Promises that a resource that is refused costs itself only, and that what it said before stays in force; that a kind whose definition is
//! not applied is no failure, and found when it is; that a status is written by one replica alone, and only when it changed. Never touches
//! the metadata of anything.

mod kinds;
mod lease;
mod limits;
mod secrets;
mod status;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use catalog::model::SourceId;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, SelectAll, StreamExt, select_all};
use kube::Api;
use plugins::Keyring;
use tokio::sync::watch as channel;
use tokio::time::{Instant, Interval, interval_at};

use self::kinds::{KINDS, Kind};
use self::view::{Verdicts, View};
use self::watch::Said;
use super::hosts::{self, Lookup, Target, Written};
use super::kubernetes::{Place, limits as usual};
use crate::resources::upstream::Surroundings;
use crate::{Reports, Source, SourceError};

/// The resources of one cluster.
pub struct Resources {
    id: SourceId,
    place: Place,
    around: Surroundings,
    keyring: Keyring,
    lookup: Lookup,
}

impl Resources {
    /// Of the cluster at `place`, whose Services the source `kubernetes` of this `instance` lists. Puts what Secrets hold on `keyring`.
    pub fn new(instance: &str, place: Place, keyring: Keyring) -> Self {
        let cluster = SourceId::new("kubernetes", instance);
        let around = Surroundings {
            cluster: Some(instance.into()),
            secrets: Some(cluster.to_string().replace('/', "-").into()),
        };
        Self { id: SourceId::new("static", &cluster.to_string()), place, around, keyring, lookup: hosts::system() }
    }

    async fn watch(&self, reports: &Reports) -> Result<Infallible, SourceError> {
        let (client, config) = self.place.connect().await?;
        // What an earlier run said of its parts is over.
        let parts = KINDS.iter().map(Kind::name).chain([lease::PART.into(), status::PART.into()]);
        parts.for_each(|part| reports.part(&part, None));
        let reporter = client.default_namespace().to_owned();
        let held = reports.held_over().into_iter().map(|(over, name)| Target::laid_over(over, name));
        let held = reports.held().into_iter().map(Target::from).chain(held);
        let (verdicts, judged) = channel::channel(Arc::default());
        let (wanted, wants) = channel::channel(Arc::default());
        let (known, secrets) = channel::channel(Arc::default());
        let (leads, holds) = channel::channel(false);
        let watches = KINDS.iter().map(|kind| watch::resources(kind, client.clone(), config.clone()));
        let reading = Reading {
            view: View::new(self.around.clone(), reporter.clone(), held),
            watches: select_all(watches),
            unlisted: KINDS.iter().map(|kind| kind.plural).collect(),
            failing: BTreeMap::new(),
            verdicts,
            reports,
            alive: interval_at(Instant::now() + usual::ALIVE, usual::ALIVE),
        };
        let candidate = lease::Candidate {
            api: Api::default_namespaced(client.clone()),
            identity: lease::identity(),
            reports,
            holds: leads,
        };
        let prefix = self.around.secrets.clone().unwrap_or_default();
        let reader = secrets::Secrets { client: client.clone(), config, keyring: self.keyring.clone(), prefix, known };
        let writer = status::Writer { client, reports, reporter, verdicts: judged, secrets, holds, wanted };
        tokio::select! {
            ended = Box::pin(hosts::keep(reports, self.lookup.clone(), reading.written())) => ended,
            never = Box::pin(candidate.keep()) => match never {},
            never = Box::pin(reader.keep(wants)) => match never {},
            never = Box::pin(writer.keep()) => match never {},
        }
    }
}

impl Source for Resources {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        Box::pin(self.watch(reports))
    }
}

/// What the watches say, as lists of what is written down.
struct Reading<'a> {
    view: View,
    watches: SelectAll<BoxStream<'static, (&'static Kind, Said)>>,
    /// Kinds of which not everything has been told yet.
    unlisted: BTreeSet<&'static str>,
    /// How often a watch failed, one time after the other, and when it last did.
    failing: BTreeMap<&'static str, (u32, Instant)>,
    verdicts: channel::Sender<Arc<Verdicts>>,
    reports: &'a Reports,
    alive: Interval,
}

impl<'a> Reading<'a> {
    fn written(self) -> BoxStream<'a, Result<Written, SourceError>> {
        let next = |mut reading: Self| async move {
            let written = reading.next().await?;
            Ok(Some((written, reading)))
        };
        stream::try_unfold(self, next).boxed()
    }

    /// All that is written down, when that is something else than it was.
    async fn next(&mut self) -> Result<Written, SourceError> {
        loop {
            let mut is_news = false;
            tokio::select! {
                Some((kind, said)) = self.watches.next() => {
                    is_news |= self.take(kind, said)?;
                    for _ in 1..usual::BURST {
                        let Some(Some((kind, said))) = self.watches.next().now_or_never() else { break };
                        is_news |= self.take(kind, said)?;
                    }
                }
                now = self.alive.tick() => {
                    self.forgive(now);
                    if self.failing.is_empty() && self.unlisted.is_empty() {
                        self.reports.alive();
                    }
                }
            }
            if is_news && self.unlisted.is_empty() {
                self.verdicts.send_replace(Arc::new(self.view.verdicts().clone()));
                return Ok(self.view.written());
            }
        }
    }

    /// A watch that stands again says nothing before something changes; one that does not fails again within the time.
    fn forgive(&mut self, now: Instant) {
        let stands = |(_, last): &(u32, Instant)| now.duration_since(*last) > usual::FAILS_AGAIN;
        for kind in KINDS {
            if !self.unlisted.contains(kind.plural) && self.failing.get(kind.plural).is_some_and(stands) {
                self.failing.remove(kind.plural);
                self.reports.part(&kind.name(), None);
            }
        }
    }

    /// Returns whether that is news.
    fn take(&mut self, kind: &'static Kind, said: Said) -> Result<bool, SourceError> {
        if !matches!(said, Said::Failed(_)) && self.failing.remove(kind.plural).is_some() {
            self.reports.part(&kind.name(), None);
        }
        match said {
            Said::There(object) => self.view.put(kind, &object),
            Said::Gone(key) => self.view.gone(kind, &key),
            Said::Listed(keys) => {
                self.view.listed(kind, &keys);
                self.unlisted.remove(kind.plural);
            }
            Said::Unknown => {
                let is_news = self.view.unknown(kind);
                return Ok(self.unlisted.remove(kind.plural) || is_news);
            }
            Said::Failed(cause) => {
                let (times, last) = self.failing.entry(kind.plural).or_insert((0, Instant::now()));
                (*times, *last) = (*times + 1, Instant::now());
                if *times >= limits::FAILURES || self.unlisted.contains(kind.plural) {
                    return Err(SourceError::Place { act: format!("watch {}", kind.name()), cause });
                }
                tracing::warn!(watch = %kind.name(), %cause, "kubernetes.watch_failed");
                self.reports.part(&kind.name(), Some(cause));
                return Ok(false);
            }
        }
        Ok(true)
    }
}
