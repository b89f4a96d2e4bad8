//! Resources of a Kubernetes cluster: what users apply is in the catalog at once, and its status says how it fares.
//!
//! Promises that a resource that is refused costs itself only, and that what it said before stays in force; that a kind whose definition is
//! not applied is no failure, and found when it is; that a status is written by one replica alone, and only when it changed. Never touches
//! the metadata of anything.

mod kinds;
mod lease;
mod limits;
mod status;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use catalog::model::SourceId;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, SelectAll, StreamExt};
use kube::Api;
use kube::core::DynamicObject;
use tokio::sync::watch as channel;
use tokio::time::{Instant, Interval, interval_at};
use tokio_stream::wrappers::WatchStream;

use self::kinds::Kind;
pub(crate) use self::kinds::an_upstream;
use self::view::{Verdicts, View};
use self::watch::Said;
use super::clouds::{self, Clouds};
use super::hosts::{self, Lookup, Target, Written};
use super::kubernetes::failing::Failing;
use super::kubernetes::secrets::Secrets;
use super::kubernetes::told::{Fault, Told};
use super::kubernetes::view::namespace;
use super::kubernetes::watch::{Name, tells_of};
use super::kubernetes::{Place, Scope, limits as usual};
use crate::resources::upstream::Surroundings;
use crate::{Reports, Source, SourceError};

/// The resources of one cluster.
pub struct Resources {
    id: SourceId,
    place: Place,
    /// The only ones that are watched; where there is none, all are.
    namespaces: Vec<String>,
    around: Surroundings,
    clouds: Clouds,
    lookup: Lookup,
}

impl Resources {
    /// Of the cluster at `place`, whose Services the source `kubernetes` of this `instance` lists. What of them is in clouds is asked for as
    /// `clouds` says; what Secrets hold is put on its keyring, as far as `scope` lets resources refer to them.
    pub fn new(instance: &str, place: Place, clouds: Clouds, mut scope: Scope) -> Self {
        scope.aws_namespaces.push(clouds.namespace().to_owned());
        let cluster = SourceId::new("kubernetes", instance);
        let namespaces = scope.namespaces.clone();
        let around = Surroundings {
            cluster: Some(instance.into()),
            secrets: Some(cluster.to_string().replace('/', "-").into()),
            scope: Some(scope.into()),
        };
        let id = SourceId::new("static", &cluster.to_string());
        Self { id, place, namespaces, around, clouds, lookup: hosts::system() }
    }

