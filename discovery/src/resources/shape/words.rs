//! Small types that many resources are made of.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use super::KEPT;

/// A field that is known and has no effect yet, whatever it holds: the resource works without it, and says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Later;

impl<'de> Deserialize<'de> for Later {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Later {
    fn schema_name() -> Cow<'static, str> {
        "Later".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ KEPT: true })
    }
}

/// The same, of a field that is a map: a rule can ask whether it is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaterMap;

impl<'de> Deserialize<'de> for LaterMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for LaterMap {
    fn schema_name() -> Cow<'static, str> {
        "LaterMap".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", KEPT: true})
    }
}

/// A port that can be called.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Port(pub(crate) u16);

impl JsonSchema for Port {
    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"title": "a port from 1 to 65535", "type": "integer", "minimum": 1, "maximum": 65_535})
    }
}

/// The name of another object.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
pub(crate) struct Reference {
    /// Its name.
    #[schemars(length(min = 1))]
    pub(crate) name: String,
    /// Its namespace; without one that of the resource.
    #[schemars(length(min = 1))]
    pub(crate) namespace: Option<String>,
}
