//! Which names bare arguments may fill in a body.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The longest chain of compositions and references that is followed.
const MAX_DEPTH: usize = 64;

/// What bare arguments can fill of a schema.
pub(in crate::functions::rest) struct Fillable {
    /// The properties of the objects that it takes, its own and those of what it is composed of, sorted.
    pub(in crate::functions::rest) names: Vec<String>,
    /// Whether it takes others too.
    pub(in crate::functions::rest) open: bool,
    /// How much was looked at, in schemas and names.
    pub(super) cost: usize,
}

/// Nothing can be filled of a schema that takes no object.
pub(in crate::functions::rest) fn of(schema: &Value, definitions: &BTreeMap<String, Value>) -> Fillable {
    let mut look = Look { definitions, seen: BTreeSet::new(), names: BTreeSet::new(), cost: 0 };
    let open = look.at(schema, 0);
    Fillable { names: look.names.into_iter().collect(), open, cost: look.cost }
}

struct Look<'a> {
    definitions: &'a BTreeMap<String, Value>,
    seen: BTreeSet<&'a str>,
    names: BTreeSet<String>,
    cost: usize,
}

impl<'a> Look<'a> {
    /// Collects the properties of `schema`; whether it takes others.
    fn at(&mut self, schema: &'a Value, depth: usize) -> bool {
        let Value::Object(schema) = schema else { return schema == &Value::Bool(true) };
        self.cost += 1;
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
            self.cost += properties.len();
            self.names.extend(properties.keys().cloned());
        }
        if depth == MAX_DEPTH {
            return open;
        }
        let parts = |key: &str| schema.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for part in parts("allOf") {
            open &= self.at(part, depth + 1);
        }
        for choices in [parts("oneOf"), parts("anyOf")].into_iter().filter(|choices| !choices.is_empty()) {
            // Every choice is looked at; one that takes more is enough.
            open &= choices.iter().fold(false, |open, choice| self.at(choice, depth + 1) | open);
        }
        if let Some(name) =
            schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix("#/$defs/"))
        {
            // One that is being looked at already has said it.
            if self.seen.insert(name) {
                open &= self.definitions.get(name).is_none_or(|definition| self.at(definition, depth + 1));
            }
        }
        open
    }
}
