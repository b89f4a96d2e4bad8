//! What comes back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::problem::Reason;

#[test]
fn an_answer_is_the_functions() {
    let call = plain(json!({}));
    let got = answer(&call, 200, &[("x-amzn-requestid", "a"), ("content-type", "text/odd")], "[1]").unwrap();
    assert_eq!(
        (got.status().as_u16(), &got.headers()["content-type"], &got.body()[..]),
        (200, &"application/json".parse().unwrap(), &b"[1]"[..])
    );
    let got = answer(&call, 202, &[], "").unwrap();
    assert_eq!((got.status().as_u16(), got.headers()["preference-applied"].to_str().unwrap()), (202, "respond-async"));
    assert_eq!(answer(&call, 204, &[], "").unwrap().status(), 204);
    let log = STANDARD.encode("START\nhello\nEND");
    let got = answer(&call, 200, &[("x-amz-log-result", &log)], "1").unwrap();
    assert_eq!((got.headers()["portolan-log"].to_str().unwrap(), got.headers().get("x-amz-log-result")), (&*log, None));
}

#[test]
fn a_function_that_failed_says_so_itself() {
    let error = json!({"errorType": "ValueError", "errorMessage": "no", "stackTrace": ["a"]});
    let given = [("x-amz-function-error", "Unhandled"), ("x-amz-log-result", "aGVsbG8=")];
    for call in
        [plain(json!({})), shaped(None, Some(Event::ApiGatewayV2), json!({})), plain(json!({"streaming": true}))]
    {
        let problem = answer(&call, 200, &given, &error.to_string()).unwrap_err();
        assert_eq!(problem.reason, Reason::FunctionFailed);
        let body: Value = serde_json::from_slice(problem.answer(&Default::default()).body()).unwrap();
        assert_eq!((&body["error"], &body["log"], &body["status"]), (&error, &json!("hello"), &json!(502)));
    }
    let long = "x".repeat(1 << 20);
    let problem = answer(&plain(json!({})), 200, &[("x-amz-function-error", "Handled")], &long).unwrap_err();
    assert_eq!(problem.members, [("error", Value::from(&long[..64 << 10]))], "no more than is read");
}

#[test]
fn a_refusal_is_a_problem() {
    for call in [plain(json!({})), plain(json!({"streaming": true})), shaped(None, Some(Event::Alb), json!({}))] {
        let problem = answer(&call, 403, &[("x-amzn-errortype", "AccessDeniedException")], "{}").unwrap_err();
        assert_eq!(problem.reason, Reason::CredentialsRefused);
        assert!(problem.detail.contains("lambda:InvokeFunction"), "{problem}");
    }
}

/// One answer of a function, and what the caller gets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    shapes: Vec<Event>,
    /// The payload as JSON, or its text where it is none.
    payload: Value,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    /// Words of the problem instead.
    #[serde(default)]
    malformed: Option<String>,
}

#[test]
fn shaped_answers_are_unwrapped() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../cases/replies.json")).unwrap();
    for case in cases {
        for shape in &case.shapes {
            let what = format!("{} as {shape:?}", case.name);
            let call = shaped(None, Some(*shape), json!({}));
            let payload = case.text.clone().unwrap_or_else(|| case.payload.to_string());
            let given = [("content-type", "application/json"), ("x-amzn-requestid", "aws")];
            match (answer(&call, 200, &given, &payload), &case.malformed) {
                (Ok(got), None) => {
                    let headers: Vec<_> = got
                        .headers()
                        .iter()
                        .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
                        .collect();
                    assert_eq!((got.status().as_u16(), headers), (case.status, case.headers.clone()), "{what}");
                    assert_eq!(String::from_utf8_lossy(got.body()), case.body, "{what}");
                }
                (Err(problem), Some(why)) => {
                    assert_eq!(problem.reason, Reason::BadAnswer, "{what}");
                    assert!(problem.detail.contains(why), "{what}: {}", problem.detail);
                }
                (got, _) => panic!("{what}: {got:?}"),
            }
        }
    }
}

#[test]
fn the_log_outlives_unwrapping() {
    let call = shaped(None, Some(Event::Alb), json!({}));
    let got = answer(
        &call,
        200,
        &[("x-amz-log-result", "aGVsbG8=")],
        r#"{"statusCode": 200, "headers": {"portolan-log": "forged"}}"#,
    );
    assert_eq!(got.unwrap().headers()["portolan-log"], "aGVsbG8=");
}
