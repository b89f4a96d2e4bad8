//! Draws operations of all shapes, and arguments for them.

use catalog::model::UpstreamSpec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::fixture::Fixture;

const NAMES: [&str; 5] = ["a", "b", "body", "a.b", "x/y~z"];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

/// Parameters of some places; `schema` draws what their values are.
fn parameters(schema: BoxedStrategy<Value>) -> impl Strategy<Value = Vec<Value>> {
    let places = prop::sample::select(&["path", "query", "cookie", "header"][..]);
    let one = (prop::sample::select(&["a", "b", "body"][..]), places, any::<bool>(), schema);
    prop::collection::vec(one, 0..4).prop_map(|list| {
        list.into_iter().map(|(name, place, required, schema)| json!({ "name": name, "in": place, "required": required, "schema": schema })).collect()
    })
}

fn object_schema(property: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let properties = prop::collection::btree_map(name(), (property, any::<bool>()), 0..4);
    let extra =
        prop::sample::select(vec![None, Some(json!(false)), Some(json!({})), Some(json!({ "type": "integer" }))]);
    let wrapped = prop::sample::select(&["plain", "reference", "parts", "together"][..]);
    (properties, extra, wrapped).prop_map(|(drawn, extra, wrapped)| {
        let required: Vec<&str> = drawn.iter().filter(|(_, (_, required))| *required).map(|(name, _)| *name).collect();
        let properties: Map<String, Value> = drawn.iter().map(|(name, (schema, _))| ((*name).to_owned(), schema.clone())).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "required": required });
        if let Some(extra) = extra {
            schema["additionalProperties"] = extra;
        }
        match wrapped {
            "plain" => schema,
            "reference" => json!({ "$ref": "#/$defs/D", "with": schema }),
            "parts" => json!({ "allOf": [schema, { "type": "object" }] }),
            _ => json!({ "allOf": [schema], "oneOf": [{ "required": ["a"] }, { "required": ["b"] }, { "required": ["body"] }] }),
        }
    })
}

/// An operation and its definitions.
fn operation(value: BoxedStrategy<Value>) -> impl Strategy<Value = (Value, Value)> {
    let other = prop::sample::select(vec![
        json!({ "type": "array", "items": { "type": "integer" } }),
        json!(true),
        json!({ "type": "string" }),
    ]);
    let schema = prop_oneof![3 => object_schema(value.clone()), 1 => other].boxed();
    let media = prop_oneof![
        3 => Just("application/json"),
        2 => prop::sample::select(&["application/xml", "multipart/form-data", "text/plain", "image/*"][..]),
    ];
    let types = prop::collection::vec((media, schema), 1..3);
    let body = prop::option::weighted(0.8, (types, any::<bool>()));
    (parameters(value), body).prop_map(|(parameters, body)| {
        let path = parameters.iter().filter(|p| p["in"] == "path").fold("/p".to_owned(), |path, p| {
            let name = p["name"].as_str().unwrap_or_default();
            if path.contains(&format!("{{{name}}}")) { path } else { format!("{path}/{{{name}}}") }
        });
        let mut operation = json!({ "method": "POST", "path": path, "parameters": parameters });
        let mut definitions = json!({});
        if let Some((types, required)) = body {
            let mut list: Vec<Value> = Vec::new();
            for (media, mut schema) in types {
                if list.iter().any(|t| t["type"] == media) {
                    continue;
                }
                if let Some(with) = schema.as_object_mut().and_then(|s| s.remove("with")) {
                    let name = format!("D{}", list.len());
                    schema["$ref"] = json!(format!("#/$defs/{name}"));
                    definitions[&name] = with;
                }
                list.push(json!({ "type": media, "schema": schema }));
            }
            operation["body"] = json!({ "required": required, "types": list });
        }
        (operation, definitions)
    })
}

/// Arguments by name, their values drawn from `value`: mostly names that the schema has, in objects that are nearly right.
fn arguments(input: &Value, value: &BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let known =
        |schema: &Value| schema["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect::<Vec<_>>();
    let mut fields: Vec<BoxedStrategy<Option<(String, Value)>>> = Vec::new();
    for name in known(input) {
        let names = match &*name {
            "$body" | "body" => NAMES.map(str::to_owned).to_vec(),
            form => known(&input["properties"][form]),
        };
        let choice = &input["properties"]["$header"]["properties"]["Content-Type"];
        let listed = choice["enum"].as_array().into_iter().flatten().cloned();
        let types: Vec<Value> = listed.chain([json!("image/png")]).collect();
        let inner: Vec<_> = names
            .into_iter()
            .map(|name| {
                let chosen =
                    if name == "Content-Type" { prop::sample::select(types.clone()).boxed() } else { value.clone() };
                prop::option::weighted(0.7, chosen.prop_map(move |value| (name.clone(), value)))
            })
            .collect();
        let object = inner.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect()));
        let (weight, drawn) = match &*name {
            "$body" | "body" => (0.2, prop_oneof![2 => object, 1 => value.clone()].boxed()),
            form if form.starts_with('$') => (0.3, object.boxed()),
            _ => (0.7, value.clone()),
        };
        fields.push(prop::option::weighted(weight, drawn.prop_map(move |value| (name.clone(), value))).boxed());
    }
    fields.push(prop::option::weighted(0.3, (name(), value.clone()).prop_map(|(n, v)| (n.to_owned(), v))).boxed());
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect())).boxed()
}

/// An operation, and arguments for it.
pub(super) fn calls(
    schema: BoxedStrategy<Value>,
    value: BoxedStrategy<Value>,
) -> impl Strategy<Value = ((Value, Value), Vec<Value>)> {
    operation(schema).prop_flat_map(move |(operation, definitions)| {
        let input = Fixture::new(&operation, &definitions, &UpstreamSpec::default()).input;
        let one = prop_oneof![9 => arguments(&input, &value), 1 => value.clone()];
        (Just((operation, definitions)), prop::collection::vec(one, 1..8))
    })
}

pub(super) fn values() -> BoxedStrategy<Value> {
    let texts =
        prop_oneof![Just(String::new()), Just(".".into()), Just("a\r\nb".into()), Just("aGk=".into()), ".{0,3}"];
    prop_oneof![
        12 => any::<i8>().prop_map(|n| json!(n)),
        2 => texts.clone().prop_map(|t| json!(t)),
        1 => prop::collection::vec(texts, 1..3).prop_map(|t| json!(t)),
        1 => Just(json!({})),
        1 => Just(json!(null)),
    ]
    .boxed()
}

pub(super) fn schemas() -> BoxedStrategy<Value> {
    let rare = prop::sample::select(vec![
        json!({ "type": ["string", "null"] }),
        json!({ "type": "string", "format": "binary" }),
        json!({ "type": "array", "items": { "type": "string" } }),
        json!({ "type": "string", "maxLength": 2, "not": { "const": "x" } }),
    ]);
    prop_oneof![3 => Just(json!({})), 2 => Just(json!({ "type": "integer" })), 2 => rare].boxed()
}
