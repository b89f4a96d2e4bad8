//! From Consul's words to the catalog's: pure, and the same for the same answer in whatever order its entries come.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use catalog::model::{Endpoint, Health, Protocol, UpstreamSpec};
use catalog::report::Listed;

use super::wire::{Entry, Service};
use crate::sources::hints;

/// What goes before the name of a hint, in a tag `portolan-openapi=/spec.json` or in meta.
const HINT: &str = "portolan-";

/// The service that Consul's own servers register. They are no upstream.
pub(super) const CONSUL: &str = "consul";

/// One instance of a service that can be called.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Instance {
    host: Host,
    port: u16,
    weight: u32,
    healthy: bool,
    labels: Labels,
}

/// An instance's address, or the name that it hides behind.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Host {
    Address(IpAddr),
    Name(String),
}

type Labels = BTreeMap<String, String>;

/// What one data centre says of one service.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Part {
    spec: UpstreamSpec,
    /// All of priority 0: which data centre is how near is not its own to say.
    endpoints: Vec<Endpoint>,
    /// Whether there is an instance at all that is no part of Consul's mesh.
    exists: bool,
    /// What was left out, each for a person.
    pub(super) notes: BTreeSet<String>,
}

impl Part {
    /// What the catalog holds from an earlier run, of the data centre of `priority` among `centres`.
    pub(super) fn held(listed: &Listed, priority: usize, centres: usize) -> Option<Self> {
        let place = |e: &&Endpoint| usize::from(e.priority).min(centres - 1) == priority;
        let endpoints: Vec<_> = listed.endpoints.iter().filter(place).cloned().collect();
        // One without any endpoint belongs somewhere too.
        let exists = !endpoints.is_empty() || (priority == 0 && listed.endpoints.is_empty());
        let endpoints = endpoints.into_iter().map(|e| Endpoint { priority: 0, ..e }).collect();
        exists.then(|| Self { spec: listed.spec.clone(), endpoints, exists, notes: BTreeSet::new() })
    }
}

/// What a read of one service gave, before names are resolved.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Reading {
    instances: Vec<Instance>,
    /// The nodes that it runs on: a check of a node is a check of all that runs there.
    pub(super) nodes: BTreeSet<String>,
    notes: BTreeSet<String>,
}

impl Reading {
    /// Reads the entries of `GET /v1/health/service/{name}`. Of several tags or metadata of one instance with one name, meta
    /// goes before tags and a later tag before an earlier one.
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        let mut reading = Self::default();
        for Entry { node, service, checks } in entries {
            if !service.kind.is_empty() {
                continue;
            }
            reading.nodes.insert(node.node);
            let address = if service.address.is_empty() { &node.address } else { &service.address };
            let host = match address.parse() {
                Ok(address) => Some(Host::Address(address)),
                Err(_) if address.is_empty() => None,
                Err(_) => Some(Host::Name(address.to_ascii_lowercase())),
            };
            let port = u16::try_from(service.port).ok().filter(|port| *port > 0);
            let (Some(host), Some(port)) = (host, port) else {
                let place = format!("{address}:{}", service.port);
                reading.notes.insert(format!("instance {} is left out: {place} cannot be called", service.id));
                continue;
            };
            reading.instances.push(Instance {
                host,
                port,
                weight: service.weights.as_ref().map_or(1, |w| u32::try_from(w.passing).unwrap_or(0)),
                // As `?passing` decides it: one check of the instance or its node that does not pass, a warning too, is enough.
                healthy: checks.iter().all(|check| check.status == "passing"),
                labels: labels(service),
            });
        }
        reading
    }

    /// The names that need the resolver.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let name = |instance: &Instance| match &instance.host {
            Host::Name(name) => Some(name.clone()),
            Host::Address(_) => None,
        };
        self.instances.iter().filter_map(name).collect()
    }

    /// The part that it is, with the addresses that the resolver has for its names.
    pub(super) fn resolved(mut self, addresses: &BTreeMap<String, Vec<IpAddr>>) -> Part {
        let names = self.names();
        let mut merged = Labels::new();
        let mut endpoints = Vec::new();
        for instance in &self.instances {
            for (key, value) in &instance.labels {
                // Instances that differ: the greatest value, so that the order of the answer does not matter.
                let known = merged.entry(key.clone()).or_insert_with(|| value.clone());
                if *known < *value {
                    known.clone_from(value);
                }
            }
            let found = match &instance.host {
                Host::Address(address) => std::slice::from_ref(address),
                Host::Name(name) => addresses.get(name).map_or(&[][..], Vec::as_slice),
            };
            if let (Host::Name(name), []) = (&instance.host, found) {
                self.notes.insert(format!("the host {name} has no known address"));
            }
            endpoints.extend(found.iter().map(|address| endpoint(instance, *address)));
        }
        let one_name = names.len() == 1 && self.instances.iter().all(|i| matches!(i.host, Host::Name(_)));
        let mut spec = UpstreamSpec {
            host: names.first().filter(|_| one_name).cloned(),
            protocol: protocol(&merged),
            labels: shown(&merged),
            ..UpstreamSpec::default()
        };
        for (key, value) in &merged {
            let fault = key.strip_prefix(HINT).and_then(|hint| hints::apply(&mut spec, hint, value.trim()).err());
            self.notes.extend(fault);
        }
        Part { spec, endpoints, exists: !self.nodes.is_empty(), notes: self.notes }
    }
}

