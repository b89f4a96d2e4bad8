//! What holds beside the tables: validation's settings, credentials, schemas that are wrong.

use catalog::model::{Hints, UpstreamSpec, Validation};
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::call::{Arguments, BoundCall, Caller, Content, Fit, Intake};
use crate::functions::rest::call::Call;

fn order(validation: Option<Validation>) -> Fixture {
    let operation = json!({
        "method": "GET", "path": "/orders/{id}",
        "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 3 } }],
    });
    let spec = UpstreamSpec { hints: Hints { validation, ..Hints::default() }, ..UpstreamSpec::default() };
    Fixture::new(&operation, &json!({}), &spec)
}

#[test]
fn validation_refuses_reports_or_looks_away() {
    let long = json!({ "id": "long" });
    assert!(order(None).post(&long).is_err());
    assert!(order(Some(Validation::Enforce)).post(&long).is_err());
    assert_eq!(order(Some(Validation::Report)).post(&long).unwrap().fit, Fit::Unfit);
    assert_eq!(order(Some(Validation::Report)).post(&json!({ "id": "x" })).unwrap().fit, Fit::Fits);
    assert_eq!(order(Some(Validation::Off)).post(&long).unwrap().fit, Fit::Unasked);
}

#[test]
fn what_cannot_be_written_is_refused_whatever_validation_says() {
    for validation in [Validation::Report, Validation::Off] {
        let order = order(Some(validation));
        for arguments in
            [json!({}), json!({ "id": ".." }), json!({ "id": "" }), json!({ "id": null }), json!({ "id": "a", "x": 1 })]
        {
            assert!(order.post(&arguments).is_err(), "{validation:?} {arguments}");
        }
    }
}

#[test]
fn what_is_required_can_be_left_out_where_nothing_is_enforced() {
    let string = json!({ "type": "string" });
    let operation = json!({
        "method": "POST", "path": "/a",
        "parameters": [
            { "name": "q", "in": "query", "required": true, "schema": string },
            { "name": "X-H", "in": "header", "required": true, "schema": string },
            { "name": "c", "in": "cookie", "required": true, "schema": string },
        ],
        "body": { "required": true, "types": [{ "type": "application/json", "schema": {
            "type": "object", "required": ["n"], "properties": { "n": string, "m": string },
        } }] },
    });
    for (validation, expected) in
        [(Validation::Enforce, None), (Validation::Report, Some(Fit::Unfit)), (Validation::Off, Some(Fit::Unasked))]
    {
        let spec = UpstreamSpec {
            hints: Hints { validation: Some(validation), ..Hints::default() },
            ..UpstreamSpec::default()
        };
        let fixture = Fixture::new(&operation, &json!({}), &spec);
        for arguments in [json!({}), json!({ "m": "x" })] {
            let fit = fixture.post(&arguments).ok().map(|outgoing| outgoing.fit);
            assert_eq!(fit, expected, "{validation:?} {arguments}");
        }
    }
}

#[test]
fn a_cookie_stays_one_whatever_validation_says() {
    let operation = json!({
        "method": "GET", "path": "/a",
        "parameters": [{ "name": "c", "in": "cookie", "style": "cookie", "schema": {} }],
    });
    let spec = UpstreamSpec {
        hints: Hints { validation: Some(Validation::Off), ..Hints::default() },
        ..UpstreamSpec::default()
    };
    let fixture = Fixture::new(&operation, &json!({}), &spec);
    for value in [json!("a;b=c"), json!(["a", "b;c"]), json!({ "a;b": 1 }), json!("a\r\nb")] {
        assert!(fixture.post(&json!({ "c": value })).is_err(), "{value}");
    }
}

#[test]
fn a_segment_names_no_other_resource_whatever_validation_says() {
    let operation = json!({
        "method": "GET", "path": "/a/{p}/b",
        "parameters": [{ "name": "p", "in": "path", "style": "label", "explode": true, "schema": {} }],
    });
    let spec = UpstreamSpec {
        hints: Hints { validation: Some(Validation::Off), ..Hints::default() },
        ..UpstreamSpec::default()
    };
    let fixture = Fixture::new(&operation, &json!({}), &spec);
    for value in [json!(["", ""]), json!([null, "", ""]), json!([]), json!({ "x": null })] {
        assert!(fixture.post(&json!({ "p": value })).is_err(), "{value}");
    }
    assert_eq!(fixture.post(&json!({ "p": ["a", "."] })).unwrap().path, "/a/.a../b");
}

