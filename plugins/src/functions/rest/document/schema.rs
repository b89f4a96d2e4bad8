//! From the schemas of any version to JSON Schema 2020-12.
//!
//! What a validator would refuse to compile is left out, since real documents have it: `required: true`, `type: Feature`,
//! `minimum: "1"`. (Whether a pattern compiles is for the validator to find out.) So are examples and what only documentation and code generators read. Where the versions contradict each other
//! the more generous reading is taken: `nullable` counts in 3.1 too, and beside a `$ref`.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::tree::Version;
use super::{Direction, Reader, keywords};

impl Direction {
    /// The keyword of properties that do not go this way.
    fn hides(self) -> &'static str {
        match self {
            Self::Input => "readOnly",
            Self::Output => "writeOnly",
        }
    }
}

/// What one inherited name is charged: to copy it costs more than a byte that is parsed.
const INHERITED: usize = 32;

/// The longest chain of schemas composed of schemas that is followed to find hidden properties.
const MAX_COMPOSED: usize = 64;

/// Names of properties that do not go this way, so that nothing may require them.
type Hidden = BTreeSet<String>;

impl Reader<'_> {
    /// `schema` in JSON Schema 2020-12; named schemas are referred to as `#/$defs/NAME`.
    pub(super) fn schema(&mut self, schema: Value, direction: Direction) -> Value {
        self.convert(schema, direction, &Hidden::new())
    }

    /// `above` are the hidden properties of the object that this schema is a part of (`allOf`).
    fn convert(&mut self, schema: Value, direction: Direction, above: &Hidden) -> Value {
        let mut said = match schema {
            Value::Object(said) => said,
            Value::Bool(all) => return Value::Bool(all),
            _ => return Value::Bool(true),
        };
        let null = ["nullable", "x-nullable"].iter().filter_map(|key| said.remove(*key)).any(|value| value == true);
        let mut made = Map::new();
        if let Some(Value::String(target)) = said.get("$ref") {
            let target = target.clone();
            if self.tree.version <= Version::V30 {
                said.clear();
            }
            if let Some(name) = self.reference(&target, direction) {
                made.insert("$ref".into(), format!("#/$defs/{name}").into());
            }
        }
        keywords::modernise(&mut said);
        let mut hidden = Hidden::new();
        if ["properties", "required", "allOf", "anyOf", "oneOf"].iter().any(|key| said.contains_key(*key)) {
            self.inherit(above, &mut hidden);
            self.hidden(&said, direction, 0, &mut hidden);
        }
        for (keyword, value) in said {
            if let Some(value) = self.keyword(&keyword, value, direction, &hidden) {
                made.insert(keyword, value);
            }
        }
        if null { nullable(made) } else { finished(made) }
    }

    /// The definition that `target` names; where there is none, any value is taken.
    fn reference(&mut self, target: &str, direction: Direction) -> Option<String> {
        match self.tree.pointer(target).and_then(|pointer| self.definition(&pointer, direction)) {
            Ok(name) => Some(name),
            Err(fault) => {
                self.complain(&format!("any value is taken where a {fault}"));
                None
            }
        }
    }

    /// The value that `keyword` has in JSON Schema 2020-12; `None` leaves it out.
    fn keyword(&mut self, keyword: &str, value: Value, direction: Direction, hidden: &Hidden) -> Option<Value> {
        match (keyword, value) {
            ("properties", Value::Object(properties)) => {
                Some(self.each(properties.into_iter().filter(|(name, _)| !hidden.contains(name)), direction))
            }
            ("patternProperties" | "dependentSchemas", Value::Object(schemas)) => Some(self.each(schemas, direction)),
            ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) if !parts.is_empty() => {
                Some(parts.into_iter().map(|part| self.convert(part, direction, hidden)).collect())
            }
            ("prefixItems", Value::Array(items)) if !items.is_empty() => {
                Some(items.into_iter().map(|item| self.schema(item, direction)).collect())
            }
            (
                "items"
                | "additionalProperties"
                | "unevaluatedItems"
                | "unevaluatedProperties"
                | "contains"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contentSchema",
                schema @ (Value::Object(_) | Value::Bool(_)),
            ) => Some(self.schema(schema, direction)),
            ("required", Value::Array(names)) => {
                let names: BTreeSet<&str> =
                    names.iter().filter_map(Value::as_str).filter(|name| !hidden.contains(*name)).collect();
                (!names.is_empty()).then(|| json!(names))
            }
            (keyword, value) => keywords::plain(keyword, value),
        }
    }

    fn each(&mut self, schemas: impl IntoIterator<Item = (String, Value)>, direction: Direction) -> Value {
        schemas.into_iter().map(|(name, schema)| (name, self.schema(schema, direction))).collect()
    }

    /// Adds the hidden properties of the object `said`, those of its `allOf` included.
    fn hidden(&mut self, said: &Map<String, Value>, direction: Direction, depth: usize, hidden: &mut Hidden) {
        for (name, property) in said.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if property[direction.hides()] == true || self.refers_to_hidden(property, direction) {
                hidden.insert(name.clone());
            }
        }
        for part in said.get("allOf").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            self.hidden(part, direction, depth, hidden);
            self.hidden_behind(part, direction, depth, hidden);
        }
    }

    /// Adds the hidden properties of the object schema that `said` refers to.
    fn hidden_behind(&mut self, said: &Map<String, Value>, direction: Direction, depth: usize, hidden: &mut Hidden) {
        let Some(pointer) = self.pointer_in(said).filter(|_| depth < MAX_COMPOSED) else { return };
        let more = self.hidden_at(pointer, direction, depth + 1);
        self.inherit(&more, hidden);
    }

    fn inherit(&mut self, from: &Hidden, hidden: &mut Hidden) {
        if self.tree.charge(INHERITED * from.len()).is_ok() {
            hidden.extend(from.iter().cloned());
        }
    }

    fn refers_to_hidden(&mut self, property: &Value, direction: Direction) -> bool {
        let Some(pointer) = property.as_object().and_then(|property| self.pointer_in(property)) else { return false };
        self.links(&pointer).is_ok_and(|links| match direction {
            Direction::Input => links.read_only,
            Direction::Output => links.write_only,
        })
    }

    /// The hidden properties of the object schema at `pointer`.
    fn hidden_at(&mut self, pointer: String, direction: Direction, depth: usize) -> Rc<Hidden> {
        let key = (pointer, direction);
        if let Some(known) = self.definitions.hidden.get(&key) {
            return known.clone();
        }
        // Composed of itself, it adds nothing to itself.
        self.definitions.hidden.insert(key.clone(), Rc::default());
        let mut hidden = Hidden::new();
        let said = self.tree.locate(&key.0).and_then(|raw| self.tree.value(raw));
        if let Ok(Value::Object(said)) = said {
            self.hidden(&said, direction, depth, &mut hidden);
            self.hidden_behind(&said, direction, depth, &mut hidden);
        }
        let hidden = Rc::new(hidden);
        self.definitions.hidden.insert(key, hidden.clone());
        hidden
    }

    fn pointer_in(&self, said: &Map<String, Value>) -> Option<String> {
        self.tree.pointer(said.get("$ref")?.as_str()?).ok()
    }
}

