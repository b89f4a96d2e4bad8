//! Bodies: media types, encodings, forms of Swagger 2.0, what bare arguments may fill; and answers.

use serde_json::{Value, json};

use super::{Shapes, document};

fn body(version: &str, fields: Value) -> (Value, Value, Vec<String>) {
    let shapes = Shapes::of(&document(
        version,
        fields,
        json!({
            "consumes": ["application/vnd.own+json"],
            "components": { "requestBodies": { "named": { "content": { "text/plain": {} } } }, "schemas": {
                "Base": { "type": "object", "properties": { "a": {}, "id": { "readOnly": true } }, "additionalProperties": false },
                "Self": { "allOf": [{ "$ref": "#/components/schemas/Self" }, { "properties": { "b": {} } }] },
            } },
        }),
    ));
    (shapes.only()["binding"]["body"].clone(), shapes.only()["bodies"].clone(), shapes.complaints)
}

#[test]
fn media_types_keep_their_order_and_lose_their_parameters() {
    let content = json!({ "z/z": {}, "Application/JSON; charset=utf-8": { "schema": { "type": "integer" } }, "application/json": {}, "a/a": {}, "": {} });
    // A JSON text, since `json!` sorts.
    let text = r#"{"openapi":"3.0.0","paths":{"/":{"put":{"requestBody":{"content":{"z/z":{},"Application/JSON; charset=utf-8":{"schema":{"type":"integer"}},"application/json":{},"a/a":{},"":{}}}}}}}"#;
    assert_eq!(content.as_object().unwrap().len(), 5);
    let description = super::read_text(text).unwrap();
    let expected = json!({ "types": [{ "type": "z/z" }, { "type": "application/json" }, { "type": "a/a" }] });
    assert_eq!(description.functions[0].binding["body"], expected);
    assert_eq!(description.complaints, ["PUT /: \"\" is no media type and left out"]);
}

