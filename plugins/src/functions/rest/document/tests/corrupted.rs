//! An operation that is wrong costs itself only.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::read;

/// Every place in `value`, as a JSON pointer.
fn places(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            places(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| places(value, format!("{at}/{index}"), out))
        }
        _ => {}
    }
    out.push(at);
}

fn operation(number: usize) -> Value {
    json!({
        "operationId": format!("operation{number}"),
        "tags": ["t"],
        "parameters": [
            { "name": "limit", "in": "query", "style": "form", "schema": { "type": "integer", "minimum": 1 } },
            { "$ref": "#/components/parameters/shared" },
        ],
        "requestBody": { "required": true, "content": { "multipart/form-data": {
            "schema": { "type": "object", "properties": { "a": { "$ref": "#/components/schemas/A" } }, "required": ["a"] },
            "encoding": { "a": { "contentType": "text/plain" } },
        } } },
        "responses": { "200": { "description": "", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/A" } } } } },
        "security": [{ "key": [] }],
        "servers": [{ "url": "/{v}", "variables": { "v": { "default": "v1" } } }],
    })
}

fn document(operations: Vec<Value>) -> Value {
    let paths: serde_json::Map<_, _> = operations
        .into_iter()
        .enumerate()
        .map(|(number, operation)| (format!("/{number}"), json!({ "post": operation })))
        .collect();
    json!({ "openapi": "3.1.0", "paths": paths, "components": {
        "parameters": { "shared": { "name": "shared", "in": "header", "schema": { "$ref": "#/components/schemas/A" } } },
        "schemas": { "A": { "type": "string", "readOnly": true } },
        "securitySchemes": { "key": { "type": "apiKey", "in": "query", "name": "key" } },
    } })
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{ "$ref": "#/components/schemas/A" }])),
        Just(json!({ "$ref": "#/nowhere" })),
        Just(json!({ "$ref": "#/paths/~11/post" })),
        Just(json!({ "$ref": 7, "type": {}, "in": [], "name": {}, "content": [], "schema": [] })),
    ]
}

proptest! {
    /// Whatever replaces any part of one operation, the others are read as if nothing had been.
    #[test]
    fn all_others_are_read((place, with) in (any::<prop::sample::Index>(), anything())) {
        let mut wrong = operation(1);
        let mut all = Vec::new();
        places(&wrong, String::new(), &mut all);
        *wrong.pointer_mut(place.get(all.as_slice()).as_str()).unwrap() = with;
        let sound = read(&document(vec![operation(0), operation(1), operation(2)]));
        let read = read(&document(vec![operation(0), wrong, operation(2)]));
        for origin in ["POST /0", "POST /2"] {
            let one = |functions: &[catalog::model::Described]| {
                let found = functions.iter().find(|function| function.origin == origin).unwrap();
                (found.name.clone(), found.binding.clone(), found.input.clone(), found.output.clone())
            };
            prop_assert_eq!(one(&read.functions), one(&sound.functions));
        }
        prop_assert_eq!(&read.definitions["A"], &sound.definitions["A"]);
        if !read.functions.iter().any(|function| function.origin == "POST /1") {
            prop_assert!(read.complaints.iter().any(|complaint| complaint.starts_with("POST /1: left out")), "{:?}", read.complaints);
        }
    }

    /// No text makes it panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(openapi: |\\{\"openapi\":\"3.0.0\",|swagger: '2.0'\n)?[-{}\\[\\]:,\"' \n&*!<>a-z/$#0-9.]{0,60}") {
        let _ = super::read_text(&text);
    }
}
