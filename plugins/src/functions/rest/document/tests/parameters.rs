//! Parameters: places, styles, defaults, what is an argument and what is not.

use serde_json::{Value, json};

use super::{Shapes, document};

/// The binding and schema of the parameter that is not the path's `id`, which is there by the template alone.
fn one(version: &str, parameter: Value) -> (Value, Value, Vec<String>) {
    let shapes = Shapes::of(&document(version, json!({ "parameters": [parameter] }), json!({})));
    let read = shapes.only();
    assert_eq!(read["binding"]["parameters"].as_array().unwrap().len(), 2, "{read}");
    (read["binding"]["parameters"][0].clone(), read["parameters"][0].clone(), shapes.complaints)
}

/// Place, name and whether it is required, of each parameter.
fn named(read: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let named = |p: &Value| [&p["in"], &p["name"], &p["required"]].map(text).join(" ");
    read["binding"]["parameters"].as_array().unwrap().iter().map(named).collect()
}

#[test]
fn defaults_depend_on_the_place() {
    for (place, style, explode) in
        [("query", "form", true), ("cookie", "form", true), ("header", "simple", false), ("QUERY", "form", true)]
    {
        let (binding, schema, complaints) =
            one("3.1.0", json!({ "name": "p", "in": place, "schema": { "type": "string" } }));
        assert_eq!(binding, json!({ "name": "p", "in": place.to_lowercase(), "style": style, "explode": explode }));
        assert_eq!(schema, json!({ "type": "string" }));
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}

#[test]
fn styles_are_read_as_said() {
    let check = |version: &str, parameter: Value, style: &str, explode: bool| {
        let (binding, ..) = one(version, parameter.clone());
        assert_eq!(
            (binding["style"].as_str(), binding["explode"].as_bool()),
            (Some(style), Some(explode)),
            "{parameter}"
        );
    };
    let query = |style: &str| json!({ "name": "p", "in": "query", "style": style, "schema": {} });
    check("3.0.0", query("deepObject"), "deepObject", true);
    check("3.0.0", query("pipeDelimited"), "pipeDelimited", false);
    check("3.0.0", query("spaceDelimited"), "spaceDelimited", false);
    check("3.0.0", json!({ "name": "p", "in": "query", "explode": false, "schema": {} }), "form", false);
    check("3.2.0", json!({ "name": "p", "in": "cookie", "style": "cookie", "schema": {} }), "cookie", true);
    for (format, style, explode) in [
        ("csv", "form", false),
        ("ssv", "spaceDelimited", false),
        ("pipes", "pipeDelimited", false),
        ("tsv", "tabDelimited", false),
        ("multi", "form", true),
    ] {
        check(
            "2.0",
            json!({ "name": "p", "in": "query", "type": "array", "collectionFormat": format }),
            style,
            explode,
        );
    }
    check("2.0", json!({ "name": "p", "in": "query", "type": "array" }), "form", false);
    check(
        "2.0",
        json!({ "name": "p", "in": "header", "type": "array", "collectionFormat": "pipes" }),
        "pipeDelimited",
        false,
    );
}

#[test]
fn a_style_that_the_place_does_not_know_is_complained_of() {
    let (binding, _, complaints) = one("3.0.0", json!({ "name": "p", "in": "header", "style": "form", "schema": {} }));
    assert_eq!(binding["style"], "simple");
    assert_eq!(complaints.len(), 1);
    assert!(complaints[0].starts_with("POST /things/{id}: the parameter p has the style \"form\""), "{complaints:?}");
}

#[test]
fn what_openapiv3_lacks_is_read_beside_it() {
    let (binding, schema, _) = one(
        "3.2.0",
        json!({ "name": "q", "in": "querystring", "content": { "application/x-www-form-urlencoded": { "schema": { "type": "object" } } } }),
    );
    assert_eq!(
        binding,
        json!({ "name": "q", "in": "querystring", "style": "form", "explode": true, "content": "application/x-www-form-urlencoded" })
    );
    assert_eq!(schema, json!({ "type": "object" }));
    let (binding, ..) = one("3.2.0", json!({ "name": "p", "in": "header", "allowReserved": true, "schema": {} }));
    assert_eq!(binding["allowReserved"], true);
}

#[test]
fn content_counts_instead_of_a_style() {
    let (binding, schema, _) = one(
        "3.0.0",
        json!({ "name": "p", "in": "query", "content": { "application/JSON; charset=utf-8": { "schema": { "type": "array" } } } }),
    );
    assert_eq!((&binding["content"], schema), (&json!("application/json"), json!({ "type": "array" })));
}

#[test]
fn what_is_left_of_swagger_2_is_read_in_3() {
    let (binding, schema, complaints) =
        one("3.0.0", json!({ "name": 7, "in": "query", "required": "true", "type": "integer", "minimum": 1 }));
    assert_eq!(binding, json!({ "name": "7", "in": "query", "style": "form", "explode": true, "required": true }));
    assert_eq!((schema, complaints), (json!({ "type": "integer", "minimum": 1 }), vec![]));
}

#[test]
fn choices_beside_an_array_are_those_of_its_items() {
    for (parameter, expected) in [
        (
            json!({ "items": { "type": "string" }, "enum": ["a"] }),
            json!({ "items": { "type": "string", "enum": ["a"] } }),
        ),
        (json!({ "enum": ["a"] }), json!({ "items": { "enum": ["a"] } })),
        (json!({ "items": { "enum": ["b"] }, "enum": ["a"] }), json!({ "items": { "enum": ["b"] }, "enum": ["a"] })),
        (json!({ "enum": [["a"]] }), json!({ "enum": [["a"]] })),
    ] {
        let (mut parameter, mut expected) = (parameter, expected);
        for (name, value) in [("name", "p"), ("in", "query"), ("type", "array")] {
            parameter[name] = json!(value);
        }
        expected["type"] = json!("array");
        assert_eq!(one("2.0", parameter).1, expected);
    }
}

#[test]
fn descriptions_go_into_schemas() {
    let (_, schema, _) = one("3.1.0", json!({ "name": "p", "in": "query", "description": "how many", "schema": true }));
    assert_eq!(schema, json!({ "description": "how many" }));
    let (_, schema, _) = one(
        "3.1.0",
        json!({ "name": "p", "in": "query", "description": "x".repeat(5000), "schema": { "type": "string" } }),
    );
    assert_eq!(schema["description"].as_str().map(str::len), Some(1024));
}

#[test]
fn those_that_are_no_arguments_are_left_out() {
    for name in ["Authorization", "accept", "CONTENT-TYPE", "Content-Length", "Host"] {
        let parameters = json!([{ "name": name, "in": "header", "schema": {} }]);
        let shapes = Shapes::of(&document("3.0.0", json!({ "parameters": parameters }), json!({})));
        assert_eq!(shapes.only()["binding"]["parameters"].as_array().map(Vec::len), Some(1), "{name}");
        assert_eq!(shapes.complaints, [""; 0]);
    }
}

#[test]
fn those_that_cannot_be_had_are_left_out_with_a_complaint() {
    for (parameter, complaint) in [
        (json!({ "in": "query", "schema": {} }), "a parameter is left out: a parameter without a name"),
        (json!({ "name": "", "in": "query" }), "a parameter is left out: a parameter without a name"),
        (
            json!({ "name": "p", "in": "head" }),
            "a parameter is left out: unknown variant `head`, expected one of `query`, `header`, `path`, `cookie`",
        ),
        (
            json!({ "$ref": "#/components/parameters/gone" }),
            "a parameter is left out: `$ref` leads nowhere: #/components/parameters/gone",
        ),
        (
            json!({ "$ref": "other.yaml#/p" }),
            "a parameter is left out: `$ref` into another document, which is not followed: other.yaml#/p",
        ),
        (
            json!({ "$ref": "#/components/parameters/self" }),
            "a parameter is left out: `$ref` leads in a circle: #/components/parameters/self",
        ),
        (json!(7), "a parameter that is no object is left out"),
        (
            json!({ "name": "other", "in": "path", "schema": {} }),
            "the path parameter other is left out: it is not in the path",
        ),
    ] {
        let components =
            json!({ "components": { "parameters": { "self": { "$ref": "#/components/parameters/self" } } } });
        let shapes = Shapes::of(&document("3.0.0", json!({ "parameters": [parameter] }), components));
        assert_eq!(shapes.complaints, [format!("POST /things/{{id}}: {complaint}")]);
        assert_eq!(shapes.only()["binding"]["parameters"][0]["name"], "id");
    }
}

#[test]
fn a_template_name_that_nobody_declares_is_a_text() {
    let shapes = Shapes::of(&document("3.0.0", json!({}), json!({})));
    let expected = json!([{ "name": "id", "in": "path", "style": "simple", "explode": false, "required": true }]);
    assert_eq!(shapes.only()["binding"]["parameters"], expected);
    assert_eq!(shapes.only()["parameters"], json!([{ "type": "string" }]));
}

/// Some documents write a query behind the path.
#[test]
fn variables_behind_the_path_are_of_the_query() {
    let parameters = json!([
        { "name": "lat", "in": "path", "required": true, "schema": { "type": "number" } },
        { "name": "lon", "in": "query", "schema": { "type": "number" } },
    ]);
    let path = "/a/{id}?lat={lat}&lon={lon}&day={day}#{x}";
    let shapes = Shapes::of(&json!({ "openapi": "3.0.0", "paths": { path: { "get": { "parameters": parameters } } } }));
    let expected = ["query lat true", "query lon null", "path id true", "query day null"];
    assert_eq!((named(shapes.only()), shapes.complaints.len()), (expected.map(String::from).to_vec(), 0));
}

#[test]
fn the_operation_replaces_what_the_path_item_declares_where_it_stands() {
    let document = json!({ "openapi": "3.0.0", "paths": { "/a": {
        "parameters": [
            { "name": "x", "in": "query", "schema": { "type": "string" } },
            { "$ref": "#/components/parameters/y" },
        ],
        "get": { "parameters": [
            { "name": "z", "in": "query", "schema": {} },
            { "name": "x", "in": "query", "required": true, "schema": { "type": "integer" } },
            { "name": "x", "in": "header", "schema": { "type": "boolean" } },
        ] },
    } }, "components": { "parameters": { "y": { "name": "y", "in": "query", "schema": { "$ref": "#/components/schemas/Y" } } }, "schemas": { "Y": { "type": "null" } } } });
    let shapes = Shapes::of(&document);
    let read = shapes.only();
    let names: Vec<_> = read["binding"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["in"].as_str(), p["name"].as_str()))
        .collect();
    assert_eq!(
        names,
        [
            (Some("query"), Some("x")),
            (Some("query"), Some("y")),
            (Some("query"), Some("z")),
            (Some("header"), Some("x"))
        ]
    );
    assert_eq!(read["binding"]["parameters"][0]["required"], true);
    assert_eq!(
        read["parameters"],
        json!([{ "type": "integer" }, { "$ref": "#/$defs/Y" }, true, { "type": "boolean" }])
    );
}

