//! Schemas of every version in 2020-12.

use serde_json::{Value, json};

use super::{Shapes, document};

/// `schema` as a body's, and what was complained of.
fn converted(version: &str, schema: &Value) -> (Value, Vec<String>) {
    let body = json!({ "content": { "application/json": { "schema": schema } } });
    let fields = match version {
        "2.0" => json!({ "parameters": [{ "in": "body", "name": "b", "schema": schema }] }),
        _ => json!({ "requestBody": body }),
    };
    let shapes = Shapes::of(&document(
        version,
        fields,
        json!({
            "definitions": { "Pet": { "type": "object" } },
            "components": { "schemas": { "Pet": { "type": "object" } } },
        }),
    ));
    (shapes.only()["bodies"][0].clone(), shapes.complaints)
}

#[test]
fn keywords_of_older_versions_and_of_authors_in_a_hurry() {
    let pet = "#/components/schemas/Pet";
    for (given, expected) in [
        // nullable
        (json!({ "type": "string", "nullable": true }), json!({ "type": ["null", "string"] })),
        (
            json!({ "type": "string", "nullable": true, "enum": ["a"] }),
            json!({ "type": ["null", "string"], "enum": ["a", null] }),
        ),
        (json!({ "type": "string", "nullable": false }), json!({ "type": "string" })),
        (json!({ "type": "string", "x-nullable": true }), json!({ "type": ["null", "string"] })),
        (json!({ "nullable": true, "title": "any" }), json!({ "title": "any" })),
        (
            json!({ "nullable": true, "title": "t", "allOf": [{ "$ref": pet }] }),
            json!({ "title": "t", "anyOf": [{ "allOf": [{ "$ref": "#/$defs/Pet" }] }, { "type": "null" }] }),
        ),
        (json!({ "$ref": pet, "nullable": true }), json!({ "anyOf": [{ "$ref": "#/$defs/Pet" }, { "type": "null" }] })),
        // limits
        (
            json!({ "minimum": 1, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": false }),
            json!({ "exclusiveMinimum": 1, "maximum": 5 }),
        ),
        (json!({ "minimum": "1", "maxLength": 2.5, "multipleOf": 0, "minItems": 3 }), json!({ "minItems": 3 })),
        // types
        (json!({ "type": "file" }), json!({ "type": "string", "format": "binary" })),
        (json!({ "type": "Feature", "properties": { "a": {} } }), json!({ "properties": { "a": true } })),
        (json!({ "type": ["string", "null"] }), json!({ "type": ["null", "string"] })),
        (
            json!({ "type": "string", "contentMediaType": "image/png" }),
            json!({ "type": "string", "contentMediaType": "image/png", "format": "binary" }),
        ),
        (json!({ "items": [{ "type": "string" }, true] }), json!({ "prefixItems": [{ "type": "string" }, true] })),
        // what only people and generators read, and what nobody understands
        (
            json!({ "example": 1, "examples": [], "xml": {}, "discriminator": {}, "externalDocs": {}, "x-own": 1, "$comment": "", "$id": "x" }),
            json!(true),
        ),
        (
            json!({ "required": true, "enum": [], "allOf": [], "properties": [], "additionalProperties": "string" }),
            json!(true),
        ),
        (
            json!({ "required": ["a", "a", 7], "title": 7, "default": null, "const": {} }),
            json!({ "required": ["a"], "default": null, "const": {} }),
        ),
        (json!({ "enum": [1, 1], "pattern": "\\p{all}" }), json!({ "enum": [1, 1], "pattern": "\\p{all}" })),
        (json!(["no", "schema"]), json!(true)),
        (json!(false), json!(false)),
        // names that look like keywords
        (
            json!({ "properties": { "$ref": { "type": "string" }, "nullable": { "type": "integer" }, "example": {} } }),
            json!({ "properties": { "$ref": { "type": "string" }, "nullable": { "type": "integer" }, "example": true } }),
        ),
        (
            json!({ "default": { "$ref": "#/x", "nullable": true } }),
            json!({ "default": { "$ref": "#/x", "nullable": true } }),
        ),
        // schemas within schemas
        (
            json!({ "additionalProperties": { "nullable": true, "type": "string" }, "not": { "type": "file" } }),
            json!({ "additionalProperties": { "type": ["null", "string"] }, "not": { "type": "string", "format": "binary" } }),
        ),
    ] {
        let (made, complaints) = converted("3.0.3", &given);
        assert_eq!((made, complaints), (expected, vec![]), "{given}");
    }
}

#[test]
fn what_stands_beside_a_ref_counts_since_3_1() {
    let given = |at: &str| json!({ "$ref": format!("#/{at}/Pet"), "minProperties": 1, "description": "d" });
    assert_eq!(converted("2.0", &given("definitions")).0, json!({ "$ref": "#/$defs/Pet" }));
    assert_eq!(converted("3.0.0", &given("components/schemas")).0, json!({ "$ref": "#/$defs/Pet" }));
    let expected = json!({ "$ref": "#/$defs/Pet", "minProperties": 1, "description": "d" });
    assert_eq!(converted("3.1.0", &given("components/schemas")).0, expected);
    assert_eq!(converted("3.2.0", &given("components/schemas")).0, expected);
}

#[test]
fn references_that_lead_nowhere_take_any_value() {
    for (target, complaint) in [
        ("#/components/schemas/Gone", "`$ref` leads nowhere: #/components/schemas/Gone"),
        ("#anchor", "`$ref` leads nowhere: #anchor"),
        ("Pet", "`$ref` into another document, which is not followed: Pet"),
        (
            "https://elsewhere.example/a.json#/Pet",
            "`$ref` into another document, which is not followed: https://elsewhere.example/a.json#/Pet",
        ),
    ] {
        let (made, complaints) = converted("3.1.0", &json!({ "$ref": target }));
        assert_eq!(made, json!(true));
        assert_eq!(complaints, [format!("POST /things/{{id}}: any value is taken where a {complaint}")]);
    }
}

#[test]
fn references_may_name_the_document_itself() {
    for target in [
        "openapi.json#/components/schemas/Pet",
        "http://upstream.example/docs/openapi.json#/components/schemas/Pet",
        "#/components/schemas/P%65t",
    ] {
        assert_eq!(
            converted("3.1.0", &json!({ "$ref": target })),
            (json!({ "$ref": "#/$defs/Pet" }), vec![]),
            "{target}"
        );
    }
}

/// The definitions that are made for schemas that are referred to.
#[test]
fn definitions_keep_their_names_where_they_can() {
    let names = json!({
        "Plain.Name-1_x": { "type": "string" },
        "List«Pet»": { "type": "array", "items": { "$ref": "#/components/schemas/a~1b" } },
        "a/b": { "properties": { "c": { "type": "integer" } } },
        "Unreached": {},
    });
    let fields = json!({
        "parameters": [
            { "name": "a", "in": "query", "schema": { "$ref": "#/components/schemas/Plain.Name-1_x" } },
            { "name": "b", "in": "query", "schema": { "$ref": "#/components/schemas/List%C2%ABPet%C2%BB" } },
            { "name": "c", "in": "query", "schema": { "$ref": "#/components/schemas/a~1b/properties/c" } },
            { "name": "d", "in": "query", "schema": { "$ref": "#/paths/~1things~1{id}/post/parameters/0/schema" } },
        ],
    });
    let shapes = Shapes::of(&document("3.1.0", fields, json!({ "components": { "schemas": names } })));
    assert_eq!(shapes.complaints, [""; 0]);
    insta::assert_json_snapshot!(json!({ "schemas": shapes.only()["parameters"], "definitions": shapes.definitions }));
}

#[test]
fn recursive_schemas_refer_to_themselves() {
    let schemas = json!({
        "Node": { "type": "object", "properties": { "next": { "$ref": "#/components/schemas/Node" }, "leaf": { "$ref": "#/components/schemas/Leaf" } } },
        "Leaf": { "type": "array", "items": { "$ref": "#/components/schemas/Node" } },
        "Loop": { "$ref": "#/components/schemas/Loop" },
    });
    let fields = json!({ "parameters": [
        { "name": "a", "in": "query", "schema": { "$ref": "#/components/schemas/Node" } },
        { "name": "b", "in": "query", "schema": { "$ref": "#/components/schemas/Loop" } },
    ] });
    let shapes = Shapes::of(&document("3.1.0", fields, json!({ "components": { "schemas": schemas } })));
    assert_eq!(shapes.definitions["Node"]["properties"]["next"], json!({ "$ref": "#/$defs/Node" }));
    assert_eq!(shapes.definitions["Leaf"], json!({ "type": "array", "items": { "$ref": "#/$defs/Node" } }));
    assert_eq!(shapes.definitions["Loop"], json!({ "$ref": "#/$defs/Loop" }));
}

/// `readOnly` does not go in, `writeOnly` not out, and neither is required there, however the object is composed.
#[test]
fn properties_go_in_their_direction_only() {
    let schemas = json!({
        "Base": { "type": "object", "properties": { "id": { "$ref": "#/components/schemas/Id" }, "name": {} }, "required": ["id", "name"] },
        "Id": { "type": "string", "readOnly": true },
        "User": {
            "allOf": [{ "$ref": "#/components/schemas/Base" }, { "properties": { "secret": { "writeOnly": true } }, "required": ["secret"] }],
            "required": ["id", "secret", "name"],
        },
        "Same": { "type": "object", "properties": { "colour": {} } },
        "Holder": { "properties": { "user": { "$ref": "#/components/schemas/User" }, "same": { "$ref": "#/components/schemas/Same" } } },
    });
    let content = json!({ "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Holder" } } } });
    let fields = json!({ "requestBody": content, "responses": { "200": content } });
    let shapes = Shapes::of(&document("3.0.0", fields, json!({ "components": { "schemas": schemas } })));
    assert_eq!(shapes.only()["bodies"][0], json!({ "$ref": "#/$defs/Holder" }));
    assert_eq!(shapes.only()["output"], json!({ "$ref": "#/$defs/Holder-output" }));
    insta::assert_json_snapshot!(shapes.definitions);
}