/// The keywords that refuse nothing.
const ANNOTATIONS: [&str; 6] = ["title", "description", "default", "deprecated", "readOnly", "writeOnly"];

/// `made`, and null too.
fn nullable(mut made: Map<String, Value>) -> Value {
    let composed = ["$ref", "allOf", "anyOf", "oneOf", "not"].iter().any(|key| made.contains_key(*key));
    if !composed && made.contains_key("type") {
        if let Some(Value::Array(values)) = made.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
        let types = match made.remove("type") {
            Some(Value::Array(types)) => types,
            other => Vec::from_iter(other),
        };
        let with_null: BTreeSet<&str> = types.iter().filter_map(Value::as_str).chain(["null"]).collect();
        made.insert("type".into(), json!(with_null));
        return Value::Object(made);
    }
    let (about, refusing): (Map<_, _>, Map<_, _>) =
        made.into_iter().partition(|(key, _)| ANNOTATIONS.contains(&key.as_str()));
    let mut made = about;
    if !refusing.is_empty() {
        made.insert("anyOf".into(), json!([refusing, { "type": "null" }]));
    }
    finished(made)
}

/// An empty object says the same as `true`.
fn finished(made: Map<String, Value>) -> Value {
    if made.is_empty() { Value::Bool(true) } else { Value::Object(made) }
}
