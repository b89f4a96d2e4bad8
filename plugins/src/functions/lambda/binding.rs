//! What is kept of a Lambda function to call it: its `binding` in the catalog. What is absent is not known, or not there.

use catalog::model::Event;
use serde::{Deserialize, Serialize};

/// A function, one of its published versions, or one of its aliases.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The whole name in AWS, the qualifier included.
    pub arn: String,
    /// The function's name there.
    pub function: String,
    /// The version or alias that is called; without one `$LATEST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// What is called.
    pub target: Target,
    /// How long it may run, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// Whether its answer comes in a stream (its URL's `InvokeMode` is `RESPONSE_STREAM`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub streaming: bool,
    /// `python3.13`, `nodejs22.x`; none for an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Its memory, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// When its code or configuration last changed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The URL that AWS itself has given it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_url: Option<String>,
    /// The version that an alias points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is sent; without one as its upstream says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// What it answers with; without one as its upstream says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Event>,
}

/// What a call names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The function's newest code.
    Latest,
    /// A published version.
    Version,
    /// An alias.
    Alias,
}