#[test]
fn large_input_passes_unchecked() {
    let order = order(None);
    let headers = HeaderMap::new();
    let content = Content::Json(br#"{"id":"long"}"#);
    let outgoing = order.call.request(Arguments {
        method: &Method::POST,
        query: None,
        headers: &headers,
        content,
        unchecked: true,
        caller: Caller::default(),
    });
    assert_eq!(outgoing.unwrap().fit, Fit::Unchecked);
}

#[test]
fn a_costly_schema_can_be_called() {
    let next = |level: usize| json!({ "$ref": format!("#/properties/$query/properties/q/$defs/L{level}") });
    let level = |level: usize| (format!("L{level}"), json!({ "oneOf": [next(level + 1), next(level + 1)] }));
    let levels: serde_json::Map<String, Value> = (0..30).map(level).chain([("L30".into(), json!(true))]).collect();
    let call = bind(json!({ "$defs": levels, "oneOf": [{ "type": "null" }, next(0)] })).unwrap();
    let (headers, method) = (HeaderMap::new(), Method::POST);
    let content = Content::Json(br#"{"q":"x"}"#);
    let arguments = Arguments {
        method: &method,
        query: None,
        headers: &headers,
        content,
        unchecked: false,
        caller: Caller::default(),
    };
    assert_eq!(call.request(arguments).unwrap().fit, Fit::Unchecked);
}

#[test]
fn no_more_is_collected_than_is_taken() {
    let limit = |fixture: Fixture| {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json".parse().unwrap())]);
        match fixture.call.intake(&Method::POST, &headers, true).unwrap() {
            Intake::Arguments { limit } => limit,
            other => panic!("{other:?}"),
        }
    };
    let body = json!({ "method": "POST", "path": "/a", "body": { "types": [{ "type": "application/json" }] } });
    assert_eq!(limit(Fixture::new(&body, &json!({}), &UpstreamSpec::default())), 8 << 20);
    assert_eq!(limit(order(None)), 256 << 10);
}

#[test]
fn credentials_are_marked() {
    let key = json!({ "type": "string", "writeOnly": true });
    let operation = json!({
        "method": "GET", "path": "/a/{k}",
        "parameters": [
            { "name": "q", "in": "query", "schema": { "type": "string" } },
            { "name": "api_key", "in": "query", "schema": key },
            { "name": "k", "in": "path", "required": true, "schema": key },
            { "name": "X-Key", "in": "header", "schema": key },
            { "name": "X-Open", "in": "header", "schema": { "type": "string" } },
            { "name": "sid", "in": "cookie", "schema": { "type": "string" } },
        ],
    });
    let fixture = Fixture::new(&operation, &json!({}), &UpstreamSpec::default());
    let arguments = json!({ "q": "a", "api_key": "s1", "k": "s2", "X-Key": "s3", "X-Open": "o", "sid": "s4" });
    let outgoing = fixture.post(&arguments).unwrap();
    assert_eq!(outgoing.path.as_str(), "/a/s2?q=a&api_key=s1");
    assert_eq!(outgoing.shown_path(), "/a/***?q=a&api_key=***");
    assert!(outgoing.headers["x-key"].is_sensitive());
    assert!(!outgoing.headers["x-open"].is_sensitive());
    assert_eq!(fixture.call.secret_headers(), ["x-key"]);
    assert!(outgoing.headers[header::COOKIE].is_sensitive());
}

#[test]
fn faults_repeat_no_value() {
    let operation = json!({
        "method": "GET", "path": "/a",
        "parameters": [{ "name": "key", "in": "query", "schema": { "type": "string", "maxLength": 3, "pattern": "^a+$", "enum": ["aa"] } }],
    });
    let problem =
        Fixture::new(&operation, &json!({}), &UpstreamSpec::default()).post(&json!({ "key": "s3cret" })).unwrap_err();
    assert_eq!(problem.faults.len(), 3);
    assert!(!format!("{problem:?}").contains("s3cret"), "{problem:?}");
}

#[test]
fn a_name_that_is_too_long_is_not_repeated() {
    let name = "ä".repeat(1 << 20);
    for problem in
        [order(None).post(&json!({ "id": "a", &name: 1 })), order(None).post(&json!({ "$path": { &name: 1 } }))]
    {
        let problem = problem.unwrap_err();
        let said = problem.detail.len() + problem.faults.iter().map(|fault| fault.pointer.len()).sum::<usize>();
        assert!(said < 5000, "{said}");
    }
}

fn bind(schema: Value) -> Result<Call, String> {
    let operation = json!({ "method": "GET", "path": "/a", "parameters": [{ "name": "q", "in": "query", "style": "form", "explode": true }] });
    let input = json!({
        "type": "object",
        "properties": {
            "$query": { "type": "object", "properties": { "q": schema } },
            "q": { "$ref": "#/properties/$query/properties/q" },
        },
    });
    Call::new(serde_json::from_value(operation).unwrap(), &input, &UpstreamSpec::default())
}

#[test]
fn a_schema_elsewhere_is_never_fetched() {
    for reference in ["http://127.0.0.1:1/schema.json", "file:///etc/passwd", "other.json", "#/$defs/Missing"] {
        assert!(bind(json!({ "$ref": reference })).is_err(), "{reference}");
    }
}

#[test]
fn an_authors_mistake_costs_itself_only() {
    let refuses = |schema: Value, value: Value| {
        let call = bind(schema.clone()).unwrap_or_else(|e| panic!("{schema}: {e}"));
        let body = json!({ "q": value }).to_string();
        let headers = HeaderMap::new();
        let content = Content::Json(body.as_bytes());
        call.request(Arguments {
            method: &Method::POST,
            query: None,
            headers: &headers,
            content,
            unchecked: false,
            caller: Caller::default(),
        })
        .is_err()
    };
    for schema in [
        json!({ "type": "integer", "pattern": "(" }),
        json!({ "type": "integer", "patternProperties": { "[": false } }),
        json!({ "type": "integer", "required": true }),
        json!({ "type": "integer", "minimum": "1", "maxLength": -1, "allOf": [] }),
        json!({ "type": "integer", "pattern": "\\p{Foo}", "required": ["a", "a"] }),
    ] {
        assert!(refuses(schema.clone(), json!("x")), "{schema}");
        assert!(!refuses(schema.clone(), json!(1)), "{schema}");
    }
}

#[test]
fn a_pattern_that_backtracks_has_a_limit() {
    let call = bind(json!({ "type": "string", "pattern": "^(?=(a+)+$)(?:(a|aa)+)+\\2$" })).unwrap();
    let body = json!({ "q": "a".repeat(5000) + "b" }).to_string();
    let headers = HeaderMap::new();
    let begin = std::time::Instant::now();
    let content = Content::Json(body.as_bytes());
    let result = call.request(Arguments {
        method: &Method::POST,
        query: None,
        headers: &headers,
        content,
        unchecked: false,
        caller: Caller::default(),
    });
    assert!(result.is_err());
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

#[test]
fn the_ordinary_case_is_readable() {
    let operation = json!({
        "method": "PUT", "path": "/users/{id}",
        "parameters": [
            { "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } },
            { "name": "notify", "in": "query", "schema": { "type": "boolean" } },
        ],
        "body": { "required": true, "types": [{ "type": "application/json", "schema": { "$ref": "#/$defs/User" } }] },
    });
    let user = json!({
        "type": "object",
        "required": ["id", "name"],
        "properties": { "id": { "type": "integer" }, "name": {} },
        "additionalProperties": false,
    });
    let definitions = json!({ "User": user });
    let expected = json!({
        "type": "object",
        "properties": {
            "$path": { "type": "object", "properties": { "id": { "type": "integer" } }, "additionalProperties": false },
            "$query": { "type": "object", "properties": { "notify": { "type": "boolean" } }, "additionalProperties": false },
            "$header": { "type": "object", "properties": { "Content-Type": { "type": "string", "enum": ["application/json"] } }, "additionalProperties": false },
            "$body": { "$ref": "#/$defs/User" },
            "body": { "$ref": "#/properties/$body" },
            "id": { "allOf": [{ "$ref": "#/properties/$path/properties/id" }, { "$ref": "#/$defs/User/properties/id" }] },
            "name": { "$ref": "#/$defs/User/properties/name" },
            "notify": { "$ref": "#/properties/$query/properties/notify" },
        },
        "additionalProperties": false,
        "if": { "anyOf": [
            { "required": ["$path"] }, { "required": ["$query"] }, { "required": ["$header"] },
            { "required": ["$body"] }, { "required": ["body"] },
        ] },
        "then": { "allOf": [
            { "anyOf": [{ "required": ["id"] }, { "required": ["$path"], "properties": { "$path": { "required": ["id"] } } }] },
            { "anyOf": [{ "required": ["id"] }, { "required": ["$body"] }, { "required": ["body"] }] },
            { "anyOf": [{ "required": ["name"] }, { "required": ["$body"] }, { "required": ["body"] }] },
        ] },
        "else": { "required": ["id", "name"] },
        "$defs": definitions,
    });
    assert_eq!(Fixture::new(&operation, &definitions, &UpstreamSpec::default()).input, expected);
}
