//! What of a cluster is watched and listed: the section `kubernetes` of the configuration.

use serde::{Deserialize, Serialize};

use super::outside::{self, Hosts};
use super::selector::Selector;

/// Of which namespaces and Services there are upstreams. Says nothing: of all.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scope {
    /// Only these namespaces are watched, each by itself, so that a Role in each is all that this takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Only of namespaces with such labels.
    #[serde(skip_serializing_if = "Selector::is_empty")]
    pub namespace_selector: Selector,
    /// Only of Services with such labels, and of those that ask for it by Gloo's annotation `gloo.solo.io/discover`.
    #[serde(skip_serializing_if = "Selector::is_empty")]
    pub service_selector: Selector,
    /// The hosts that Services of type ExternalName may point to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_names: Vec<Hosts>,
}

impl Scope {
    /// The host of an ExternalName, or why it is not called.
    pub(super) fn outside(&self, name: Option<&str>) -> Result<String, String> {
        let host = outside::plain(name.unwrap_or_default());
        match self.external_names.iter().any(|hosts| hosts.have(&host)) {
            true => Ok(host),
            false => Err(format!("is of type ExternalName, and kubernetes.externalNames does not list {host}")),
        }
    }

    /// Whether `namespace` is watched at all.
    pub(super) fn watches(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|only| only == namespace)
    }
}
