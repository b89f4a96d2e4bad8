//! An upstream that is itself one function.

use serde::{Deserialize, Serialize};

/// What is sent to the upstream's root is sent to this function.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SoleFunction {
    /// Its name.
    pub name: String,
    /// How long a call may take, in seconds, the start of an instance included; without one the daemon's setting holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
}
