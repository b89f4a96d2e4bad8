//! The `input` of a REST function: the JSON Schema that its arguments obey, and nothing else does.
//!
//! The schema of each part stands once, under `properties.$path`, `$query`, `$header`, `$cookie` (objects) and `$body`; a bare name
//! refers there. What a call accepts is exactly what is valid here, except for what no schema can say: a path segment that
//! several variables make `..` together, and base64 in alternatives that are not files.

mod body;
mod place;
mod rules;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Operation;
use super::call::{Form, Names};
use crate::arguments::{Schemas, Types, fragment};

pub(super) use body::{Bodies, is_binary, is_file};
pub(super) use rules::required_fields;

/// The schemas of an operation's parts, JSON Schema 2020-12 with `$ref: "#/$defs/NAME"`.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// One for each of [`Operation::parameters`], in their order.
    pub(super) parameters: Vec<Value>,
    /// That of the type that is built by default.
    pub(super) body: Option<Value>,
    /// One for each of the body's types, in their order.
    pub(super) bodies: Vec<Option<Value>>,
}

/// Writes the schema. `definitions` are what `#/$defs/` means.
pub(super) fn input(operation: &Operation, parts: &Parts, definitions: &BTreeMap<String, Value>) -> Value {
    let names = Names::of(operation);
    let schemas = Schemas::definitions(definitions);
    let bodies = operation.body.as_ref().zip(names.body).map(|(b, n)| Bodies::new(b, &n, parts, &schemas));
    let mut properties = Map::new();
    for form in Form::ALL.into_iter().filter(|form| names.has(*form)) {
        let chosen = bodies.as_ref().filter(|_| form == Form::Header);
        properties.insert(form.name().to_owned(), places(form, &names, operation, parts, &schemas, chosen));
    }
    if names.body.is_some_and(|body| body.open) {
        // Names of places are no properties of a body, even where any name is one.
        let absent = Form::ALL.into_iter().filter(|form| !names.has(*form));
        properties.extend(absent.map(|form| (form.name().to_owned(), Value::Bool(false))));
    }
    let mut fields = BTreeMap::new();
    if let (Some(bodies), Some(body)) = (&bodies, &names.body) {
        fields = bodies.fields(&schemas);
        properties.insert(super::call::BODY.to_owned(), bodies.schema());
        if body.plain {
            properties.insert(super::call::PLAIN_BODY.to_owned(), json!({ "$ref": "#/properties/$body" }));
        }
    }
    for (name, target) in &names.bare {
        let mut references: Vec<Value> = Vec::new();
        for &parameter in &target.parameters {
            let form = Form::from(operation.parameters[parameter].place);
            references.push(json!({ "$ref": format!("#/properties/{}/properties{}", form.name(), fragment(name)) }));
        }
        if target.body {
            references.extend(fields.get(name).into_iter().flatten().cloned());
        }
        properties.insert(name.clone(), one_or_all(references));
    }
    let mut schema = Map::new();
    schema.insert("properties".to_owned(), Value::Object(properties));
    rules::write(&mut schema, operation, &names, bodies.as_ref(), &schemas);
    Value::Object(schema)
}

/// The object schema of one form.
fn places(
    form: Form,
    names: &Names,
    operation: &Operation,
    parts: &Parts,
    schemas: &Schemas<'_>,
    bodies: Option<&Bodies>,
) -> Value {
    let mut properties = Map::new();
    for (name, &index) in names.form(form) {
        let schema = parts.parameters.get(index).cloned().unwrap_or(Value::Bool(true));
        properties.insert(name.clone(), place::constrained(&operation.parameters[index], schema, schemas));
    }
    if let Some(bodies) = bodies {
        properties.insert(super::call::CONTENT_TYPE.to_owned(), bodies.choice());
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn one_or_all(mut references: Vec<Value>) -> Value {
    match references.len() {
        0 => Value::Bool(true),
        1 => references.remove(0),
        _ => json!({ "allOf": references }),
    }
}

/// `schema` with these keywords beside what it says.
fn and(schema: Value, keywords: Map<String, Value>) -> Value {
    match schema {
        Value::Object(mut own) if keywords.keys().all(|k| !own.contains_key(k)) => {
            own.extend(keywords);
            Value::Object(own)
        }
        Value::Bool(true) => Value::Object(keywords),
        schema => {
            let mut all = keywords;
            let mut list = vec![schema];
            if let Some(Value::Array(more)) = all.remove("allOf") {
                list.extend(more);
            }
            all.insert("allOf".to_owned(), Value::Array(list));
            Value::Object(all)
        }
    }
}

/// `schema` restricted to objects.
fn object(schema: Value, schemas: &Schemas<'_>) -> Value {
    if schemas.types(&schema) == Types::OBJECT {
        return schema;
    }
    and(schema, Map::from_iter([("type".to_owned(), json!("object"))]))
}
