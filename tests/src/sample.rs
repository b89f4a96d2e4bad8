//! A value that a JSON Schema allows: always the same one for the same schema.
//!
//! It knows the keywords that describe services. What it cannot make (a `not`, a pattern that contradicts a format) shows when
//! the value is checked against the schema.

use std::cell::Cell;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

/// How deep optional properties are given; required ones are given as deep as the schema asks for them.
const OPTIONAL_DEPTH: usize = 3;

/// Where a schema that asks for itself is given up.
const DEEPEST: usize = 24;

/// Makes values; `root` is what `#/…` refers to.
pub struct Sampler<'a> {
    root: &'a Value,
    optional: bool,
    /// Which alternative of `anyOf` and `oneOf` is taken, where there are so many.
    choice: Cell<usize>,
}

impl<'a> Sampler<'a> {
    /// With optional properties, or without.
    pub fn new(root: &'a Value, optional: bool, choice: usize) -> Self {
        Sampler { root, optional, choice: Cell::new(choice) }
    }

    /// A value for a schema.
    pub fn value(&self, schema: &Value) -> Value {
        self.of(schema, 0)
    }

    fn of(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.flat(schema, depth);
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values.iter().find(|value| !value.is_null()).or(values.first()).cloned().unwrap_or_default();
        }
        match kind(&schema) {
            "object" => self.object(&schema, depth),
            "array" => self.array(&schema, depth),
            "integer" => json!(number(&schema, 1.0).ceil() as i64),
            "number" => json!(number(&schema, 0.5)),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(text(&schema)),
        }
    }

    /// The keywords of a schema with those of what it refers to and consists of.
    fn flat(&self, schema: &Value, depth: usize) -> Map<String, Value> {
        let mut flat = Map::new();
        let Some(own) = schema.as_object().filter(|_| depth < DEEPEST) else { return flat };
        let mut add = |part: Map<String, Value>| {
            for (keyword, value) in part {
                match (flat.get_mut(&keyword), value) {
                    (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                    (Some(Value::Array(known)), Value::Array(more)) if keyword == "required" => known.extend(more),
                    (_, value) => drop(flat.insert(keyword, value)),
                }
            }
        };
        if let Some(pointer) = own.get("$ref").and_then(Value::as_str) {
            let target = self.root.pointer(&decoded(pointer.trim_start_matches('#')));
            add(self.flat(target.unwrap_or_else(|| panic!("{pointer} leads nowhere")), depth + 1));
        }
        for part in own.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            add(self.flat(part, depth + 1));
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(alternatives) = own.get(keyword).and_then(Value::as_array).filter(|all| !all.is_empty()) {
                add(self.flat(&alternatives[self.choice.get() % alternatives.len()], depth + 1));
            }
        }
        let rest = own.iter().filter(|(keyword, _)| !["$ref", "allOf", "oneOf", "anyOf"].contains(&keyword.as_str()));
        add(rest.map(|(keyword, value)| (keyword.clone(), value.clone())).collect());
        flat
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Value {
        let required: Vec<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut object = Map::new();
        for (name, property) in properties.into_iter().flatten() {
            let wanted = self.optional && depth < OPTIONAL_DEPTH && *property != json!(false);
            if wanted || required.contains(&name.as_str()) {
                object.insert(name.clone(), self.of(property, depth + 1));
            }
        }
        let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        let more = schema.get("additionalProperties").cloned().unwrap_or(json!(true));
        let absent = required.iter().filter(|name| !object.contains_key(**name)).map(|name| (*name).to_owned());
        let mut names: Vec<String> = absent.collect();
        names.extend(
            (object.len() + names.len()..usize::try_from(least).unwrap_or(0)).map(|number| format!("key{number}")),
        );
        for name in names {
            object.insert(name, self.of(&more, depth + 1));
        }
        Value::Object(object)
    }

    fn array(&self, schema: &Map<String, Value>, depth: usize) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1);
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let items = schema.get("items").cloned().unwrap_or(json!({"type": "string"}));
        let values = (0..least.max(u64::from(depth < DEEPEST)).min(most)).map(|number| {
            let choices = self.flat(&items, depth + 1);
            match list(&choices, "enum").get(usize::try_from(number).unwrap_or(0)) {
                Some(value) => value.clone(),
                None => self.of(&items, depth + 1),
            }
        });
        values.collect()
    }
}

