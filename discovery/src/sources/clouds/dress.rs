//! Completes what is written down by what clouds have of it, and says which places are to be read for that.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::model;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};
use tokio::sync::watch;

use super::poll::{AllWanted, Found, Instances, Read, Wanted};
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
        let (mut now, mut failing, mut nowhere) = (Look::default(), Failing::new(), Vec::new());
        now.instances = self.found.instances.borrow_and_update().clone();
        let standing = self.found.standing.borrow_and_update().clone();
        let mut targets = raw.targets.clone();
        for target in &mut targets {
            let Some(cloud) = target.cloud.take() else { continue };
            if let Some(like) = self.clouds.discovered(target, &cloud) {
                target.like = Some(like);
                continue;
            }
            match self.complete(target, &cloud, &mut now) {
                Ok(key) => {
                    let fault = standing.fault(&key).map(|error| (target.key.clone(), error.told()));
                    failing.extend(fault);
                }
                Err(fault) => {
                    // It is in AWS all the same, and keeps the functions that it had.
                    if let What::Functions(_) = cloud.what {
                        let (region, identity) = (cloud.region.clone(), cloud.who.name());
                        target.spec.aws = Some(model::Aws { region, identity, ..model::Aws::default() });
                    }
                    failing.insert(target.key.clone(), fault.clone());
                    nowhere.push((format!("Upstream {}", target.key), fault));
                }
            }
        }
        (self.places, self.hosts) = (now.places, now.hosts);
        // Other hosts, other functions: whoever reads the same for the same goes on.
        self.wanted.send_replace(Arc::new(now.wanted));
        self.failing.send_if_modified(|now| {
            let is_news = **now != failing;
            *now = Arc::new(failing);
            is_news
        });
        let left_out = standing.left_out().into_iter().chain(nowhere).chain(raw.left_out.iter().cloned()).collect();
        Written { targets, left_out, gone: Vec::new() }
    }

    /// Completes one upstream by what `cloud` has of it. Returns what it is read as, or why it cannot be.
    fn complete(&self, target: &mut Target, cloud: &Cloud, now: &mut Look) -> Result<Arc<str>, String> {
        let place = self.place(cloud, now)?;
        match &cloud.what {
            What::Functions(given) => {
                target.hosts = vec![lambda::endpoint(&place, &mut target.spec)];
                let onto = Onto { key: target.key.clone(), given: given.clone() };
                let settings = self.clouds.settings(self.reports, target);
                Ok(want_functions(&mut now.wanted, self.clouds, settings, cloud, place, onto))
            }
            What::Instances(chosen) => {
                let key: Arc<str> = format!("{} instances", place.name()).into();
                let listed = now.instances.get(&key).map(|list| chosen.hosts(list));
                target.hosts = listed.or_else(|| self.hosts.get(&target.key).cloned()).unwrap_or_default();
                now.hosts.insert(target.key.clone(), target.hosts.clone());
                let new = || Wanted { secret: self.clouds.secret(cloud), place, what: Read::Instances };
                now.wanted.entry(key.clone()).or_insert_with(new);
                Ok(key)
            }
        }
    }

    /// Where `cloud` is: the place that was there before, so that it has the same identity.
    fn place(&self, cloud: &Cloud, now: &mut Look) -> Result<Place, String> {
        let name = format!("{} in {}", cloud.who.name(), cloud.region);
        if now.places.len() >= limits::PLACES && !now.places.contains_key(&name) {
            return Err(format!("more than {} places are not read", limits::PLACES));
        }
        let known = self.places.get(&name).cloned().map_or_else(|| self.clouds.place(cloud), Ok);
        let place = known.map_err(|error| error.to_string())?;
        now.places.insert(name, place.clone());
        Ok(place)
    }
}

/// What one look at all that is written down comes to.
#[derive(Default)]
struct Look {
    instances: Instances,
    wanted: AllWanted,
    places: BTreeMap<String, Place>,
    hosts: BTreeMap<Arc<str>, Vec<Host>>,
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
