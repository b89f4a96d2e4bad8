//! Reads the places that are wanted, each over and over, as long as it is.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use plugins::keyring::{Keys, Ring};
use tokio::sync::watch;
use tokio_stream::StreamMap;

use super::Secrets;
use crate::aws::Place;
use crate::sources::aws::{Onto, Region, Settings, Standing, Told};
use crate::sources::ec2::{polled, wire::Instance};
use crate::{Reports, SourceError};

/// One place that is to be read.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) place: Place,
    /// With whose keys. While there are none, nobody is asked.
    pub(super) secret: Option<Secret>,
    pub(super) what: Read,
}

/// A Secret.
#[derive(Clone)]
pub(super) struct Secret {
    pub(super) name: String,
    /// Where its keys are.
    pub(super) ring: Arc<Ring>,
}

/// What is read there.
#[derive(Clone)]
pub(super) enum Read {
    /// Functions, for these upstreams. The keys that they are called with are kept on the ring, where no Secret has them.
    Functions {
        upstreams: Vec<Onto>,
        settings: Box<Settings>,
        keep: Option<Arc<Ring>>,
    },
    Instances,
}

/// All that is to be read, by what it is called where the source's state is shown.
pub(super) type AllWanted = BTreeMap<Arc<str>, Wanted>;

/// What was read.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) instances: watch::Receiver<Instances>,
    pub(super) standing: watch::Receiver<Standing>,
}

/// The last good list of each place.
pub(super) type Instances = BTreeMap<Arc<str>, Arc<[Instance]>>;

/// Those who read.
pub(super) struct Pollers {
    reports: Reports,
    interval: Duration,
    instances: watch::Sender<Instances>,
    standing: watch::Sender<Standing>,
    known: BTreeMap<Arc<str>, Known>,
    running: StreamMap<Arc<str>, BoxStream<'static, Result<Infallible, SourceError>>>,
}

/// A place as it is read.
struct Known {
    /// For whom.
    upstreams: watch::Sender<Arc<[Onto]>>,
    /// With which keys of a Secret.
    keys: Option<Arc<Keys>>,
    /// What is known of its functions, so that whoever comes later does not have them read again.
    region: Arc<Region>,
}

impl Pollers {
    pub(super) fn new(reports: Reports, interval: Duration) -> (Self, Found) {
        let (instances, standing) = (watch::Sender::default(), watch::Sender::default());
        let found = Found { instances: instances.subscribe(), standing: standing.subscribe() };
        let (known, running) = (BTreeMap::new(), StreamMap::new());
        (Self { reports, interval, instances, standing, known, running }, found)
    }

    /// Reads what is `wanted`, whatever that is by then, with the `secrets` of then. Ends when the catalog does.
    pub(super) async fn keep(
        mut self,
        mut wanted: watch::Receiver<Arc<AllWanted>>,
        mut secrets: Secrets<'_>,
    ) -> Result<Infallible, SourceError> {
        loop {
            tokio::select! {
                // What nobody wants any more is told no more.
                biased;
                Ok(()) = wanted.changed() => {}
                Some(()) = secrets.changes.next() => {}
                Some((_, ended)) = self.running.next() => return ended,
                else => std::future::pending().await,
            }
            let wanted = wanted.borrow_and_update().clone();
            self.read_only(&wanted, &secrets);
        }
    }