fn list<'s>(schema: &'s Map<String, Value>, keyword: &str) -> &'s [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The type that a schema asks for, or the one that its keywords are about.
fn kind(schema: &Map<String, Value>) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    let has = |keyword| schema.contains_key(keyword);
    named.unwrap_or(if has("properties") || has("additionalProperties") {
        "object"
    } else if has("items") {
        "array"
    } else {
        "string"
    })
}

fn number(schema: &Map<String, Value>, usual: f64) -> f64 {
    let bound = |keyword| schema.get(keyword).and_then(Value::as_f64);
    let step = bound("multipleOf").unwrap_or(0.0);
    let least = bound("minimum").or(bound("exclusiveMinimum").map(|bound| bound + if step > 0.0 { step } else { 1.0 }));
    let most = bound("maximum").or(bound("exclusiveMaximum").map(|bound| bound - 1.0));
    let wanted = usual.max(least.unwrap_or(usual)).min(most.unwrap_or(f64::MAX));
    if step > 0.0 { (wanted / step).ceil() * step } else { wanted }
}

fn text(schema: &Map<String, Value>) -> String {
    let usual = match schema.get("format").and_then(Value::as_str).unwrap_or_default() {
        "date-time" => "2024-02-29T12:30:00Z",
        "date" => "2024-02-29",
        "time" => "12:30:00Z",
        "duration" => "PT1H",
        "email" => "someone@example.com",
        "uuid" | "guid" => "0f8fad5b-d9cb-469f-a165-70867728950e",
        "uri" | "url" | "uri-reference" => "http://example.com/a",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" | "binary" => "aGVsbG8=",
        _ if schema.get("contentEncoding").is_some_and(|coding| coding == "base64") => "aGVsbG8=",
        _ => "text",
    };
    let length = |keyword| schema.get(keyword).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
    let mut text = usual.to_owned();
    while text.len() < length("minLength").unwrap_or(0) {
        text.push('x');
    }
    text.truncate(length("maxLength").unwrap_or(text.len()));
    match schema.get("pattern").and_then(Value::as_str) {
        Some(pattern) if !matches(pattern, &text) => matching(pattern).unwrap_or(text),
        _ => text,
    }
}

/// Whether a pattern, as JSON Schema has them, is found in a text.
fn matches(pattern: &str, text: &str) -> bool {
    jsonschema::is_valid(&json!({"pattern": pattern}), &json!(text))
}

/// A text that a pattern matches: plain ASCII where one of those that are tried is.
fn matching(pattern: &str) -> Option<String> {
    let ascii = pattern.replace(r"\w", "[A-Za-z0-9_]").replace(r"\d", "[0-9]");
    let strategy = proptest::string::string_regex(ascii.trim_start_matches('^').trim_end_matches('$')).ok()?;
    let mut runner = TestRunner::deterministic();
    let texts: Vec<String> = (0..50).filter_map(|_| Some(strategy.new_tree(&mut runner).ok()?.current())).collect();
    let plain = |text: &&String| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let fits = || texts.iter().filter(|text| !text.is_empty() && matches(pattern, text));
    fits().find(plain).or(fits().find(|text| text.is_ascii())).or(fits().next()).cloned()
}

/// A pointer as it stands in a fragment, decoded once (RFC 6901, 6).
fn decoded(pointer: &str) -> String {
    percent_encoding::percent_decode_str(pointer).decode_utf8_lossy().into_owned()
}
