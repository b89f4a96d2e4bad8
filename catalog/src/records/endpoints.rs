//! The last known endpoints of one upstream.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::model::{Endpoint, Health};

#[derive(Serialize, Deserialize)]
pub(crate) struct EndpointsRecord<'a>(#[serde(borrow)] Vec<EndpointRecord<'a>>);

#[derive(Serialize, Deserialize)]
struct EndpointRecord<'a> {
    address: SocketAddr,
    weight: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    priority: u8,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unhealthy: bool,
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

impl<'a> EndpointsRecord<'a> {
    /// A refused endpoint is kept as unhealthy: whether it is refused is for the settings of the next start to say, and it gets
    /// no request before its source has vouched for it.
    pub(crate) fn of(endpoints: &'a [Endpoint]) -> Self {
        let record = |endpoint: &'a Endpoint| EndpointRecord {
            address: endpoint.address,
            weight: endpoint.weight,
            priority: endpoint.priority,
            unhealthy: endpoint.health != Health::Healthy,
            labels: endpoint.labels.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
        };
        Self(endpoints.iter().map(record).collect())
    }

    pub(crate) fn into_endpoints(self) -> Vec<Endpoint> {
        let endpoint = |record: EndpointRecord<'_>| Endpoint {
            address: record.address,
            weight: record.weight,
            priority: record.priority,
            health: if record.unhealthy { Health::Unhealthy } else { Health::Healthy },
            labels: record.labels.into_iter().map(|(k, v)| (k.into_owned(), v.into_owned())).collect(),
        };
        self.0.into_iter().map(endpoint).collect()
    }
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}
