//! What the configuration says of instances: the section `aws.ec2`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limits;
use crate::aws::{SettingsError, Wanted};

/// The section as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawSettings {
    /// Seconds between two lists of a region.
    pub interval: u64,
    /// The tag whose value is the upstream that an instance belongs to.
    pub group_tag: String,
    /// The tag that has the port.
    pub port_tag: String,
    /// The port of instances without that tag.
    pub port: u16,
    /// Which address is called.
    pub address: Address,
    /// What an instance's tags must have, all of it: `key` or `key=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
}

/// Which address of an instance is called. Its IPv6 address is taken where it has no such address of IPv4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// Within the network of the instance.
    #[default]
    Private,
    /// From anywhere.
    Public,
}

impl Default for RawSettings {
    fn default() -> Self {
        Self {
            interval: limits::INTERVAL.as_secs(),
            group_tag: "portolan:upstream".to_owned(),
            port_tag: "portolan:port".to_owned(),
            port: 80,
            address: Address::Private,
            filters: Vec::new(),
        }
    }
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub(crate) interval: Duration,
    pub(super) group_tag: String,
    pub(super) port_tag: String,
    pub(super) port: u16,
    pub(super) address: Address,
    pub(super) filters: Vec<Wanted>,
}

impl Settings {
    /// What `raw` says, if it can be meant.
    pub fn new(raw: &RawSettings) -> Result<Self, SettingsError> {
        let at = |field: &str, fault: &str| Err(SettingsError::at(format!("ec2.{field}"), fault));
        if raw.interval == 0 {
            return at("interval", "a second is the least");
        }
        if raw.port == 0 {
            return at("port", "0 is no port");
        }
        if raw.group_tag.is_empty() {
            return at("groupTag", "a tag has a name");
        }
        let Some(filters) = raw.filters.iter().map(|text| Wanted::parse(text)).collect() else {
            return at("filters", "a filter is key or key=value");
        };
        Ok(Self {
            interval: Duration::from_secs(raw.interval),
            group_tag: raw.group_tag.clone(),
            port_tag: raw.port_tag.clone(),
            port: raw.port,
            address: raw.address,
            filters,
        })
    }
}
