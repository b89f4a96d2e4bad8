//! Completes what is written down by what clouds have of it, and says which places are to be read for that.
//!
//! The first list waits until each of these has answered, failed, or is known to have no keys: a source that has given it has looked at
//! everything once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::model;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::poll::{AllWanted, Found, Instances, Read, Secret, Wanted, for_whom};
use super::{Cloud, Clouds, Failing, What, limits};
use crate::aws::Place;
use crate::sources::aws::{self as lambda, Onto};
use crate::sources::hosts::{Target, Written};
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
    /// Each as it was listed last, of an earlier run too.
    last: BTreeMap<Arc<str>, Target>,
    /// What was told last, but for what was gone by then.
    told: Option<Written>,
    /// When the first list is told even though a place has said nothing; `None` before anything was read.
    patience: Option<Instant>,
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
        let last = reports.held().into_iter().map(Target::from).map(|held| (held.key.clone(), held)).collect();
        let (is_over, raw, places, told, patience) = (false, None, BTreeMap::new(), None, None);
        let dresser =
            Self { reports, clouds, written, is_over, found, wanted, failing, raw, places, last, told, patience };
        (dresser, wants)
    }

    pub(super) fn written(self) -> impl Stream<Item = Result<Written, SourceError>> + Send + 'a {
        stream::try_unfold(self, async |mut dresser| Ok(dresser.next().await?.map(|written| (written, dresser))))
    }

    async fn next(&mut self) -> Result<Option<Written>, SourceError> {
        loop {
            let is_read = self.raw.is_some();
            let patience = self.patience.filter(|_| self.told.is_none());
            tokio::select! {
                written = self.written.next(), if !self.is_over => match written {
                    Some(written) => self.raw = Some(written?),
                    None => self.is_over = true,
                },
                Ok(()) = self.found.instances.changed(), if is_read => {}
                Ok(()) = self.found.standing.changed(), if is_read => {}
                () = sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() => {}
                else => return Ok(None),
            }
            let Some(mut raw) = self.raw.take() else { continue };
            let gone = std::mem::take(&mut raw.gone);
            let now = self.dress(&raw);
            self.raw = Some(raw);
            let patience = *self.patience.get_or_insert_with(|| Instant::now() + limits::FIRST_ANSWERS);
            if self.told.is_none() && self.awaits_answers() && Instant::now() < patience {
                continue;
            }
            if self.told.as_ref() != Some(&now) || !gone.is_empty() {
                self.told = Some(now.clone());
                return Ok(Some(Written { gone, ..now }));
            }
        }
    }

    /// Whether a place that is to be read has said nothing yet.
    fn awaits_answers(&self) -> bool {
        let standing = self.found.standing.borrow();
        self.wanted.borrow().keys().any(|key| !standing.is_known(key))
    }

    /// The places that are read: as many as there may be, first those that were read before, then those of what was listed before.
    fn room(&self, targets: &[Target]) -> BTreeSet<String> {
        let mut asked: Vec<_> =
            targets.iter().filter_map(|target| Some((target.cloud.as_ref()?.place(), target))).collect();
        let had_hosts = |target: &Target| self.last.get(&target.key).is_some_and(|last| !last.hosts.is_empty());
        asked.sort_by_cached_key(|(place, target)| (!self.places.contains_key(place), !had_hosts(target)));
        let mut room = BTreeSet::new();
        for (place, _) in asked {
            if room.len() < limits::PLACES {
                room.insert(place);
            }
        }
        room
    }

    /// All that is to be listed, and what is left out, by clouds too.
    fn dress(&mut self, raw: &Written) -> Written {
        let (mut now, mut failing, mut nowhere) = (Look::default(), Failing::new(), Vec::new());
        now.room = self.room(&raw.targets);
        now.instances = self.found.instances.borrow_and_update().clone();
        let standing = self.found.standing.borrow_and_update().clone();
        let mut targets = raw.targets.clone();
        for target in &mut targets {
            let Some(cloud) = target.cloud.take() else { continue };
            let (like, warning) = self.clouds.discovered(target, &cloud);
            failing.extend(warning.map(|warning| (target.key.clone(), warning)));
            if like.is_some() {
                target.like = like;
                continue;
            }
            match self.complete(target, &cloud, &mut now) {
                Ok(key) => {
                    let fault = standing.fault(&key).map(|error| (target.key.clone(), error.told()));
                    failing.extend(fault);
                    now.last.insert(target.key.clone(), target.clone());
                }
                Err(fault) => {
                    self.keep(target, &cloud, &mut now);
                    failing.insert(target.key.clone(), fault.clone());
                    nowhere.push((format!("Upstream {}", target.key), fault));
                }
            }
        }
        (self.places, self.last) = (now.places, now.last);
        // Whoever reads the same for the same goes on.
        self.wanted.send_if_modified(|wanted| {
            let is_news = !for_whom(wanted).eq(for_whom(&now.wanted));
            if is_news {
                *wanted = Arc::new(now.wanted);
            }
            is_news
        });
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
                let last = || self.last.get(&target.key).map(|last| last.hosts.clone());
                target.hosts = listed.or_else(last).unwrap_or_default();
                let new = || Wanted { secret: self.clouds.secret(cloud), place, what: Read::Instances };
                now.wanted.entry(key.clone()).or_insert_with(new);
                Ok(key)
            }
        }
    }

    /// Leaves an upstream where it was, as nobody can say now where it is. It keeps the functions that it had, too.
    fn keep(&self, target: &mut Target, cloud: &Cloud, now: &mut Look) {
        let has_functions = matches!(cloud.what, What::Functions(_));
        // Not as somebody that it may not be any more.
        let is_same = |last: &&Target| match &last.spec.aws {
            Some(aws) => has_functions && aws.identity == cloud.who.name(),
            None => !has_functions,
        };
        let last = self.last.get(&target.key).filter(is_same);
        if let Some(last) = last {
            target.stays(last);
            now.last.insert(target.key.clone(), last.clone());
        } else if has_functions {
            let (region, identity) = (cloud.region.clone(), cloud.who.name());
            target.spec.aws = Some(model::Aws { region, identity, ..model::Aws::default() });
        }
    }

    /// Where `cloud` is: the place that was there before, so that it has the same identity.
    fn place(&self, cloud: &Cloud, now: &mut Look) -> Result<Place, String> {
        let name = cloud.place();
        if !now.room.contains(&name) {
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
    /// The places that may be read.
    room: BTreeSet<String>,
    instances: Instances,
    wanted: AllWanted,
    places: BTreeMap<String, Place>,
    last: BTreeMap<Arc<str>, Target>,
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

impl Cloud {
    /// What the place is called among those that are read.
    fn place(&self) -> String {
        format!("{} in {}", self.who.name(), self.region)
    }
}

impl Target {
    /// Is where it was, as nobody can say now where it is.
    fn stays(&mut self, last: &Self) {
        let (spec, was) = (&mut self.spec, &last.spec);
        (spec.aws, spec.protocol) = (was.aws.clone(), was.protocol);
        (spec.host, spec.base_path) = (was.host.clone(), was.base_path.clone());
        self.hosts.clone_from(&last.hosts);
    }
}

impl Clouds {
    /// Where the keys of its Secret are.
    fn secret(&self, cloud: &Cloud) -> Option<Secret> {
        let name = cloud.who.secret.clone()?;
        Some(Secret { ring: self.keyring.ring(&format!("aws/{name}")), name })
    }
}
