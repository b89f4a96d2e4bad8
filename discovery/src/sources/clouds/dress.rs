//! Completes what is written down by what clouds have of it, and says which places are to be read for that.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::model;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};
use tokio::sync::watch;

use super::poll::{AllWanted, Found, Read, Wanted};
use super::{Cloud, Clouds, Failing, What, limits};
use crate::aws::Place;
use crate::sources::aws::{self as lambda, Onto};
use crate::sources::hosts::{Host, Target, Written};
use crate::{Reports, SourceError};

/// Completes what is written down, again whenever that or what clouds say is something else.
pub(super) struct Dresser<'a> {
    reports: &'a Reports,
    clouds: &'a Clouds,
    written: BoxStream<'a, Result<Written, SourceError>>,
    is_over: bool,
    found: Found,
    wanted: watch::Sender<Arc<AllWanted>>,
    failing: watch::Sender<Arc<Failing>>,
    /// What is written down, as it is; `None` before it was read.
    raw: Option<Written>,
    /// Its places; held here, so that they have the same identities while they are wanted.
    places: BTreeMap<String, Place>,
    /// The last hosts of each that has instances for hosts, of an earlier run too.
    hosts: BTreeMap<Arc<str>, Vec<Host>>,
    /// What was told last, but for what was gone by then.
    told: Option<Written>,
}

impl<'a> Dresser<'a> {
    /// What is to be read is told to the receiver.
    pub(super) fn new(
        reports: &'a Reports,
        clouds: &'a Clouds,
        written: BoxStream<'a, Result<Written, SourceError>>,
        found: Found,
        failing: watch::Sender<Arc<Failing>>,
    ) -> (Self, watch::Receiver<Arc<AllWanted>>) {
        let (wanted, wants) = watch::channel(Arc::default());
        let held = reports.held().into_iter().map(Target::from).map(|held| (held.key, held.hosts)).collect();
        let (is_over, raw, places, told) = (false, None, BTreeMap::new(), None);
        (Self { reports, clouds, written, is_over, found, wanted, failing, raw, places, hosts: held, told }, wants)
    }

    pub(super) fn written(self) -> impl Stream<Item = Result<Written, SourceError>> + Send + 'a {
        stream::try_unfold(self, async |mut dresser| Ok(dresser.next().await?.map(|written| (written, dresser))))
    }

    async fn next(&mut self) -> Result<Option<Written>, SourceError> {
        loop {
            let is_read = self.raw.is_some();
            tokio::select! {
                written = self.written.next(), if !self.is_over => match written {
                    Some(written) => self.raw = Some(written?),
                    None => self.is_over = true,
                },
                Ok(()) = self.found.instances.changed(), if is_read => {}
                Ok(()) = self.found.standing.changed(), if is_read => {}
                else => return Ok(None),
            }
            let Some(mut raw) = self.raw.take() else { continue };
            let gone = std::mem::take(&mut raw.gone);
            let now = self.dress(&raw);
            self.raw = Some(raw);
            if self.told.as_ref() != Some(&now) || !gone.is_empty() {
                self.told = Some(now.clone());
                return Ok(Some(Written { gone, ..now }));
            }
        }
    }

    /// All that is to be listed, and what is left out, by clouds too.
    fn dress(&mut self, raw: &Written) -> Written {
        let (mut wanted, mut failing, mut nowhere) = (AllWanted::new(), Failing::new(), Vec::new());
        let before = std::mem::take(&mut self.places);
        let instances = self.found.instances.borrow_and_update().clone();
        let standing = self.found.standing.borrow_and_update();
        let (clouds, reports) = (self.clouds, self.reports);
        let mut hosts = BTreeMap::new();
        let mut targets = raw.targets.clone();
        for target in &mut targets {
            let Some(cloud) = target.cloud.take() else { continue };
            if let Some(like) = clouds.discovered(target, &cloud) {
                target.like = Some(like);
                continue;
            }
            let name = format!("{} in {}", cloud.who.name(), cloud.region);
            let is_room = self.places.len() < limits::PLACES || self.places.contains_key(&name);
            let known = || before.get(&name).cloned().map_or_else(|| clouds.place(&cloud), Ok);
            let place = match is_room.then(known) {
                Some(Ok(place)) => place,
                wrong => {
                    let many = || format!("more than {} places are not read", limits::PLACES);
                    let fault = wrong.and_then(Result::err).map_or_else(many, |error| error.to_string());
                    failing.insert(target.key.clone(), fault.clone());
                    nowhere.push((format!("Upstream {}", target.key), fault));
                    continue;
                }
            };
            self.places.insert(name, place.clone());
            let key: Arc<str> = match &cloud.what {
                What::Functions(given) => {
                    target.hosts = vec![lambda::endpoint(&place, &mut target.spec)];
                    let onto = Onto { key: target.key.clone(), given: given.clone() };
                    want_functions(&mut wanted, clouds, clouds.settings(reports, target), &cloud, place, onto)
                }
                What::Instances(chosen) => {
                    let key: Arc<str> = format!("{} instances", place.name()).into();
                    let listed = instances.get(&key).map(|list| chosen.hosts(list));
                    let listed = listed.or_else(|| self.hosts.remove(&target.key)).unwrap_or_default();
                    hosts.insert(target.key.clone(), listed.clone());
                    target.hosts = listed;
                    let new = || Wanted { secret: clouds.secret(&cloud), place, what: Read::Instances };
                    wanted.entry(key.clone()).or_insert_with(new);
                    key
                }
            };
            if let Some(error) = standing.fault(&key) {
                failing.insert(target.key.clone(), error.told());
            }
        }
        let left_out = standing.left_out().into_iter().chain(nowhere).chain(raw.left_out.iter().cloned()).collect();
        drop(standing);
        self.hosts = hosts;
        // Other hosts, other functions: whoever reads the same for the same goes on.
        self.wanted.send_replace(Arc::new(wanted));
        self.failing.send_if_modified(|now| {
            let is_news = **now != failing;
            *now = Arc::new(failing);
            is_news
        });
        Written { targets, left_out, gone: Vec::new() }
    }
}

/// Has the functions of `place` read for one more upstream, by whoever reads them so for others.
fn want_functions(
    wanted: &mut AllWanted,
    clouds: &Clouds,
    settings: lambda::Settings,
    cloud: &Cloud,
    place: Place,
    onto: Onto,
) -> Arc<str> {
    // Where discovery is off other functions of it are left out.
    let key: Arc<str> = match &settings.off {
        None => place.name().into(),
        Some(rule) => format!("{} ({rule})", place.name()).into(),
    };
    let new = || {
        let aws = model::Aws { identity: place.identity.name().to_owned(), ..model::Aws::default() };
        let is_kept = cloud.who.secret.is_none() || cloud.who.role.is_some();
        let keep = is_kept.then(|| clouds.keyring.aws(&aws));
        let what = Read::Functions { upstreams: Vec::new(), settings: Box::new(settings), keep };
        Wanted { secret: clouds.secret(cloud), place, what }
    };
    if let Read::Functions { upstreams, .. } = &mut wanted.entry(key.clone()).or_insert_with(new).what {
        upstreams.push(onto);
    }
    key
}

impl Clouds {
    /// Where the keys of its Secret are.
    fn secret(&self, cloud: &Cloud) -> Option<Arc<plugins::keyring::Ring>> {
        let secret = cloud.who.secret.as_ref()?;
        Some(self.keyring.ring(&format!("aws/{secret}")))
    }
}
