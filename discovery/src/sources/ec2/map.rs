//! What instances mean: those of one group that run are the endpoints of one upstream, wherever that is. A group is
//! there as long as it has an instance: one that stands still may run again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use catalog::model::{Endpoint, UpstreamSpec};
use catalog::report::Listed;

use super::settings::{Address, Settings};
use super::wire::Instance;
use crate::sources::hints;

/// What the tags of hints begin with: `portolan:openapi`.
const HINT: &str = "portolan:";

/// Where an instance was seen: the labels that say so are how its endpoint is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) identity: String,
    pub(super) region: String,
}

impl Seen {
    /// Whether `endpoint` is an instance seen there.
    pub(super) fn has(&self, endpoint: &Endpoint) -> bool {
        let label = |key: &str| endpoint.labels.get(key).map_or("", String::as_str);
        label("region") == self.region && label("identity") == self.identity
    }
}

/// The upstreams, and what is not listed, with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) upstreams: BTreeMap<String, Listed>,
    pub(super) left_out: BTreeMap<String, String>,
}

/// Maps all instances that were seen.
pub(super) fn map<'i>(instances: impl Iterator<Item = (&'i Seen, &'i Instance)>, settings: &Settings) -> Mapped {
    let mut mapped = Mapped::default();
    let mut groups: BTreeMap<&str, Vec<(&Instance, Option<Endpoint>)>> = BTreeMap::new();
    for (seen, instance) in instances {
        // What has no such tag is not meant for anybody here.
        let Some(group) = instance.tags.get(&settings.group_tag).map(|group| group.trim()) else { continue };
        match member(instance, group, settings) {
            Ok(address) => {
                let at = |address| Endpoint { labels: labels(seen, instance), ..Endpoint::at(address) };
                let endpoint = address.map(at);
                groups.entry(group).or_default().push((instance, endpoint));
            }
            Err(reason) => _ = mapped.left_out.insert(instance.id.clone(), reason),
        }
    }
    for (group, mut members) in groups {
        members.sort_by_key(|(instance, endpoint)| (endpoint.as_ref().map(|at| at.address), instance.id.clone()));
        let instances: Vec<&Instance> = members.iter().map(|(instance, _)| *instance).collect();
        let (spec, odd) = spec(&instances, settings);
        mapped.left_out.extend(odd);
        let mut endpoints: Vec<_> = members.into_iter().filter_map(|(_, endpoint)| endpoint).collect();
        endpoints.dedup_by_key(|endpoint| endpoint.address);
        let listed = Listed { key: group.into(), name: format!("ec2-{group}"), namespace: None, spec, endpoints };
        mapped.upstreams.insert(group.to_owned(), listed);
    }
    mapped
}

/// Where an instance of `group` is called, if it runs; else the reason why it is none of that group.
fn member(instance: &Instance, group: &str, settings: &Settings) -> Result<Option<SocketAddr>, String> {
    if let Some(filter) = settings.filters.iter().find(|wanted| !wanted.is_among(&instance.tags)) {
        return Err(format!("its tags are not as aws.ec2.filters wants: {filter}"));
    }
    if group.is_empty() {
        return Err(format!("its tag {} is empty", settings.group_tag));
    }
    let port = match instance.tags.get(&settings.port_tag) {
        None => settings.port,
        Some(text) => match text.trim().parse() {
            Ok(port) if port != 0 => port,
            _ => return Err(format!("its tag {} is no port: {text:?}", settings.port_tag)),
        },
    };
    if !instance.running {
        return Ok(None);
    }
    let words = match settings.address {
        Address::Private => "private",
        Address::Public => "public",
    };
    let none = || format!("it has no {words} address, and none of IPv6");
    Ok(Some(SocketAddr::new(address(instance, settings.address).ok_or_else(none)?, port)))
}

/// The address of `instance` that is called.
pub(super) fn address(instance: &Instance, which: Address) -> Option<IpAddr> {
    let v4 = match which {
        Address::Private => instance.private,
        Address::Public => instance.public,
    };
    v4.map(IpAddr::from).or(instance.v6.map(IpAddr::from))
}

/// An instance's tags, and where it is; the latter wins where a tag is called the same.
fn labels(seen: &Seen, instance: &Instance) -> BTreeMap<String, String> {
    let mut labels = instance.tags.clone();
    labels.remove("identity");
    let identity = Some(("identity", &seen.identity)).filter(|(_, name)| !name.is_empty());
    let own = [("instance", &instance.id), ("region", &seen.region), ("zone", &instance.zone)];
    labels.extend(own.into_iter().chain(identity).map(|(key, value)| (key.to_owned(), value.clone())));
    labels
}

/// What the tags of a group say of it as a whole: labels are what all have alike. Of a hint that they disagree about, what most say
/// counts, of as many the first in order; the others are named, with what is passed over.
fn spec(instances: &[&Instance], settings: &Settings) -> (UpstreamSpec, Vec<(String, String)>) {
    let (mut spec, mut odd) = (UpstreamSpec::default(), Vec::new());
    let is_own = |key: &str| key.starts_with(HINT) || key == settings.group_tag || key == settings.port_tag;
    if let Some((first, others)) = instances.split_first() {
        let is_common =
            |(key, value): &(&String, &String)| others.iter().all(|other| other.tags.get(*key) == Some(value));
        let common = first.tags.iter().filter(|(key, _)| !is_own(key)).filter(is_common);
        spec.labels = common.map(|(key, value)| (key.clone(), value.clone())).collect();
    }
    let is_hint = |key: &&String| key.starts_with(HINT) && **key != settings.group_tag && **key != settings.port_tag;
    let hints: BTreeSet<&String> = instances.iter().flat_map(|instance| instance.tags.keys()).filter(is_hint).collect();
    for tag in hints {
        let said = || instances.iter().filter_map(|instance| Some((*instance, instance.tags.get(tag)?)));
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        said().for_each(|(_, value)| *counts.entry(value).or_default() += 1);
        let most = counts.values().copied().max().unwrap_or_default();
        let Some(chosen) = counts.into_iter().find(|(_, count)| *count == most).map(|(value, _)| value) else {
            continue;
        };
        let hint = tag.strip_prefix(HINT).unwrap_or_default();
        if let Err(fault) = hints::apply(&mut spec, hint, chosen) {
            odd.extend(said().map(|(instance, _)| (format!("{} {tag}", instance.id), fault.clone())));
            continue;
        }
        let others = said().filter(|(_, value)| *value != chosen);
        odd.extend(others.map(|(instance, value)| {
            let reason = format!("{value:?} is passed over: most of its group say {chosen:?}, or as many");
            (format!("{} {tag}", instance.id), reason)
        }));
    }
    (spec, odd)
}