#[test]
fn request_bodies() {
    let json_of = |schema: Value| json!({ "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } } });
    let types = json!([{ "type": "application/json" }]);
    for (fields, expected) in [
        (json!({}), Value::Null),
        (json!({ "requestBody": {} }), Value::Null),
        (
            json!({ "requestBody": { "$ref": "#/components/requestBodies/named" } }),
            json!({ "types": [{ "type": "text/plain" }] }),
        ),
        (json!({ "requestBody": { "$ref": "other.json" } }), json!({ "types": types, "open": true })),
        (json_of(json!({})), json!({ "required": true, "types": types, "open": true })),
        (json_of(json!({ "type": "array", "items": {} })), json!({ "required": true, "types": types })),
        (
            json_of(json!({ "type": "object", "properties": { "b": {}, "a": { "type": "string" } } })),
            json!({ "required": true, "types": types, "properties": ["a", "b"], "open": true }),
        ),
        (
            json_of(json!({ "allOf": [{ "$ref": "#/components/schemas/Base" }, { "properties": { "b": {} } }] })),
            json!({ "required": true, "types": types, "properties": ["a", "b"] }),
        ),
        (
            json_of(
                json!({ "oneOf": [{ "$ref": "#/components/schemas/Base" }, { "properties": { "c": {} } }, { "type": "string" }] }),
            ),
            json!({ "required": true, "types": types, "properties": ["a", "c"], "open": true }),
        ),
        (
            json_of(json!({ "$ref": "#/components/schemas/Self" })),
            json!({ "required": true, "types": types, "properties": ["b"], "open": true }),
        ),
    ] {
        assert_eq!(body("3.0.3", fields.clone()).0, expected, "{fields}");
    }
}

#[test]
fn json_decides_what_bare_arguments_fill() {
    let content = json!({
        "a/a": { "schema": { "properties": { "wrong": {} } } },
        "application/problem+json": { "schema": { "properties": { "right": {} } } },
    });
    assert_eq!(body("3.0.0", json!({ "requestBody": { "content": content } })).0["properties"], json!(["right"]));
    let content = json!({ "application/xml": { "schema": { "properties": { "wrong": {} } } } });
    assert_eq!(body("3.0.0", json!({ "requestBody": { "content": content } })).0["properties"], Value::Null);
}

#[test]
fn encodings() {
    let content = json!({ "multipart/form-data": { "encoding": {
        "a": { "contentType": "image/png", "headers": { "X": { "schema": {} } } },
        "b": { "style": "pipeDelimited", "explode": false, "allowReserved": true },
        "c": {},
        "d": { "style": "matrix" },
    } } });
    let (body, _, complaints) = body("3.0.0", json!({ "requestBody": { "content": content } }));
    let expected = json!({ "a": { "contentType": "image/png" }, "b": { "style": "pipeDelimited", "explode": false, "allowReserved": true } });
    assert_eq!(body["types"][0]["encoding"], expected);
    assert!(complaints[0].contains("the encoding of d is not understood: unknown variant `matrix`"), "{complaints:?}");
}

#[test]
fn swagger_2_bodies() {
    let fields = |parameters: Value| json!({ "parameters": parameters });
    let (whole, schemas, _) =
        body("2.0", fields(json!([{ "name": "b", "in": "body", "required": true, "schema": { "type": "string" } }])));
    assert_eq!(whole, json!({ "required": true, "types": [{ "type": "application/vnd.own+json" }] }));
    assert_eq!(schemas, json!([{ "type": "string" }]));

    let (form, schemas, _) = body(
        "2.0",
        fields(json!([
            { "name": "tags", "in": "formData", "type": "array", "items": { "type": "string" }, "collectionFormat": "multi" },
            { "name": "rows", "in": "formData", "type": "array", "collectionFormat": "tsv" },
            { "name": "n", "in": "formData", "type": "integer", "required": true, "description": "how many" },
        ])),
    );
    let encoding =
        json!({ "rows": { "style": "tabDelimited", "explode": false }, "tags": { "style": "form", "explode": true } });
    let types = json!([{ "type": "application/x-www-form-urlencoded", "encoding": encoding }]);
    assert_eq!(form, json!({ "required": true, "types": types, "properties": ["n", "rows", "tags"], "open": true }));
    assert_eq!(schemas[0]["required"], json!(["n"]));
    assert_eq!(schemas[0]["properties"]["n"], json!({ "type": "integer", "description": "how many" }));

    let (file, schemas, _) = body("2.0", fields(json!([{ "name": "f", "in": "formData", "type": "file" }])));
    assert_eq!(file["types"], json!([{ "type": "multipart/form-data" }]));
    assert_eq!(schemas[0]["properties"]["f"], json!({ "type": "string", "format": "binary" }));

    let (left, ..) = body("3.0.0", fields(json!([{ "name": "b", "in": "body", "schema": {} }])));
    assert_eq!(left["types"], json!([{ "type": "application/vnd.own+json" }]));
}

#[test]
fn answers() {
    let check = |version: &str, fields: Value, expected: Value| {
        let others = json!({ "components": { "responses": { "named": { "content": { "application/json": { "schema": { "type": "null" } } } } } } });
        let shapes = Shapes::of(&document(version, fields.clone(), others));
        assert_eq!(shapes.only()["output"], expected, "{fields}");
    };
    let json_of = |schema: Value| json!({ "content": { "application/json": { "schema": schema } } });
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "number" }));
    check("3.0.0", json!({}), Value::Null);
    check(
        "3.0.0",
        json!({ "responses": { "default": json_of(number.clone()), "201": json_of(text.clone()) } }),
        text.clone(),
    );
    check(
        "3.0.0",
        json!({ "responses": { "default": json_of(number.clone()), "404": json_of(text.clone()) } }),
        number.clone(),
    );
    check("3.0.0", json!({ "responses": { "default": json_of(number.clone()), "204": {} } }), Value::Null);
    check(
        "3.0.0",
        json!({ "responses": { "200": { "content": { "text/csv": {} } }, "2XX": json_of(text.clone()) } }),
        text.clone(),
    );
    check(
        "3.0.0",
        json!({ "responses": { "200": { "$ref": "#/components/responses/named" } } }),
        json!({ "type": "null" }),
    );
    check("3.0.0", json!({ "responses": { "200": { "content": { "*/*": { "schema": text } } } } }), text.clone());
    check("3.0.0", json!({ "responses": { "200": null } }), Value::Null);
    check("2.0", json!({ "responses": { "200": { "schema": text } } }), text.clone());
    check("2.0", json!({ "produces": ["text/csv"], "responses": { "200": { "schema": text } } }), Value::Null);
}
