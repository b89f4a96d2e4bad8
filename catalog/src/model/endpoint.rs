//! Where an upstream can be reached now. Endpoints are soft state: published at once, written behind,
//! without a revision and without history.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Whether an endpoint may get requests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Its source says that it passes its checks, or has none.
    Healthy,
    /// Its source says that a check fails.
    Unhealthy,
    /// Never called, whatever its source says: our own listener, or a link-local address that no setting allows. The text says which.
    Refused(String),
}

/// One address of an upstream. Names are resolved by the source that reports them, so that the address
/// that was checked is the one that is connected to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address to connect to.
    pub address: SocketAddr,
    /// Its share of the requests among endpoints of one priority; 0 gets none.
    pub weight: u32,
    /// 0 is used first; a higher one only while no lower one has a healthy endpoint (other data centres).
    #[serde(default)]
    pub priority: u8,
    /// Whether it may get requests.
    pub health: Health,
    /// What its source says of this instance (tags, metadata, zone).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Endpoint {
    /// A healthy endpoint of weight 1 at `address`.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, weight: 1, priority: 0, health: Health::Healthy, labels: BTreeMap::new() }
    }
}

/// All endpoints of one upstream, and those that get requests now.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct EndpointSet {
    all: Arc<[Endpoint]>,
    usable: Arc<[SocketAddr]>,
}

impl EndpointSet {
    /// Orders `endpoints` by address (one entry for each) and picks the usable ones: healthy, of the lowest priority that has any.
    /// A weight of `n` stands in the list `n` times over, divided by the greatest common divisor of all.
    pub fn new(mut endpoints: Vec<Endpoint>) -> Self {
        endpoints.sort_by_key(|e| e.address);
        endpoints.dedup_by_key(|e| e.address);
        let healthy = |e: &&Endpoint| e.health == Health::Healthy && e.weight > 0;
        let first = endpoints.iter().filter(healthy).map(|e| e.priority).min();
        let chosen: Vec<_> = endpoints.iter().filter(healthy).filter(|e| Some(e.priority) == first).collect();
        let usable = interleave(&chosen);
        Self { all: endpoints.into(), usable }
    }

    /// Every endpoint, by address.
    pub fn all(&self) -> &[Endpoint] {
        &self.all
    }

    /// The addresses to take in turn; an address stands in it as often as its weight asks.
    pub fn usable(&self) -> &[SocketAddr] {
        &self.usable
    }
}

/// The most places that one upstream's rotation has, so that odd weights cannot make it huge.
const MAX_ROTATION: u64 = 1024;

fn interleave(chosen: &[&Endpoint]) -> Arc<[SocketAddr]> {
    let divisor = chosen.iter().fold(0, |a, e| gcd(a, u64::from(e.weight))).max(1);
    let total: u64 = chosen.iter().map(|e| u64::from(e.weight) / divisor).sum();
    let scale = |weight: u32| match total > MAX_ROTATION {
        true => (u64::from(weight) / divisor * MAX_ROTATION / total).max(1),
        false => u64::from(weight) / divisor,
    };
    let mut places: Vec<(u64, SocketAddr)> = Vec::new();
    for endpoint in chosen {
        let shares = scale(endpoint.weight);
        // Evenly spread: place k of n stands at (2k+1)/(2n) of the round.
        places.extend((0..shares).map(|k| ((2 * k + 1) * (1 << 20) / (2 * shares), endpoint.address)));
    }
    places.sort();
    places.into_iter().map(|(_, address)| address).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