    fn read_only(&mut self, wanted: &AllWanted, secrets: &Secrets<'_>) {
        let gone: Vec<_> = self.known.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        if !gone.is_empty() {
            let is_part = |name: &str, key: &str| {
                name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            // It is of the place with the longest name that its own begins with, and not of others that are called so in part.
            let place = |name: &str| self.known.keys().rev().find(|key| is_part(name, key));
            self.reports.forget(|name| place(name).is_some_and(|key| !wanted.contains_key(key)));
        }
        for key in gone {
            self.known.remove(&key);
            self.running.remove(&key);
            self.instances.send_if_modified(|instances| instances.remove(&key).is_some());
            self.standing.send_modify(|standing| standing.forget(&key));
        }
        self.standing.send_if_modified(|standing| standing.keep_without_keys(|key| wanted.contains_key(key)));
        for (key, place) in wanted {
            let keys = place.secret.as_ref().map(|secret| secret.ring.now());
            let Some(keys) = keys.map_or(Some(None), |keys| keys.map(Some)) else {
                self.running.remove(key);
                // What was made of keys that are gone is nobody's either.
                if let Read::Functions { keep: Some(ring), .. } = &place.what {
                    ring.put(None);
                }
                if place.secret.as_ref().is_some_and(|secret| !(secrets.is_awaited)(&secret.name)) {
                    self.standing.send_if_modified(|standing| standing.has_no_keys(key));
                }
                continue;
            };
            if let Some(known) =
                self.known.get(key).filter(|known| known.keys == keys && self.running.contains_key(key))
            {
                known.tell(place.upstreams());
                continue;
            }
            let new = || Arc::new(Region::called(key.clone(), place.place.clone()));
            let region = self.known.get(key).map_or_else(new, |known| known.region.clone());
            let (upstreams, onto) = watch::channel(place.upstreams().into());
            self.known.insert(key.clone(), Known { upstreams, keys, region: region.clone() });
            let poll = self.poll(key.clone(), place.clone(), region, onto);
            self.running.insert(key.clone(), poll);
        }
    }

    fn poll(
        &self,
        key: Arc<str>,
        wanted: Wanted,
        region: Arc<Region>,
        onto: watch::Receiver<Arc<[Onto]>>,
    ) -> BoxStream<'static, Result<Infallible, SourceError>> {
        let (reports, standing, instances) = (self.reports.clone(), self.standing.clone(), self.instances.clone());
        let interval = self.interval;
        let Wanted { place, what, .. } = wanted;
        stream::once(async move {
            match what {
                Read::Functions { settings, keep, .. } => {
                    let told = Told { reports: &reports, standing: &standing, settings: &settings };
                    let keys = async {
                        match keep {
                            Some(ring) => place.identity.keep(&ring).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        ended = region.watch(&told, onto) => ended,
                        never = keys => match never {},
                    }
                }
                Read::Instances => {
                    let mut lists = std::pin::pin!(polled(&place, None, interval));
                    while let Some(list) = lists.next().await {
                        match list {
                            Ok(list) => {
                                reports.part(&key, None);
                                standing.send_if_modified(|standing| standing.answers(&key));
                                instances.send_if_modified(|all| {
                                    let is_news = all.get(&key).is_none_or(|last| **last != *list);
                                    all.insert(key.clone(), list.into());
                                    is_news
                                });
                            }
                            Err(error) => {
                                if standing.borrow().fault(&key).is_none() {
                                    tracing::warn!(place = %key, act = %error.act, %error, "ec2.region_failed");
                                }
                                reports.part(&key, Some(error.told()));
                                standing.send_if_modified(|standing| standing.fails(&key, &error));
                            }
                        }
                    }
                    std::future::pending().await
                }
            }
        })
        .boxed()
    }
}

impl Known {
    /// Others want to know, or want something else.
    fn tell(&self, upstreams: &[Onto]) {
        self.upstreams.send_if_modified(|now| {
            let is_news = **now != *upstreams;
            if is_news {
                *now = upstreams.into();
            }
            is_news
        });
    }
}

/// What is read, and for whom.
pub(super) fn for_whom(wanted: &AllWanted) -> impl Iterator<Item = (&Arc<str>, &[Onto])> {
    wanted.iter().map(|(key, place)| (key, place.upstreams()))
}

impl Wanted {
    fn upstreams(&self) -> &[Onto] {
        match &self.what {
            Read::Functions { upstreams, .. } => upstreams,
            Read::Instances => &[],
        }
    }
}