#[test]
fn api_keys_are_optional_parameters_in_their_place() {
    let schemes = json!({
        "header": { "type": "apiKey", "in": "header", "name": "X-Key" },
        "query": { "$ref": "#/components/securitySchemes/other" },
        "other": { "type": "apiKey", "in": "query", "name": "key" },
        "cookie": { "type": "apiKey", "in": "cookie", "name": "session" },
        "never": { "type": "apiKey", "in": "header", "name": "Authorization" },
        "bearer": { "type": "http", "scheme": "bearer" },
    });
    let fields = json!({
        "parameters": [{ "name": "x-key", "in": "header", "required": true, "schema": { "type": "string" } }],
        "security": [{ "header": [], "query": [] }, { "cookie": [] }, { "never": [], "bearer": [], "query": [] }],
    });
    let shapes = Shapes::of(&document("3.1.0", fields, json!({ "components": { "securitySchemes": schemes } })));
    let read = shapes.only();
    let expected = ["header x-key true", "path id true", "query key null", "cookie session null"];
    assert_eq!(named(read), expected);
    let key = json!({ "type": "string", "writeOnly": true });
    assert_eq!(read["parameters"], json!([key, { "type": "string" }, key, key]));
}

#[test]
fn the_documents_own_security_counts_where_the_operation_says_nothing() {
    let others = json!({ "securityDefinitions": { "k": { "type": "apiKey", "in": "query", "name": "key" } }, "security": [{ "k": [] }] });
    let count = |fields: Value| {
        Shapes::of(&document("2.0", fields, others.clone())).only()["parameters"].as_array().unwrap().len()
    };
    assert_eq!((count(json!({})), count(json!({ "security": [] }))), (2, 1));
}
