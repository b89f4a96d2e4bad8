//! The answer to DescribeInstances, as far as it is read. Foreign bytes: whatever they are, this ends, and takes memory in proportion.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// The states of instances that are there; those of others are `shutting-down` and `terminated`.
pub(super) const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];
const RUNNING: &str = "running";

/// An instance as EC2 tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-0123456789abcdef0`.
    pub id: String,
    /// Whether it runs.
    pub running: bool,
    /// Its availability zone.
    pub zone: String,
    /// Its address in its network.
    pub private: Option<Ipv4Addr>,
    /// Its address for everybody.
    pub public: Option<Ipv4Addr>,
    /// Its first address of IPv6.
    pub v6: Option<Ipv6Addr>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One page of the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Those on it that are there.
    pub instances: Vec<Instance>,
    /// What to ask for the next page with.
    pub next: Option<String>,
}

/// A list of EC2: `<item>…</item>`, each.
#[derive(Deserialize)]
struct Items<T> {
    #[serde(rename = "item", default = "Vec::new")]
    items: Vec<T>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    reservation_set: Items<Reservation>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reservation {
    #[serde(default)]
    instances_set: Items<Told>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    instance_id: String,
    #[serde(default)]
    instance_state: State,
    placement: Option<Placement>,
    private_ip_address: Option<String>,
    ip_address: Option<String>,
    ipv6_address: Option<String>,
    #[serde(default)]
    network_interface_set: Items<Interface>,
    #[serde(default)]
    tag_set: Items<Tag>,
}

#[derive(Default, Deserialize)]
struct State {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    #[serde(default)]
    availability_zone: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interface {
    #[serde(default)]
    ipv6_addresses_set: Items<Ipv6>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv6 {
    ipv6_address: Option<String>,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

/// Reads a page.
pub fn parse(answer: &[u8]) -> Result<Page, String> {
    let text = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let answer: Answer = quick_xml::de::from_str(text).map_err(|error| error.to_string())?;
    let told = answer.reservation_set.items.into_iter().flat_map(|reservation| reservation.instances_set.items);
    let is_there = |told: &Told| STATES.contains(&told.instance_state.name.as_str());
    let instances = told.filter(is_there).map(Instance::from).collect();
    Ok(Page { instances, next: answer.next_token.filter(|token| !token.is_empty()) })
}

impl From<Told> for Instance {
    fn from(told: Told) -> Self {
        let interfaces = told.network_interface_set.items.into_iter();
        let of_interfaces = interfaces.flat_map(|interface| interface.ipv6_addresses_set.items);
        let mut v6 = told.ipv6_address.into_iter().chain(of_interfaces.filter_map(|address| address.ipv6_address));
        Self {
            id: told.instance_id,
            running: told.instance_state.name == RUNNING,
            zone: told.placement.map(|placement| placement.availability_zone).unwrap_or_default(),
            private: told.private_ip_address.and_then(|text| text.parse().ok()),
            public: told.ip_address.and_then(|text| text.parse().ok()),
            v6: v6.find_map(|text| text.parse().ok()),
            tags: told.tag_set.items.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }
    }
}
