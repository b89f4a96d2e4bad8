//! Example arguments made of a schema, for the `curl` lines that people copy.

use serde_json::{Map, Value, json};

/// How deep an example goes; what lies deeper is left out.
const DEPTH: usize = 4;

/// How many optional arguments are shown where none is required.
const OPTIONAL: usize = 2;

/// Arguments that a function with this `input` plausibly takes: what it requires, else a few of what it takes.
pub(crate) fn arguments(input: &Value) -> Value {
    let example = Example { root: input };
    let required = required(input);
    let Some(Value::Object(properties)) = input.get("properties") else { return json!({}) };
    let bare = |name: &str| !name.starts_with('$') && properties.contains_key(name);
    let mut chosen: Vec<&str> = required.into_iter().filter(|name| bare(name)).collect();
    if chosen.is_empty() {
        chosen.extend(properties.keys().map(String::as_str).filter(|name| bare(name)).take(OPTIONAL));
    }
    chosen.into_iter().map(|name| (name.to_owned(), example.of(&properties[name], DEPTH))).collect::<Map<_, _>>().into()
}

/// The names that the plain form of the arguments must have.
fn required(input: &Value) -> Vec<&str> {
    let plain = input.get("required").or_else(|| input.pointer("/else/required"));
    plain.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

struct Example<'a> {
    root: &'a Value,
}

impl Example<'_> {
    fn of(&self, schema: &Value, depth: usize) -> Value {
        let Some(fields) = schema.as_object() else { return Value::Null };
        if let Some(given) = given(fields) {
            return given.clone();
        }
        if depth == 0 {
            return Value::Null;
        }
        if let Some(target) = fields.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
            return self.root.pointer(target).map_or(Value::Null, |s| self.of(s, depth - 1));
        }
        for choice in ["oneOf", "anyOf", "allOf"] {
            let branches = fields.get(choice).and_then(Value::as_array).into_iter().flatten();
            if let Some(value) = branches.map(|s| self.of(s, depth - 1)).find(|v| !v.is_null()) {
                return value;
            }
        }
        self.typed(fields, depth)
    }

    fn typed(&self, fields: &Map<String, Value>, depth: usize) -> Value {
        let kind = match fields.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).find(|k| *k != "null").unwrap_or("null")
            }
            _ if fields.contains_key("properties") => "object",
            _ => "string",
        };
        match kind {
            "integer" | "number" => {
                fields.get("minimum").filter(|m| m.is_number()).cloned().unwrap_or_else(|| json!(1))
            }
            "boolean" => json!(true),
            "null" => Value::Null,
            "array" => fields.get("items").map_or_else(|| json!([]), |items| json!([self.of(items, depth - 1)])),
            "object" => {
                let properties = fields.get("properties").and_then(Value::as_object);
                let required =
                    fields.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
                let of = |name: &str| Some((name.to_owned(), self.of(properties?.get(name)?, depth - 1)));
                required.filter_map(of).collect::<Map<_, _>>().into()
            }
            _ => text(fields.get("format").and_then(Value::as_str)),
        }
    }
}

/// The only thing allowed, or what the author prefers. Schemas keep no examples.
fn given(fields: &Map<String, Value>) -> Option<&Value> {
    let first = || fields.get("enum").and_then(Value::as_array).and_then(|values| values.first());
    fields.get("const").or_else(|| fields.get("default")).or_else(first)
}

fn text(format: Option<&str>) -> Value {
    json!(match format {
        Some("date") => "2026-01-31",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("uuid") => "123e4567-e89b-12d3-a456-426614174000",
        Some("email") => "ada@example.com",
        Some("uri" | "url") => "https://example.com/",
        Some("byte" | "binary") => "aGVsbG8=",
        Some("ipv4") => "192.0.2.1",
        _ => "text",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_what_is_required_and_ends() {
        let check = |input: Value, expected: Value| assert_eq!(arguments(&input), expected, "{input}");
        check(json!({}), json!({}));
        let three = json!({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {}}});
        check(three, json!({"a": 1, "b": "text"}));
        check(json!({"properties": {"a": {"enum": ["x", "y"]}, "b": {}}, "required": ["a"]}), json!({"a": "x"}));
        let placed = json!({
            "properties": {
                "$path": {"properties": {"id": {"type": "string", "format": "date"}}},
                "id": {"$ref": "#/properties/$path/properties/id"}},
            "if": {}, "else": {"required": ["id"]}});
        check(placed, json!({"id": "2026-01-31"}));
        let tree = json!({
            "$defs": {"T": {"type": "object", "required": ["t"], "properties": {"t": {"$ref": "#/$defs/T"}}}},
            "properties": {"t": {"$ref": "#/$defs/T"}}});
        check(tree, json!({"t": {"t": {"t": null}}}));
        let nullable =
            json!({"anyOf": [{"type": "null"}, {"type": "array", "items": {"minimum": 3, "type": "number"}}]});
        check(json!({"properties": {"a": nullable}}), json!({"a": [3]}));
    }
}
