//! What calling an HTTP function takes.

use catalog::model::Described;
use serde::{Deserialize, Serialize};

/// Where the function is on its upstream.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// Its path, under the upstream's base path.
    pub path: String,
    /// The path where a call is queued, and answered before it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub async_path: Option<String>,
    /// How long a call may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
}

impl Binding {
    /// The function `name` of this binding, of which nothing else is known.
    pub(crate) fn described(&self, name: &str) -> Described {
        Described {
            origin: name.to_owned(),
            name: name.to_owned(),
            summary: None,
            description: None,
            deprecated: false,
            safe: false,
            tags: Vec::new(),
            binding: serde_json::to_value(self).unwrap_or_default(),
            input: serde_json::json!({}),
            output: None,
        }
    }
}
