//! Where within its source an upstream is registered.

use serde::{Deserialize, Serialize};

/// A namespace of the source's own, such as one of Kubernetes; not the catalog's.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Home {
    /// Its name.
    pub namespace: String,
    /// What the namespace says of looking at all in it, where it says something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery: Option<bool>,
}
