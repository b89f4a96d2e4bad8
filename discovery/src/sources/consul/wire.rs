//! Consul's JSON, as much of it as is read. Every field may be missing or `null`: Go writes an empty list either way, and
//! one odd entry must not cost the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// `GET /v1/catalog/services`: the tags of each service, over all its instances.
pub(super) type Services = BTreeMap<String, Option<Vec<String>>>;

/// One entry of `GET /v1/health/service/{name}`: an instance, its node, and the checks of both.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Entry {
    #[serde(deserialize_with = "nullable")]
    pub(super) node: Node,
    #[serde(deserialize_with = "nullable")]
    pub(super) service: Service,
    #[serde(deserialize_with = "nullable")]
    pub(super) checks: Vec<Status>,
}

/// Where an instance runs.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Node {
    #[serde(deserialize_with = "nullable")]
    pub(super) node: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) address: String,
}

/// An instance.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Service {
    /// Empty for an ordinary service; else a part of Consul's mesh (`connect-proxy`, `mesh-gateway`, …).
    #[serde(deserialize_with = "nullable")]
    pub(super) kind: String,
    /// Unique on its node.
    #[serde(rename = "ID", deserialize_with = "nullable")]
    pub(super) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) meta: BTreeMap<String, String>,
    /// Empty: the node's.
    #[serde(deserialize_with = "nullable")]
    pub(super) address: String,
    /// Consul checks no range.
    #[serde(deserialize_with = "nullable")]
    pub(super) port: i64,
    pub(super) weights: Option<Weights>,
}

/// Shares of the requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Weights {
    #[serde(default = "one")]
    pub(super) passing: i64,
}

/// A check's state, all that matters beside an instance.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Status {
    #[serde(deserialize_with = "nullable")]
    pub(super) status: String,
}

/// One entry of `GET /v1/health/state/{state}`.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Check {
    #[serde(deserialize_with = "nullable")]
    pub(super) node: String,
    #[serde(rename = "CheckID", deserialize_with = "nullable")]
    pub(super) check_id: String,
    /// Empty for a check of the node itself.
    #[serde(deserialize_with = "nullable")]
    pub(super) service_name: String,
    /// Grows with every change of the check.
    pub(super) modify_index: u64,
}

/// `GET /v1/agent/self`: which data centre the agent is in.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Agent {
    pub(super) config: AgentConfig,
}

/// The part of an agent's configuration that it tells.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AgentConfig {
    pub(super) datacenter: String,
}

fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn one() -> i64 {
    1
}