/// The upstream that the `parts` of all data centres make, the local one first, which has priority 0; `None` where none of
/// them has an instance.
pub(super) fn merge<'a>(name: &Arc<str>, parts: impl IntoIterator<Item = Option<&'a Part>>) -> Option<Listed> {
    let parts = (0..).zip(parts).filter_map(|(priority, part)| Some((priority, part.filter(|part| part.exists)?)));
    let parts: Vec<(u8, &Part)> = parts.collect();
    let mut spec = parts.first()?.1.spec.clone();
    let mut endpoints = Vec::new();
    for (priority, part) in &parts {
        if part.spec.host != spec.host {
            spec.host = None;
        }
        spec.protocol = spec.protocol.or(part.spec.protocol);
        spec.hints.openapi = spec.hints.openapi.or_else(|| part.spec.hints.openapi.clone());
        spec.hints.discovery = spec.hints.discovery.or(part.spec.hints.discovery);
        spec.hints.validation = spec.hints.validation.or(part.spec.hints.validation);
        for (key, value) in &part.spec.labels {
            spec.labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
        endpoints.extend(part.endpoints.iter().cloned().map(|e| Endpoint { priority: *priority, ..e }));
    }
    // Two instances at one address: it may be called if one of them passes, and belongs to the nearer data centre.
    let order = |e: &Endpoint| (e.address, e.health != Health::Healthy, e.priority, e.weight);
    endpoints.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.labels.cmp(&b.labels)));
    endpoints.dedup_by_key(|e| e.address);
    Some(Listed { key: name.clone(), name: name.to_string(), namespace: None, spec, endpoints })
}

fn endpoint(instance: &Instance, address: IpAddr) -> Endpoint {
    Endpoint {
        address: SocketAddr::new(address, instance.port),
        weight: instance.weight,
        priority: 0,
        health: if instance.healthy { Health::Healthy } else { Health::Unhealthy },
        labels: shown(&instance.labels),
    }
}

/// The labels that are for people; hints have said what they say.
fn shown(labels: &Labels) -> Labels {
    labels.iter().filter(|(key, _)| !key.starts_with(HINT)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn labels(service: Service) -> Labels {
    let tag = |tag: String| match tag.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (tag, String::new()),
    };
    service.tags.into_iter().map(tag).chain(service.meta).filter(|(key, _)| !key.is_empty()).collect()
}

/// What the labels say of the protocol, where no hint does: `protocol` in meta or a tag, else a bare tag. Of several bare tags the
/// one that says more: HTTP may carry gRPC too, and TLS is not passed over.
fn protocol(labels: &Labels) -> Option<Protocol> {
    const BARE: [&str; 5] = ["https", "http", "h2c", "grpcs", "grpc"];
    let named = |name: &str| match name.trim().to_ascii_lowercase().as_str() {
        "https" => Some(Protocol::Https),
        "http" | "http2" | "h2c" => Some(Protocol::Http),
        "grpcs" => Some(Protocol::Grpcs),
        "grpc" => Some(Protocol::Grpc),
        _ => None,
    };
    let bare = || BARE.into_iter().find(|name| labels.get(*name).is_some_and(String::is_empty));
    labels.get("protocol").and_then(|value| named(value)).or_else(|| bare().and_then(named))
}
