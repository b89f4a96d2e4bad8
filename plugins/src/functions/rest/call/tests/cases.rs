//! Runs the case files.
//!
//! A file is a list of groups: an `operation` (with `schema`s), its `definitions`, the upstream's `spec`, and `cases`. A case gives
//! `query`, `json`, `headers` (a list is several lines), `raw` (a body that comes as it is) and `method` (`POST` where it gives `json`
//! or `raw`, else `GET` where the operation is safe). It expects `path`, and `headers`, `body` (text), `json` or `parts` of a form; or
//! `problem` and the pointers of its `faults`.

use catalog::model::UpstreamSpec;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fixture::Fixture;
use crate::call::{BoundCall, Content, Intake, Outgoing, OutgoingBody};
use crate::problem::Problem;

const FILES: [(&str, &str); 6] = [
    ("paths", include_str!("../cases/paths.json")),
    ("queries", include_str!("../cases/queries.json")),
    ("headers", include_str!("../cases/headers.json")),
    ("names", include_str!("../cases/names.json")),
    ("bodies", include_str!("../cases/bodies.json")),
    ("coercion", include_str!("../cases/coercion.json")),
];

/// The fewest cases that there are.
const CASES: usize = 80;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    operation: Value,
    #[serde(default)]
    definitions: Value,
    #[serde(default)]
    spec: UpstreamSpec,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    method: Option<String>,
    query: Option<String>,
    #[serde(default, deserialize_with = "given")]
    json: Option<Value>,
    #[serde(default)]
    headers: Map<String, Value>,
    raw: Option<String>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    method: Option<String>,
    path: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<String>,
    #[serde(default, deserialize_with = "given")]
    json: Option<Value>,
    parts: Option<Vec<String>>,
    problem: Option<String>,
    faults: Option<Vec<String>>,
}

/// A null that is there is a value.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

#[test]
fn every_case_binds_as_it_says() {
    let mut count = 0;
    let mut failures = Vec::new();
    for (file, text) in FILES {
        let groups: Vec<Group> = serde_json::from_str(text).unwrap_or_else(|e| panic!("{file}: {e}"));
        for group in groups {
            let fixture = Fixture::new(&group.operation, &group.definitions, &group.spec);
            for case in &group.cases {
                count += 1;
                if let Err(why) = check(&fixture, case) {
                    failures.push(format!("{file}: {}: {why}", case.name));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= CASES, "only {count} cases");
}

fn check(fixture: &Fixture, case: &Case) -> Result<(), String> {
    match (run(fixture, case), &case.expect.problem) {
        (Ok(outgoing), None) => matches(&outgoing, &case.expect),
        (Ok(outgoing), Some(_)) => Err(format!("went through as {outgoing:?}")),
        (Err(problem), None) => Err(format!("{problem} {:?}", problem.faults)),
        (Err(problem), Some(expected)) => {
            let pointers: Vec<&str> = problem.faults.iter().map(|fault| &*fault.pointer).collect();
            let faults = case.expect.faults.as_ref().is_none_or(|expected| *expected == pointers);
            let headers = case.expect.headers.iter().all(|(name, value)| {
                problem
                    .headers
                    .iter()
                    .any(|(n, v)| n.as_str() == name.to_lowercase() && Some(v.to_str().unwrap()) == value.as_str())
            });
            let fine = problem.reason.row().name == expected && faults && headers;
            fine.then_some(()).ok_or_else(|| format!("{problem:?}"))
        }
    }
}

fn run(fixture: &Fixture, case: &Case) -> Result<Outgoing, Problem> {
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        for line in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            headers.append(header(name), value_of(line));
        }
    }
    let method = match &case.method {
        Some(name) => name.parse().unwrap(),
        None if case.json.is_some() || case.raw.is_some() || !fixture.call.safe => Method::POST,
        None => Method::GET,
    };
    let json = case.json.as_ref().map(Value::to_string);
    if json.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let has_body = json.as_ref().or(case.raw.as_ref()).is_some_and(|body| !body.is_empty());
    let content = match fixture.call.intake(&method, &headers, has_body)? {
        Intake::None => Content::None,
        Intake::Arguments { .. } => {
            Content::Json(json.as_deref().or(case.raw.as_deref()).unwrap_or_default().as_bytes())
        }
        Intake::Stream => Content::Stream,
        Intake::Map | Intake::Whole { .. } => unreachable!(),
    };
    fixture.request(&method, case.query.as_deref(), &headers, content)
}

fn header(name: &str) -> HeaderName {
    name.parse().unwrap()
}

fn value_of(value: &Value) -> HeaderValue {
    HeaderValue::from_str(value.as_str().unwrap()).unwrap()
}

fn matches(outgoing: &Outgoing, expect: &Expect) -> Result<(), String> {
    let same = |what: &str, is: &str, expected: &str| {
        if is == expected { Ok(()) } else { Err(format!("{what} is\n  {is}, not\n  {expected}")) }
    };
    if let Some(path) = &expect.path {
        same("path", outgoing.path.as_str(), path)?;
    }
    if let Some(method) = &expect.method {
        same("method", outgoing.method.as_str(), method)?;
    }
    for (name, expected) in &expect.headers {
        let is = outgoing.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        same(name, is.as_deref().unwrap_or("absent"), expected.as_str().unwrap_or("absent"))?;
    }
    let body = match &outgoing.body {
        OutgoingBody::Full(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        OutgoingBody::Stream => Some("(stream)".to_owned()),
        _ => None,
    };
    if let Some(parts) = &expect.parts {
        return same(
            "parts",
            &format!("{:#?}", split(outgoing, body.as_deref().unwrap_or_default())?),
            &format!("{parts:#?}"),
        );
    }
    match (&expect.json, &expect.body, body) {
        (Some(json), _, Some(body)) => {
            let body: Value = serde_json::from_str(&body).map_err(|e| format!("{e}: {body}"))?;
            same("body", &body.to_string(), &json.to_string())
        }
        (None, Some(text), Some(body)) => same("body", &body, text),
        (None, None, None) => Ok(()),
        (_, _, body) => Err(format!("body is {body:?}")),
    }
}

/// The parts of a form, each as its head and content.
fn split(outgoing: &Outgoing, body: &str) -> Result<Vec<String>, String> {
    let media = outgoing.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let boundary = media.split_once("boundary=").ok_or_else(|| format!("no boundary in {media}"))?.1;
    let body = body.strip_suffix(&format!("--{boundary}--\r\n")).ok_or("no end")?;
    let separator = format!("--{boundary}\r\n");
    let parts = body.split(&separator).skip(1);
    Ok(parts.map(|part| part.strip_suffix("\r\n").unwrap_or(part).replace("\r\n", "|")).collect())
}
