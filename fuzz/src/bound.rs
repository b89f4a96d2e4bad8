//! From what a description says of a function to a call of it, as the catalog and the router do it.

use std::sync::Arc;

use catalog::model::{Described, Description, Digest, Function, Materials, UpstreamSpec};
use plugins::{BindError, BoundCall, FunctionKind, Keyring};
use serde_json::{Value, json};

/// Binds one function of a description.
pub(crate) fn bind(
    kind: &dyn FunctionKind,
    described: &Described,
    description: &Description,
) -> Result<Arc<dyn BoundCall>, BindError> {
    let materials = Materials {
        input: complete(&described.input, description),
        output: described.output.as_ref().map(|output| complete(output, description)),
        attachments: description.attachments.clone(),
    };
    kind.bind(&function(kind, described), &materials, &UpstreamSpec::default(), &Keyring::default())
}

/// A schema with the definitions.
fn complete(schema: &Value, description: &Description) -> Value {
    let mut schema = schema.clone();
    if let (Value::Object(members), false) = (&mut schema, description.definitions.is_empty()) {
        members.insert("$defs".into(), json!(description.definitions));
    }
    schema
}

/// The catalog's record of it; what binding does not look at is as in a new one.
pub(crate) fn function(kind: &dyn FunctionKind, described: &Described) -> Function {
    Function {
        name: described.name.as_str().into(),
        kind: kind.kind(),
        origin: described.origin.as_str().into(),
        summary: None,
        description: None,
        deprecated: described.deprecated,
        safe: described.safe,
        tags: [].into(),
        binding: serde_json::value::to_raw_value(&described.binding).expect("a value is JSON"),
        input: Digest::of([]),
        output: None,
        digest: Digest::of([]),
        revision: 1,
        first_seen: Default::default(),
        last_seen: Default::default(),
    }
}
