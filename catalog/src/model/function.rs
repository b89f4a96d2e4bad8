//! A function: one thing that an upstream does, with the schema of what goes in and comes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Digest, Kind};

/// What a probe says of one function. Schemas are JSON Schema 2020-12; `{"$ref": "#/$defs/NAME"}`
/// means the definition `NAME` of the [`Description`].
#[derive(Clone, Debug)]
pub struct Described {
    /// What the function is within its document, for ever: `GET /users/{id}`, `pkg.Service/Method`. Unique in a description.
    pub origin: String,
    /// The name that it asks for.
    pub name: String,
    /// One line.
    pub summary: Option<String>,
    /// More than a line; cut at [`Function::MAX_DESCRIPTION`] bytes when it enters the catalog.
    pub description: Option<String>,
    /// Marked as deprecated by its author.
    pub deprecated: bool,
    /// Has no side effects, so that `GET` may call it.
    pub safe: bool,
    /// The author's tags.
    pub tags: Vec<String>,
    /// What the kind needs to call it.
    pub binding: Value,
    /// The schema of the arguments.
    pub input: Value,
    /// The schema of the result.
    pub output: Option<Value>,
}

/// What a probe says of one upstream for one kind.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// In the document's order: of several that ask for one name the first gets it.
    pub functions: Vec<Described>,
    /// Schemas that functions share, by name.
    pub definitions: BTreeMap<String, Value>,
    /// Contents that bindings name (descriptors), each by its [`Digest::of`] that content alone.
    pub attachments: Vec<Bytes>,
    /// What was wrong with single operations and left them out, each for a person.
    pub complaints: Vec<String>,
}

/// A function in the catalog. Its schemas stay in the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Function {
    /// Its name, unique within the upstream.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: Kind,
    /// What it is within its document.
    pub origin: Box<str>,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Box<str>>,
    /// At most [`Function::MAX_DESCRIPTION`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// Marked as deprecated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Has no side effects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub safe: bool,
    /// The author's tags.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub tags: Box<[Box<str>]>,
    /// What the kind needs to call it, as JSON text.
    pub binding: Box<RawValue>,
    /// The content of its input schema in the store; what it refers to lies beside it.
    pub input: Digest,
    /// The content of its output schema in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Digest>,
    /// Of input, output (with all the definitions they reach) and binding.
    pub digest: Digest,
    /// The catalog's revision at its last change.
    pub revision: u64,
    /// When it was first described.
    pub first_seen: Timestamp,
    /// When a description last had it, as of the last change of this record.
    pub last_seen: Timestamp,
}

impl Function {
    /// The longest description kept, in bytes; texts are for people and search, not for storage.
    pub const MAX_DESCRIPTION: usize = 4096;
}

/// What binding a function takes from the store: complete schemas, with every definition that they reach under `$defs`.
#[derive(Clone, Debug)]
pub struct Materials {
    /// The schema of the arguments.
    pub input: Value,
    /// The schema of the result.
    pub output: Option<Value>,
    /// The contents that the binding names by digest, in the binding's `attachments` array.
    pub attachments: Vec<Bytes>,
}
