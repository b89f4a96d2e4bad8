//! What functions are sent in the shapes of AWS's own services: one file of requests, each with the events that it becomes.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::functions::lambda::call::event::Shape;

/// One request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// As text, or as bytes.
    #[serde(default)]
    body: Option<Value>,
    /// For each shape what its event has: members in dotted notation, or an absence.
    events: BTreeMap<String, BTreeMap<String, Value>>,
}

fn get() -> String {
    "GET".into()
}

fn event(case: &Case, shape: Event) -> Value {
    let body = match &case.body {
        None => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(bytes) => serde_json::from_value(bytes.clone()).unwrap(),
    };
    let given: Vec<_> = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers = headers(&given);
    let (exchange, id) = (exchange(), HeaderValue::from_static("r-1"));
    let arguments = Arguments {
        method: &case.method.parse().unwrap(),
        query: case.query.as_deref(),
        headers: &headers,
        content: if body.is_empty() { Content::None } else { Content::Whole(&body) },
        unchecked: false,
        caller: Caller { exchange: Some(&exchange), authority: Some("fn.example:8080"), request_id: Some(&id) },
    };
    let now = UNIX_EPOCH + Duration::from_millis(1_583_348_638_390);
    serde_json::from_slice(&Shape::new(shape, ARN).event(&arguments, now).unwrap()).unwrap()
}

#[test]
fn requests_become_events() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../cases/events.json")).unwrap();
    for case in &cases {
        for (shape, members) in &case.events {
            let event = event(case, serde_json::from_value(json!(shape)).unwrap());
            for (member, expected) in members {
                let is = event.pointer(&format!("/{}", member.replace('.', "/"))).cloned();
                let expected = (*expected != json!({"absent": true})).then(|| expected.clone());
                assert_eq!(is, expected, "{} as {shape}: {member} of {event:#}", case.name);
            }
        }
    }
}

#[test]
fn whole_events() {
    let case = Case {
        name: String::new(),
        method: "POST".into(),
        query: Some("a=1&a=2&b=x%20y".into()),
        headers: [
            ("host", "fn.example"),
            ("content-type", "application/json"),
            ("cookie", "c=1; d=2"),
            ("x-two", "1"),
            ("x-two", "2"),
            ("user-agent", "test/1"),
            ("portolan-log-tail", "1"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec(),
        body: Some(json!("{\"n\": 1}")),
        events: BTreeMap::new(),
    };
    insta::assert_json_snapshot!("api-gateway-v1", event(&case, Event::ApiGatewayV1));
    insta::assert_json_snapshot!("api-gateway-v2", event(&case, Event::ApiGatewayV2));
    insta::assert_json_snapshot!("alb", event(&case, Event::Alb));
    insta::assert_json_snapshot!("alb-multi-value", event(&case, Event::AlbMultiValue));
}
