//! What a hostile document may cost.

use std::fmt::Write;

use serde_json::json;

use super::{DocumentError, read, read_text};

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = String::from("openapi: 3.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert!(matches!(read_text(&bomb), Err(DocumentError::Syntax(_))));
}

#[test]
fn deep_yaml_is_refused_and_deep_json_costs_its_operation() {
    let deep = "[".repeat(100_000);
    assert!(matches!(read_text(&format!("openapi: 3.0.0\na: {deep}")), Err(DocumentError::Syntax(_))));
    let schema = "{\"not\":".repeat(100_000) + "{}" + &"}".repeat(100_000);
    let document = format!(
        r#"{{"openapi":"3.0.0","paths":{{"/a":{{"get":{{"requestBody":{{"content":{{"a/b":{{"schema":{schema}}}}}}}}}}},"/b":{{"get":{{}}}}}}}}"#
    );
    let description = read_text(&document).unwrap();
    assert_eq!(description.functions.len(), 2);
    assert_eq!(
        description.complaints,
        ["GET /a: any JSON is taken for the body: recursion limit exceeded at line 1 column 893"]
    );
}

/// A small document in which many operations refer to one large piece would become a large one.
#[test]
fn what_is_referred_to_again_and_again_is_paid_for() {
    let values: Vec<String> = (0..40_000).map(|number| format!("value number {number}")).collect();
    let large = json!({ "name": "p", "in": "query", "schema": { "enum": values } });
    let operation = json!({ "parameters": [{ "$ref": "#/components/parameters/large" }] });
    let paths: serde_json::Map<_, _> =
        (0..200).map(|number| (format!("/{number}"), json!({ "get": operation }))).collect();
    let description =
        read(&json!({ "openapi": "3.0.0", "paths": paths, "components": { "parameters": { "large": large } } }));
    assert!(description.functions.len() < 100, "{}", description.functions.len());
    assert_eq!(description.complaints.len(), super::super::MAX_COMPLAINTS);
    assert!(
        description.complaints[0].ends_with("the document refers to its own parts too often"),
        "{:?}",
        description.complaints[0]
    );
}

#[test]
fn pointers_do_not_go_on_for_ever() {
    let pointer = format!("#{}", "/a".repeat(100_000));
    let document = json!({ "openapi": "3.0.0", "paths": { "/a": { "get": { "parameters": [{ "$ref": pointer }] } } } });
    assert_eq!(read(&document).functions.len(), 1);
}

/// Chains of definitions are not followed on the stack, and settled once.
#[test]
fn long_chains_of_definitions_are_read() {
    let schema = |number: u32| {
        let next = json!({ "$ref": format!("#/components/schemas/S{}", number + 1) });
        json!({ "allOf": [next, { "required": ["id"] }], "properties": { format!("p{number}"): { "readOnly": number.is_multiple_of(2) } } })
    };
    let schemas: serde_json::Map<_, _> = (0..3000).map(|number| (format!("S{number}"), schema(number))).collect();
    let body = json!({ "content": { "application/json": { "schema": { "$ref": "#/components/schemas/S0" } } } });
    let description = read(&json!({
        "openapi": "3.0.0",
        "paths": { "/a": { "post": { "requestBody": body, "responses": { "200": body } } } },
        "components": { "schemas": schemas },
    }));
    assert_eq!(description.functions.len(), 1);
    // The last one has nothing that differs, and refers to nothing.
    assert_eq!(description.definitions.len(), 2 * 2999 + 1);
    let complaint = "schema S2999: any value is taken where a `$ref` leads nowhere: #/components/schemas/S3000";
    assert_eq!(description.complaints, [complaint]);
}

/// Each function of a shared body has all of its names.
#[test]
fn names_that_many_functions_have_are_paid_for() {
    let properties: serde_json::Map<_, _> = (0..4000).map(|number| (format!("p{number}"), json!({}))).collect();
    let body = json!({ "$ref": "#/components/requestBodies/shared" });
    let paths: serde_json::Map<_, _> =
        (0..50).map(|number| (format!("/{number}"), json!({ "post": { "requestBody": body } }))).collect();
    let description = read(&json!({ "openapi": "3.0.0", "paths": paths, "components": {
        "requestBodies": { "shared": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Large" } } } } },
        "schemas": { "Large": { "properties": properties } },
    } }));
    assert!((1..25).contains(&description.functions.len()), "{}", description.functions.len());
    assert!(description.complaints[0].ends_with("left out: the document refers to its own parts too often"));
}
