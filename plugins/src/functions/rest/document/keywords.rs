//! The keywords that hold no schemas: which of their values JSON Schema 2020-12 knows, and what became of older ones.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The types that there are.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// The value of `keyword` if 2020-12 knows both; `None` leaves it out.
pub(super) fn plain(keyword: &str, value: Value) -> Option<Value> {
    let known = match keyword {
        "title" | "description" | "format" | "pattern" | "contentEncoding" | "contentMediaType" => value.is_string(),
        "deprecated" | "readOnly" | "writeOnly" => value == true,
        "uniqueItems" => value.is_boolean(),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
        "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minContains"
        | "maxContains" => value.as_f64().is_some_and(|number| number >= 0.0 && number.fract() == 0.0),
        "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
        "const" | "default" => true,
        "dependentRequired" => value.as_object().is_some_and(|each| each.values().all(is_names)),
        "type" => return types(value),
        _ => false,
    };
    known.then_some(value)
}

fn is_names(value: &Value) -> bool {
    value.as_array().is_some_and(|names| {
        let texts: BTreeSet<&str> = names.iter().filter_map(Value::as_str).collect();
        texts.len() == names.len()
    })
}

fn types(said: Value) -> Option<Value> {
    match said {
        Value::String(name) => TYPES.contains(&name.as_str()).then_some(Value::String(name)),
        Value::Array(names) => {
            let known: BTreeSet<&str> =
                names.iter().filter_map(Value::as_str).filter(|name| TYPES.contains(name)).collect();
            (!known.is_empty() && known.len() == names.len()).then(|| json!(known))
        }
        _ => None,
    }
}

/// Says in the words of 2020-12 what older versions said in others.
pub(super) fn modernise(schema: &mut Map<String, Value>) {
    for (exclusive, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if schema.get(exclusive) == Some(&Value::Bool(true))
            && let Some(number) = schema.remove(limit)
        {
            schema.insert(exclusive.into(), number);
        }
    }
    if let Some(items @ Value::Array(_)) = schema.get_mut("items") {
        let items = items.take();
        schema.insert("prefixItems".into(), items);
    }
    let is_file = schema.get("type").is_some_and(|name| name == "file");
    if is_file || is_bytes(schema) {
        schema.insert("type".into(), "string".into());
        schema.entry("format").or_insert_with(|| "binary".into());
    }
}

/// Whether this is 3.1's way to say `format: binary`: a text that is the raw content of a type that is no text.
fn is_bytes(schema: &Map<String, Value>) -> bool {
    let raw = ["application/octet-stream", "image/", "audio/", "video/", "application/pdf", "application/zip"];
    let media = schema.get("contentMediaType").and_then(Value::as_str).unwrap_or_default();
    raw.iter().any(|start| media.starts_with(start))
        && !schema.contains_key("contentEncoding")
        && schema.get("type").is_none_or(|name| name == "string")
}
