//! Which names bare arguments may fill in a body.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The properties of the objects that `schema` takes, its own and those of what it is composed of, sorted; and whether
/// it takes others too. Nothing for a schema that takes no object.
pub(super) fn of(schema: &Value, definitions: &BTreeMap<String, Value>) -> (Vec<String>, bool) {
    let mut look = Look { definitions, seen: BTreeSet::new(), names: BTreeSet::new() };
    let open = look.at(schema);
    (look.names.into_iter().collect(), open)
}

struct Look<'a> {
    definitions: &'a BTreeMap<String, Value>,
    seen: BTreeSet<&'a str>,
    names: BTreeSet<String>,
}

impl<'a> Look<'a> {
    /// Collects the properties of `schema`; whether it takes others.
    fn at(&mut self, schema: &'a Value) -> bool {
        let Value::Object(schema) = schema else { return schema == &Value::Bool(true) };
        let is_object = match schema.get("type") {
            None => true,
            Some(Value::Array(types)) => types.iter().any(|name| name == "object"),
            Some(name) => name == "object",
        };
        if !is_object {
            return false;
        }
        let closed = [schema.get("additionalProperties"), schema.get("unevaluatedProperties")]
            .contains(&Some(&Value::Bool(false)));
        let mut open = !closed || schema.contains_key("patternProperties");
        if let Some(Value::Object(properties)) = schema.get("properties") {
            self.names.extend(properties.keys().cloned());
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            open &= self.at(part);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(Value::Array(choices)) = schema.get(key) {
                // Every choice is looked at; one that takes more is enough.
                open &= choices.iter().fold(false, |open, choice| self.at(choice) | open);
            }
        }
        if let Some(name) =
            schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix("#/$defs/"))
        {
            // One that is being looked at already has said it.
            if self.seen.insert(name) {
                open &= self.definitions.get(name).is_none_or(|definition| self.at(definition));
            }
        }
        open
    }
}
