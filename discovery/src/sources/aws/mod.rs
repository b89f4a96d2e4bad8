//! AWS Lambda: the functions of all configured identities and regions, with their published versions and aliases.
//!
//! Each identity in each region is an upstream, the region's endpoint; its functions are listed here and not looked for. Promises that
//! functions that come, change or go show within 30 s, versions, aliases, URLs of those that changed right after that, and those of all
//! others within a round of five calls a second; that no place is asked more often than AWS takes (15 calls a second for an account
//! and region); that one that fails leaves all others untouched and takes nothing away; and that half a list is none.
//!
//! What one place cannot tell now (tags, versions, aliases, URLs: other rights are needed for each) is shown with the source's state,
//! and stays as it was last.

mod client;
mod describe;
mod filter;
mod given;
mod held;
mod known;
mod limits;
mod map;
mod refusals;
mod region;
mod settings;
mod standing;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use catalog::model::{self, Protocol, SourceId, UpstreamSpec};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{Stream, StreamExt};
use plugins::Keyring;
use tokio::sync::watch;

pub use self::settings::{RawSettings, Settings, Versions};

pub(crate) use self::given::{Given, Onto};
pub(crate) use self::region::{Region, Told};
pub(crate) use self::standing::Standing;

use super::hosts::{self, At, Host, Lookup, Target, Written};
use crate::aws::{Identity, Place, Service};
use crate::{Reports, Source, SourceError};

/// The source `aws`.
pub struct Lambda {
    id: SourceId,
    regions: Vec<Region>,
    settings: Settings,
    keyring: Keyring,
    lookup: Lookup,
}

impl Lambda {
    /// Lists the functions of `places`, and puts the keys that these are called with on `keyring`. Asks nobody before it runs.
    pub fn new(id: SourceId, places: Vec<Place>, settings: Settings, keyring: Keyring) -> Self {
        let regions = places.into_iter().map(Region::new).collect();
        Self { id, regions, settings, keyring, lookup: hosts::system() }
    }

    /// Keeps the keys of each identity for those who call.
    async fn keep_keys(&self) -> Infallible {
        let places = self.regions.iter().map(|region| &region.place);
        let identities: BTreeMap<&str, &Arc<Identity>> =
            places.map(|place| (place.identity.name(), &place.identity)).collect();
        let keep = identities.into_iter().map(async |(name, identity)| {
            let aws = model::Aws { identity: name.to_owned(), ..model::Aws::default() };
            identity.keep(&self.keyring.aws(&aws)).await
        });
        let mut keep: FuturesUnordered<_> = keep.collect();
        match keep.next().await {
            Some(never) => match never {},
            None => std::future::pending().await,
        }
    }

    /// Watches until the catalog is gone, or until no place answers any more.
    async fn watch(&self, reports: &Reports) -> Result<Infallible, SourceError> {
        let standing = watch::Sender::new(Standing::default());
        let told = Told { reports, standing: &standing, settings: &self.settings };
        let onto = |region: &Region| watch::channel([Onto { key: region.key.clone(), given: Vec::new() }].into()).1;
        let mut regions: FuturesUnordered<_> =
            self.regions.iter().map(|region| region.watch(&told, onto(region))).collect();
        let targets = self.regions.iter().map(|region| target(&region.place)).collect();
        let listed = hosts::keep(reports, self.lookup.clone(), written(targets, standing.subscribe()));
        let mut all = standing.subscribe();
        let none_answers = async {
            let failed = all.wait_for(|standing| standing.failure(self.regions.len()).is_some()).await;
            failed.ok().and_then(|standing| standing.failure(self.regions.len()))
        };
        tokio::select! {
            Some(broken) = regions.next() => broken,
            broken = listed => broken,
            Some(failure) = none_answers => Err(failure),
            never = self.keep_keys() => match never {},
        }
    }
}

impl Source for Lambda {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        Box::pin(self.watch(reports))
    }
}

/// The upstream that a place is: its endpoint, called as its identity.
fn target(place: &Place) -> Target {
    let identity = place.identity.name();
    let labels = [("region", place.region.as_str()), ("identity", identity)];
    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let mut spec = UpstreamSpec { labels, ..UpstreamSpec::default() };
    let hosts = vec![endpoint(place, &mut spec)];
    let (key, name) = (place.name().into(), named(identity, &place.region));
    Target { key, name, namespace: None, spec, hosts, like: None, cloud: None }
}

/// The name that an upstream asks for.
pub(crate) fn named(identity: &str, region: &str) -> String {
    ["aws", identity, region].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// The endpoint of Lambda in a place, where functions are called as its identity: `spec` says so.
pub(crate) fn endpoint(place: &Place, spec: &mut UpstreamSpec) -> Host {
    let endpoint = place.endpoint(Service::Lambda);
    let (host, port) = endpoint.host_and_port();
    let at = At::new(host.trim_matches(['[', ']']));
    let identity = place.identity.name().to_owned();
    spec.protocol = Some(if endpoint.tls { Protocol::Https } else { Protocol::Http });
    spec.aws = Some(model::Aws { region: place.region.clone(), identity, ..model::Aws::default() });
    spec.base_path.clone_from(&endpoint.path);
    let host = Host { at, port, weight: 1 };
    spec.host = Some(endpoint.authority);
    host
}

/// The places, again whenever they leave out something else. Before one has answered nothing is known, and nothing is said.
fn written(
    targets: Vec<Target>,
    standing: watch::Receiver<Standing>,
) -> impl Stream<Item = Result<Written, SourceError>> {
    stream::unfold((standing, targets), async |(mut standing, targets)| {
        loop {
            standing.changed().await.ok()?;
            let left_out = Some(standing.borrow_and_update()).filter(|now| now.is_there()).map(|now| now.left_out());
            if let Some(left_out) = left_out {
                let written = Written { targets: targets.clone(), left_out, gone: Vec::new() };
                return Some((Ok(written), (standing, targets)));
            }
        }
    })
}
