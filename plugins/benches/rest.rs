//! What binding the arguments of one REST call costs: `cargo bench -p portolan-plugins --bench rest`.
//!
//! Prints nanoseconds a request, the best of several rounds: the floor is what the code costs, the rest is the machine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use catalog::model::{Digest, Function, Materials, UpstreamSpec};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use plugins::{Arguments, BoundCall, Caller, Content, FunctionKind, Keyring, functions::rest::Rest};
use serde_json::{Value, json, value::RawValue};

const ROUNDS: usize = 20;
const CALLS: u32 = 20_000;

fn bind(operation: &Value, input: Value) -> Arc<dyn BoundCall> {
    let function = Function {
        name: "f".into(),
        kind: Rest.kind(),
        origin: "f".into(),
        summary: None,
        description: None,
        deprecated: false,
        safe: true,
        tags: Box::default(),
        binding: RawValue::from_string(operation.to_string()).expect("JSON"),
        input: Digest::of([&b""[..]]),
        output: None,
        digest: Digest::of([&b""[..]]),
        revision: 1,
        first_seen: Timestamp::UNIX_EPOCH,
        last_seen: Timestamp::UNIX_EPOCH,
    };
    let materials = Materials { input, output: None, attachments: Vec::new() };
    Rest.bind(&function, &materials, &UpstreamSpec::default(), &Keyring::default()).expect("binds")
}

fn measure(name: &str, call: &dyn BoundCall, method: &Method, query: Option<&str>, content: Content<'_>) {
    let headers = HeaderMap::new();
    let best = (0..ROUNDS).map(|_| {
        let begin = Instant::now();
        for _ in 0..CALLS {
            let arguments = Arguments {
                method,
                query: black_box(query),
                headers: &headers,
                content,
                unchecked: false,
                caller: Caller::default(),
            };
            black_box(call.request(arguments)).expect("binds");
        }
        begin.elapsed() / CALLS
    });
    println!("{name:40} {:>8} ns", best.min().unwrap_or_default().as_nanos());
}

fn main() {
    let order = json!({
        "method": "GET", "path": "/orders/{id}",
        "parameters": [{ "name": "id", "in": "path", "style": "simple", "explode": false, "required": true }],
    });
    let input = json!({
        "type": "object",
        "properties": {
            "$path": {
                "type": "object",
                "properties": { "id": { "type": "integer", "format": "int64" } },
                "additionalProperties": false,
            },
            "id": { "$ref": "#/properties/$path/properties/id" },
        },
        "additionalProperties": false,
        "if": { "required": ["$path"] },
        "then": { "allOf": [{ "anyOf": [
            { "required": ["id"] },
            { "required": ["$path"], "properties": { "$path": { "required": ["id"] } } },
        ] }] },
        "else": { "required": ["id"] },
    });
    let call = bind(&order, input);
    measure("GET ?id=42", &*call, &Method::GET, Some("id=42"), Content::None);
    measure("POST {\"id\":42}", &*call, &Method::POST, None, Content::Json(br#"{"id":42}"#));

    let create = json!({
        "method": "POST", "path": "/orders",
        "body": { "required": true, "types": [{ "type": "application/json" }], "properties": ["customer", "lines", "note"] },
    });
    let input = json!({
        "type": "object",
        "properties": {
            "$body": { "$ref": "#/$defs/Order" },
            "body": { "$ref": "#/properties/$body" },
            "customer": { "$ref": "#/$defs/Order/properties/customer" },
            "lines": { "$ref": "#/$defs/Order/properties/lines" },
            "note": { "$ref": "#/$defs/Order/properties/note" },
        },
        "additionalProperties": false,
        "$defs": { "Order": {
            "type": "object",
            "required": ["customer", "lines"],
            "properties": {
                "customer": { "type": "string", "minLength": 1 },
                "note": { "type": ["string", "null"] },
                "lines": { "type": "array", "items": {
                    "type": "object",
                    "required": ["sku", "quantity"],
                    "properties": { "sku": { "type": "string" }, "quantity": { "type": "integer", "minimum": 1 } },
                } },
            },
        } },
        "if": { "anyOf": [{ "required": ["$body"] }, { "required": ["body"] }] },
        "else": { "required": ["customer", "lines"] },
    });
    let call = bind(&create, input);
    let body = br#"{"customer":"c-1","note":null,"lines":[{"sku":"a","quantity":1},{"sku":"b","quantity":2}]}"#;
    measure("POST an order of two lines", &*call, &Method::POST, None, Content::Json(body));
}
