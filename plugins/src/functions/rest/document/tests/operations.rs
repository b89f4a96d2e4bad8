//! Which operations there are, and what they are called.

use serde_json::{Value, json};

use super::{DocumentError, read, read_text};

/// `paths` written as text, since their order counts.
fn origins(version: &str, paths: &str) -> (Vec<String>, Vec<String>) {
    let key = if version == "2.0" { "swagger" } else { "openapi" };
    let description = read_text(&format!(
        r#"{{"{key}":"{version}","paths":{paths},"components":{{"pathItems":{{"shared":{{"delete":{{}}}}}}}}}}"#
    ))
    .unwrap();
    (description.functions.into_iter().map(|function| function.origin).collect(), description.complaints)
}

fn check(version: &str, paths: &str, expected: Vec<&str>, complaints: &[&str]) {
    let (origins, said) = origins(version, paths);
    assert_eq!(
        (origins, said.iter().map(String::as_str).collect::<Vec<_>>()),
        (expected.into_iter().map(String::from).collect(), complaints.to_vec()),
        "{paths}"
    );
}

#[test]
fn functions_are_the_operations_in_the_documents_order() {
    let none: [&str; 0] = [];
    for (version, paths, expected, complaints) in [
        (
            "3.0.0",
            r#"{"/z":{"put":{},"get":{}},"/a":{"post":{}}}"#,
            vec!["PUT /z", "GET /z", "POST /a"],
            none.as_slice(),
        ),
        (
            "3.1.0",
            r#"{"/a":{"trace":{},"query":{},"x-get":{},"GET":{},"summary":"s","parameters":[]},"x-more":{"get":{}}}"#,
            vec!["TRACE /a"],
            &none,
        ),
        ("2.0", r#"{"/a":{"trace":{},"patch":{}}}"#, vec!["PATCH /a"], &none),
        (
            "3.2.0",
            r#"{"/a":{"query":{},"additionalOperations":{"COPY":{},"lock":{}}}}"#,
            vec!["QUERY /a", "COPY /a", "lock /a"],
            &none,
        ),
        (
            "3.2.0",
            r#"{"/a":{"additionalOperations":{"POST":{},"A B":{}}}}"#,
            vec![],
            &["/a: \"POST\" left out: it has a field of its own", "/a: \"A B\" left out: no HTTP method"],
        ),
    ] {
        check(version, paths, expected, complaints);
    }
}

#[test]
fn a_path_that_is_a_reference_or_wrong_costs_itself_only() {
    let none: &[&str] = &[];
    for (version, paths, expected, complaints) in [
        (
            "3.1.0",
            r##"{"/a":{"get":{},"$ref":"#/components/pathItems/shared"},"/b":{"$ref":"#/paths/~1a"}}"##,
            vec!["GET /a", "DELETE /a", "GET /b", "DELETE /b"],
            none,
        ),
        (
            "3.1.0",
            r##"{"/a":{"delete":{},"$ref":"#/components/pathItems/shared"}}"##,
            vec!["DELETE /a"],
            &["/a: a second DELETE left out"],
        ),
        (
            "3.1.0",
            r##"{"/a":{"$ref":"#/paths/~1a"}}"##,
            vec![],
            &["/a: left out: `$ref` leads in a circle: #/paths/~1a"],
        ),
        (
            "3.0.0",
            r#"{"/a":{"$ref":"items/a.yaml"},"/b":{"get":{}}}"#,
            vec!["GET /b"],
            &["/a: left out: `$ref` into another document, which is not followed: items/a.yaml"],
        ),
        (
            "3.0.0",
            r#"{"a":{"get":{}},"/b":7,"/c":{"get":null,"put":{"$ref":"x"},"post":{}}}"#,
            vec!["POST /c"],
            &[
                "a: left out: a path begins with `/`",
                "/b: left out: no object where one has to be",
                "GET /c: left out: no object where one has to be",
                "PUT /c: left out: an operation cannot be a reference",
            ],
        ),
        (
            "3.0.0",
            r#"{"/a":{"get":{"summary":"1"}},"/b":{"get":{}},"/a":{"get":{"summary":"2"}}}"#,
            vec!["GET /a", "GET /b"],
            none,
        ),
        ("3.0.0", "[]", vec![], &["paths: no object where one has to be"]),
    ] {
        check(version, paths, expected, complaints);
    }
}

#[test]
fn webhooks_and_callbacks_are_no_functions() {
    let description = read(&json!({
        "openapi": "3.1.0",
        "webhooks": { "happened": { "post": {} } },
        "paths": { "/a": { "get": { "callbacks": { "done": { "{$url}": { "post": {} } } } } } },
    }));
    assert_eq!(description.functions.len(), 1);
    assert!(read(&json!({ "openapi": "3.1.0", "webhooks": { "happened": { "post": {} } } })).functions.is_empty());
}

#[test]
fn names() {
    for (operation, expected) in [
        (json!({ "operationId": "List all /things" }), "List all /things"),
        (json!({ "operationId": 7 }), "7"),
        (json!({ "operationId": "" }), "get-things-id-parts-"),
        (json!({ "operationId": null }), "get-things-id-parts-"),
        (json!({}), "get-things-id-parts-"),
    ] {
        let description =
            read(&json!({ "openapi": "3.0.0", "paths": { "/Things/{id}/parts_{ü}": { "get": operation } } }));
        assert_eq!(description.functions[0].name, expected);
    }
}

#[test]
fn texts_tags_and_marks() {
    let one = |operation: Value| {
        let description =
            read(&json!({ "openapi": "3.0.0", "paths": { "/a": { "summary": "of the item", "head": operation } } }));
        description.functions.into_iter().next().unwrap()
    };
    let function = one(json!({ "summary": "s", "description": "d", "deprecated": true, "tags": ["a", 1, {}] }));
    assert_eq!((function.summary.as_deref(), function.description.as_deref()), (Some("s"), Some("d")));
    assert_eq!((function.deprecated, function.safe, function.tags), (true, true, vec!["a".to_owned(), "1".to_owned()]));
    let function = one(json!({ "description": {}, "tags": "pets", "deprecated": "yes" }));
    assert_eq!(
        (function.summary.as_deref(), function.description, function.deprecated),
        (Some("of the item"), None, false)
    );
    assert_eq!(function.tags, ["pets"]);
    assert!(!read(&json!({ "openapi": "3.2.0", "paths": { "/a": { "query": {} } } })).functions[0].safe);
}

#[test]
fn versions() {
    for (head, expected) in [
        (r#""openapi":"3.0.4""#, None),
        (r#""openapi":"3.0""#, None),
        (r#""openapi":3.1"#, None),
        (r#""openapi":"3.9.0""#, None),
        (r#""swagger":"2.0""#, None),
        (r#""swagger":2"#, None),
        (r#""openapi":"4.0.0""#, Some("4.0.0")),
        (r#""swagger":"1.2""#, Some("1.2")),
        (r#""swaggerVersion":"1.2""#, Some("1.2")),
    ] {
        let refused = match read_text(&format!("{{{head}}}")) {
            Ok(_) => None,
            Err(DocumentError::Version(version)) => Some(version),
            Err(other) => panic!("{head}: {other}"),
        };
        assert_eq!(refused.as_deref(), expected, "{head}");
    }
}