    async fn watch(&self, reports: &Reports) -> Result<Infallible, SourceError> {
        let (client, config) = self.place.connect().await?;
        let names: BTreeSet<_> = watch::names(&self.namespaces).into_iter().map(|(name, ..)| name).collect();
        let reporter = client.default_namespace().to_owned();
        let held = reports.held_over().into_iter().map(|(over, name)| Target::laid_over(over, name));
        let held = reports.held().into_iter().map(Target::from).chain(held);
        // Of a namespace that is watched no more nothing is in force, nor what may no longer be referred to.
        let held = held.filter(|held| names.iter().any(|name| tells_of(name, namespace(&held.key))));
        let held = held.filter(|held| view::may_be(held, &self.around));
        let (verdicts, judged) = channel::channel(Arc::default());
        let (wanted, wants) = channel::channel(Arc::default());
        let (known, secrets) = channel::channel(Arc::default());
        let (leads, holds) = channel::channel(None);
        let reading = Reading {
            view: View::new(self.around.clone(), reporter.clone(), held),
            watches: watch::all(&client, &config, &self.namespaces),
            unlisted: names.clone(),
            names,
            failing: Failing::none(),
            verdicts,
            reports,
            alive: interval_at(Instant::now() + usual::ALIVE, usual::ALIVE),
        };
        // By a connection of its own, so that it never waits for its turn behind watches and statuses.
        let (leader, _) = self.place.connect().await?;
        let candidate = lease::Candidate {
            api: Api::default_namespaced(leader),
            identity: lease::identity(),
            reports,
            holds: leads,
        };
        let prefix = self.around.secrets.clone().unwrap_or_default();
        let (failing, failures) = channel::channel(Arc::default());
        let keyring = self.clouds.keyring().clone();
        let reader =
            Secrets { reports, client: client.clone(), config, keyring, prefix: prefix.clone(), known, expected: None };
        let read = secrets.clone();
        let is_awaited = move |name: &str| {
            view::secret_called(name, &prefix).is_some_and(|secret| !read.borrow().contains_key(&secret))
        };
        let changes = WatchStream::from_changes(secrets.clone()).map(drop).boxed();
        let keys = clouds::Secrets { changes, is_awaited: Box::new(is_awaited) };
        let writer = status::Writer { client, reports, reporter, verdicts: judged, secrets, failures, holds, wanted };
        let listed = clouds::keep(reports, self.lookup.clone(), &self.clouds, reading.written(), keys, failing);
        tokio::select! {
            ended = Box::pin(listed) => ended,
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
    watches: SelectAll<BoxStream<'static, Said>>,
    names: BTreeSet<Name>,
    /// Watches that have not told of everything yet.
    unlisted: BTreeSet<Name>,
    failing: Failing<Name>,
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
                Some((name, kind, told)) = self.watches.next() => {
                    is_news |= self.take(&name, kind, told)?;
                    for _ in 1..usual::BURST {
                        let Some(Some((name, kind, told))) = self.watches.next().now_or_never() else { break };
                        is_news |= self.take(&name, kind, told)?;
                    }
                }
                now = self.alive.tick() => self.alive(now),
            }
            let is_read = self.unlisted.iter().all(|name| self.failing.get(name).is_some());
            if is_news && is_read {
                self.verdicts.send_replace(Arc::new(self.view.verdicts().clone()));
                return Ok(self.view.written());
            }
        }
    }

    fn alive(&mut self, now: Instant) {
        for name in self.failing.quiet(now) {
            if !self.unlisted.contains(&name) {
                self.works(&name);
            }
        }
        // One that could never be read is said to fail, and takes nothing away.
        let stands = |name: &Name| self.failing.get(name).is_some() == self.unlisted.contains(name);
        if self.names.iter().all(stands) {
            self.reports.alive();
        }
    }

    fn works(&mut self, name: &Name) {
        if self.failing.works(name) {
            self.reports.part(name, None);
        }
    }

    /// Returns whether that is news.
    fn take(&mut self, name: &Name, kind: &'static Kind, told: Told<DynamicObject>) -> Result<bool, SourceError> {
        match told {
            Told::There(object) => self.view.put(kind, &object),
            Told::Gone(key) => self.view.gone(kind, &key),
            Told::Listed(keys) => {
                self.view.listed(name, kind, &keys);
                self.unlisted.remove(name);
            }
            Told::Unknown => {
                self.works(name);
                let is_news = self.view.unknown(name, kind);
                return Ok(self.unlisted.remove(name) || is_news);
            }
            Told::Failed(fault) => return self.failed(name, fault),
        }
        self.works(name);
        Ok(true)
    }

    /// One that fails is a part of the source that does, unless nothing else is heard of.
    fn failed(&mut self, name: &Name, Fault { cause, refused }: Fault) -> Result<bool, SourceError> {
        let failure = self.failing.fails(name);
        let is_cut_off = |name: &Name| {
            let failure = self.failing.get(name);
            failure.is_some_and(|failure| failure.times >= limits::FAILURES || self.unlisted.contains(name))
        };
        if self.names.iter().all(is_cut_off) {
            let act = format!("watch {name}");
            return Err(if refused { SourceError::Refused { act, cause } } else { SourceError::Place { act, cause } });
        }
        if failure.times == 1 {
            tracing::warn!(watch = %name, %cause, "kubernetes.watch_failed");
        }
        self.reports.part(name, Some(cause));
        // What could be read is not to wait for what cannot.
        Ok(self.unlisted.contains(name) && failure.times == 1)
    }
}
