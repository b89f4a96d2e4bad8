//! What making one call of a Lambda function costs, signature included: `cargo bench -p portolan-plugins --bench lambda`.
//!
//! Prints nanoseconds a request, the best of several rounds: the floor is what the code costs, the rest is the machine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use catalog::model::{Aws, Digest, Event, Function, Materials, UpstreamSpec};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use plugins::{Arguments, BoundCall, Caller, Content, FunctionKind, Keyring, Keys, functions::lambda::Lambda};
use serde_json::{json, value::RawValue};

const ROUNDS: usize = 20;
const CALLS: u32 = 20_000;

fn bind(event: Option<Event>, token: Option<String>) -> Arc<dyn BoundCall> {
    let binding = json!({
        "arn": "arn:aws:lambda:eu-west-1:123456789012:function:hello",
        "function": "hello", "qualifier": "live", "target": "alias",
    });
    let function = Function {
        name: "hello:live".into(),
        kind: Lambda.kind(),
        origin: "hello:live".into(),
        summary: None,
        description: None,
        deprecated: false,
        safe: false,
        tags: Box::default(),
        binding: RawValue::from_string(binding.to_string()).expect("JSON"),
        input: Digest::of([&b""[..]]),
        output: None,
        digest: Digest::of([&b""[..]]),
        revision: 1,
        first_seen: Timestamp::UNIX_EPOCH,
        last_seen: Timestamp::UNIX_EPOCH,
    };
    let aws = Aws { region: "eu-west-1".into(), event, ..Aws::default() };
    let keyring = Keyring::default();
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into();
    keyring.aws(&aws).put(Some(Keys { id: "AKIDEXAMPLE".into(), secret, token, expires: None }));
    let host = Some("lambda.eu-west-1.amazonaws.com".into());
    let spec = UpstreamSpec { host, aws: Some(aws), ..UpstreamSpec::default() };
    let materials = Materials { input: json!(true), output: None, attachments: Vec::new() };
    Lambda.bind(&function, &materials, &spec, &keyring).expect("binds")
}

fn measure(name: &str, call: &dyn BoundCall, content: Content<'_>) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().expect("a value"));
    headers.insert("user-agent", "bench".parse().expect("a value"));
    let best = (0..ROUNDS).map(|_| {
        let begin = Instant::now();
        for _ in 0..CALLS {
            let (method, caller) = (&Method::POST, Caller::default());
            let arguments = Arguments { method, query: None, headers: &headers, content, unchecked: false, caller };
            black_box(call.request(black_box(arguments))).expect("is signed");
        }
        begin.elapsed() / CALLS
    });
    println!("{name:40} {:>8} ns", best.min().unwrap_or_default().as_nanos());
}

fn main() {
    let body = br#"{"order": 42, "lines": [{"sku": "a", "quantity": 1}]}"#;
    let kilobytes = vec![b' '; 10_000];
    measure("a payload of 54 bytes", &*bind(None, None), Content::Json(body));
    measure("the same with a session", &*bind(None, Some("t".repeat(800))), Content::Json(body));
    measure("a payload of 10 KB", &*bind(None, None), Content::Json(&kilobytes));
    measure("an event of payload format 2.0", &*bind(Some(Event::ApiGatewayV2), None), Content::Whole(body));
}
