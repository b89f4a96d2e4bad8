//! From a Rust type to its schema, and from that to its shape.

use regex::Regex;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::{AT_MOST_ONE_OF, KEPT, ONE_OF, Shape};

/// The schema of `T` in Kubernetes' structural subset of JSON Schema, but for our own extensions.
pub(crate) fn of<T: JsonSchema>() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    simplify(&mut schema);
    let mut schema = into_map(schema);
    // The name of the type.
    schema.remove("title");
    schema
}

/// Leaves out what the subset does not have: null, which is the same as nothing said, and Rust's own formats and defaults.
fn simplify(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    for keyword in ["format", "default"] {
        keywords.remove(keyword);
    }
    if let Some(Value::Array(types)) = keywords.get("type") {
        let one = types.iter().find(|name| *name != "null").cloned();
        keywords.insert("type".into(), one.unwrap_or_default());
    }
    if let Some(Value::Array(choices)) = keywords.remove("anyOf") {
        let one = choices.into_iter().find(|choice| choice["type"] != "null");
        for (keyword, value) in one.map(into_map).into_iter().flatten() {
            keywords.entry(keyword).or_insert(value);
        }
        return simplify(schema);
    }
    for keyword in ["properties", "items", "additionalProperties"] {
        match keywords.get_mut(keyword) {
            Some(Value::Object(each)) if keyword == "properties" => each.values_mut().for_each(simplify),
            Some(inner) => simplify(inner),
            None => {}
        }
    }
}

impl Shape {
    /// The shape of a `T`.
    pub(crate) fn of<T: JsonSchema>() -> Self {
        Self::new(&Value::Object(of::<T>()))
    }

    fn new(schema: &Value) -> Self {
        let number = |keyword: &str| schema[keyword].as_u64();
        let title = schema["title"].as_str().map(str::to_owned);
        match schema["type"].as_str() {
            Some("boolean") => Self::Flag,
            Some("integer") => {
                let (from, to) = (number("minimum").unwrap_or(0), number("maximum").unwrap_or(u64::MAX));
                Self::Count { wanted: title.unwrap_or_else(|| format!("a whole number from {from} to {to}")), from, to }
            }
            Some("string") => {
                let least = number("minLength").and_then(|least| usize::try_from(least).ok()).unwrap_or(0);
                let wanted = if least > 0 { "a text that is not empty" } else { "a text" };
                let pattern = schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok());
                let like = pattern.map(|pattern| (pattern, title.unwrap_or_default()));
                Self::Text { wanted, least, like }
            }
            Some("array") => {
                let item = schema["items"]["title"].as_str().unwrap_or("item").to_owned();
                let least = usize::from(number("minItems").is_some_and(|least| least > 0));
                let most = number("maxItems").and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
                Self::List { items: Box::new(Self::new(&schema["items"])), item, least, most }
            }
            Some("object") if schema[KEPT] == true => Self::LaterMap,
            _ if schema[KEPT] == true => Self::Later,
            _ if schema["additionalProperties"].is_object() => {
                Self::Map(Box::new(match Self::new(&schema["additionalProperties"]) {
                    // YAML reads some texts as something else.
                    Self::Text { least, like, .. } => Self::Text { wanted: "a text; put it in quotes", least, like },
                    other => other,
                }))
            }
            _ => {
                let known = schema["properties"].as_object().into_iter().flatten();
                Self::Fields {
                    known: known.map(|(name, schema)| (name.clone(), Self::new(schema))).collect(),
                    required: names(&schema["required"]),
                    one_of: names(&schema[ONE_OF]),
                    at_most_one_of: names(&schema[AT_MOST_ONE_OF]),
                }
            }
        }
    }
}

/// The texts of a list.
pub(crate) fn names(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn into_map(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(keywords) => keywords,
        _ => Map::new(),
    }
}
