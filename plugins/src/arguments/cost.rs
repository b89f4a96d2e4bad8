//! What it costs to check one value, before anybody checks one.
//!
//! A validator follows references and alternatives anew wherever they stand: where each of twenty definitions is `oneOf` the next one
//! twice, the last is looked at a million times for one value.

use std::collections::HashMap;

use serde_json::Value;

use super::schema::Schemas;

/// The most subschemas that are looked at for one value: about ten milliseconds.
const MAX_LOOKS: u64 = 100_000;

/// The longest chain of schemas that bear on one value; what lies beyond counts as one.
const MAX_DEPTH: usize = 200;

/// Whether a value can be checked against any part of `schema` in reasonable time.
pub(super) fn is_bearable(schema: &Value) -> bool {
    let schemas = Schemas::whole(schema);
    let mut looks = Looks { schemas: &schemas, known: HashMap::new() };
    let mut parts = vec![schema];
    while let Some(part) = parts.pop() {
        if looks.of(part, 0) > MAX_LOOKS {
            return false;
        }
        match part {
            Value::Object(map) => parts.extend(map.values()),
            Value::Array(list) => parts.extend(list),
            _ => {}
        }
    }
    true
}

struct Looks<'s, 'a> {
    schemas: &'s Schemas<'a>,
    known: HashMap<*const Value, u64>,
}

impl<'a> Looks<'_, 'a> {
    /// How many subschemas are looked at for one value of `schema`.
    fn of(&mut self, schema: &'a Value, depth: usize) -> u64 {
        let Value::Object(keywords) = schema else { return 1 };
        // One that is on its way to itself is not compiled anyway.
        if let Some(known) = self.known.get(&std::ptr::from_ref(schema)) {
            return *known;
        }
        if depth == MAX_DEPTH {
            return 1;
        }
        self.known.insert(schema, 1);
        let mut looks: u64 = 1;
        let schemas = self.schemas;
        let mut add = |looks: &mut u64, part| *looks = looks.saturating_add(self.of(part, depth + 1));
        for (keyword, value) in keywords {
            match (keyword.as_str(), value) {
                ("$ref", Value::String(target)) => {
                    if let Some(target) = schemas.resolve(target) {
                        add(&mut looks, target);
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(list)) => list.iter().for_each(|part| add(&mut looks, part)),
                ("dependentSchemas", Value::Object(map)) => map.values().for_each(|part| add(&mut looks, part)),
                ("not" | "if" | "then" | "else", part) => add(&mut looks, part),
                _ => {}
            }
        }
        self.known.insert(schema, looks);
        looks
    }
}
