//! What is sent.

use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::call::{Intake, OutgoingBody, Passes};
use crate::problem::Reason;

fn intake(call: &Call, method: Method, given: &[(&str, &str)]) -> Result<Intake, Reason> {
    call.intake(&method, &headers(given), true).map_err(|problem| problem.reason)
}

#[test]
fn a_payload_goes_as_it_is_and_no_header_of_the_caller_does() {
    let call = plain(json!({"qualifier": "live"}));
    let sent = post(&call, &[("x-amz-invocation-type", "Event"), ("authorization", "Bearer x")], "{}").unwrap();
    assert_eq!(sent.path, "/2015-03-31/functions/hello/invocations?Qualifier=live");
    assert_eq!((sent.method, sent.passes), (Method::POST, Passes::Nothing));
    assert!(matches!(sent.body, OutgoingBody::Stream));
    let mut names: Vec<_> = sent.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "content-type", "x-amz-date"]);
    assert!(sent.headers["authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
}

#[test]
fn headers_choose_the_invocation() {
    for (given, streaming, path, said) in [
        (&[][..], false, "invocations", None),
        (&[], true, "response-streaming-invocations", None),
        (&[("prefer", "respond-async")], false, "invocations", Some(("x-amz-invocation-type", "Event"))),
        (&[("prefer", "respond-async")], true, "invocations", Some(("x-amz-invocation-type", "Event"))),
        (&[("portolan-lambda-dry-run", "1")], true, "invocations", Some(("x-amz-invocation-type", "DryRun"))),
        (&[("portolan-log-tail", "1")], false, "invocations", Some(("x-amz-log-type", "Tail"))),
        (&[("portolan-log-tail", "1")], true, "response-streaming-invocations", Some(("x-amz-log-type", "Tail"))),
    ] {
        let call = plain(json!({"streaming": streaming}));
        let sent = post(&call, given, "{}").unwrap();
        assert!(sent.path.path().ends_with(&format!("/{path}")), "{}", sent.path);
        let says: Vec<_> =
            sent.headers.keys().filter(|name| name.as_str().ends_with("-type") && *name != "content-type").collect();
        match said {
            None => assert!(says.is_empty(), "{says:?}"),
            Some((name, value)) => assert_eq!(sent.headers[name], value),
        }
    }
}

#[test]
fn what_a_function_takes() {
    let (call, safe) = (plain(json!({})), plain(json!({"safe": true})));
    const TYPE: &str = "content-type";
    let (sync, event) = (Ok(Intake::Arguments { limit: 6 << 20 }), Ok(Intake::Arguments { limit: 1 << 20 }));
    for (given, expected) in [
        (&[][..], sync),
        (&[(TYPE, "application/json; charset=utf-8")], sync),
        (&[(TYPE, "application/cloudevents+json")], sync),
        (&[("prefer", "respond-async")], event),
        (&[(TYPE, "text/plain")], Err(Reason::UnsupportedMediaType)),
        (&[(TYPE, "application/x-www-form-urlencoded")], Err(Reason::UnsupportedMediaType)),
        (&[("portolan-log-tail", "yes")], Err(Reason::InvalidArguments)),
    ] {
        assert_eq!(intake(&call, Method::POST, given), expected, "{given:?}");
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let reads = method == Method::GET || method == Method::HEAD;
        assert_eq!(intake(&call, method.clone(), &[]), Err(Reason::MethodNotAllowed));
        assert_eq!(intake(&safe, method.clone(), &[]).is_ok(), reads);
        let shaped = shaped(Some(Event::Alb), None, json!({}));
        assert_eq!(intake(&shaped, method, &[(TYPE, "image/png")]), Ok(Intake::Whole { limit: 6 << 20 }));
    }
    assert_eq!((call.allow(), safe.allow()), ("POST, OPTIONS", "GET, HEAD, POST, OPTIONS"));
}

#[test]
fn a_query_joins_the_payload() {
    let call = plain(json!({}));
    let check = |query: &str, body: &str| -> Result<Value, Reason> {
        let sent = ask(&call, &Method::POST, Some(query), &HeaderMap::new(), Content::Json(body.as_bytes()));
        match sent.map_err(|problem| problem.reason)?.body {
            OutgoingBody::Full(bytes) => Ok(serde_json::from_slice(&bytes).unwrap()),
            _ => Ok(Value::Null),
        }
    };
    assert_eq!(check("", "[1]"), Ok(Value::Null), "it goes as it is");
    assert_eq!(check("a=1&b=x+y&b=%C3%A4", ""), Ok(json!({"a": "1", "b": ["x y", "ä"]})));
    assert_eq!(check("a=1", r#"{"b": 2}"#), Ok(json!({"a": "1", "b": 2})));
    assert_eq!(check("a=1", r#"{"a": 2}"#), Err(Reason::InvalidArguments));
    assert_eq!(check("a=1", "[1]"), Err(Reason::InvalidArguments));
    assert_eq!(check("a=1", "{"), Err(Reason::MalformedBody));
    assert_eq!(check("a=%ff", ""), Err(Reason::InvalidArguments));
}

#[test]
fn a_payload_that_grows_too_long_is_refused() {
    let call = plain(json!({}));
    let body = json!({"a": "x".repeat((1 << 20) - 20)}).to_string();
    for (given, expected) in [(&[][..], None), (&[("prefer", "respond-async")], Some(Reason::BodyTooLarge))] {
        let query = format!("b={}", "y".repeat(100));
        let sent = ask(&call, &Method::POST, Some(&query), &headers(given), Content::Json(body.as_bytes()));
        assert_eq!(sent.err().map(|problem| problem.reason), expected);
    }
}

#[test]
fn time_has_room_for_a_cold_start() {
    use std::time::Duration;
    assert_eq!(plain(json!({"timeout": 3})).timeout(), Some(Duration::from_secs(13)));
    assert_eq!(plain(json!({})).timeout(), None);
    assert!(plain(json!({"streaming": true})).streams() && !plain(json!({})).streams());
}

#[test]
fn an_upstream_that_is_not_whole_cannot_be_bound() {
    let function =
        |spec: &UpstreamSpec| std::panic::catch_unwind(|| bind(json!({}), spec, &Keyring::default())).is_ok();
    assert!(function(&spec(None, None)));
    assert!(!function(&UpstreamSpec { host: None, ..spec(None, None) }));
    assert!(!function(&UpstreamSpec { aws: None, ..spec(None, None) }));
}
