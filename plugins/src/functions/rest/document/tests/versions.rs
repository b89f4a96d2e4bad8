//! One small document of each version, in JSON and in YAML.

use serde_json::{Value, json};

use super::{Shapes, location, read};

/// A snapshot of what is read of `yaml`; what its JSON says is the same.
fn check(name: &str, yaml: &str) {
    let text = crate::functions::rest::document::yaml::to_json(yaml).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let shapes = Shapes::of(&document);
    let of_json = read(&document);
    let of_yaml = crate::functions::rest::document::read(yaml.as_bytes(), &location()).unwrap();
    let functions = |description: &catalog::model::Description| -> Vec<Value> {
        let mut functions: Vec<_> = description.functions.iter().collect();
        // `document` has its paths sorted.
        functions.sort_by(|a, b| a.origin.cmp(&b.origin));
        let shown = functions.iter().map(|f| {
            json!({
                "origin": f.origin, "name": f.name, "summary": f.summary, "description": f.description,
                "deprecated": f.deprecated, "safe": f.safe, "tags": f.tags, "shape": shapes.of[&f.origin],
            })
        });
        shown.collect()
    };
    assert_eq!(functions(&of_json), functions(&of_yaml));
    assert_eq!(of_json.definitions, of_yaml.definitions);
    assert_eq!(of_json.complaints, [""; 0]);
    insta::assert_json_snapshot!(name, json!({ "functions": functions(&of_yaml), "definitions": of_yaml.definitions }));
}

#[test]
fn swagger_2_0() {
    check(
        "swagger-2.0",
        r##"
swagger: "2.0"
info: { title: Harbours, version: 1.0 }
host: harbours.example
basePath: /v2
consumes: [application/json]
produces: [application/json]
securityDefinitions:
  key: { type: apiKey, in: header, name: X-Key }
security: [{ key: [] }]
parameters:
  limit: { name: limit, in: query, type: integer, format: int32, maximum: 100, exclusiveMaximum: true }
paths:
  /harbours:
    get:
      operationId: listHarbours
      summary: All harbours
      tags: [harbours]
      parameters:
        - $ref: "#/parameters/limit"
        - { name: flags, in: query, type: array, items: { type: string }, collectionFormat: pipes }
      responses:
        200: { description: ok, schema: { type: array, items: { $ref: "#/definitions/Harbour" } } }
    post:
      operationId: addHarbour
      parameters:
        - { name: harbour, in: body, required: true, schema: { $ref: "#/definitions/Harbour" } }
      responses:
        201: { description: ok, schema: { $ref: "#/definitions/Harbour" } }
  /harbours/{id}/chart:
    put:
      deprecated: yes
      description: Replaces the chart.
      consumes: [multipart/form-data]
      parameters:
        - { name: id, in: path, required: true, type: string }
        - { name: chart, in: formData, type: file, required: true }
        - { name: scale, in: formData, type: number }
      responses: { 204: { description: done } }
definitions:
  Harbour:
    type: object
    required: [id, name]
    properties:
      id: { type: string, readOnly: true }
      name: { type: string }
      depth: { type: number, x-nullable: true }
      near: { type: array, items: { $ref: "#/definitions/Harbour" } }
"##,
    );
}

#[test]
fn openapi_3_0() {
    check(
        "openapi-3.0",
        r##"
openapi: 3.0.3
info: { title: Harbours, version: 1.0.0 }
servers: [{ url: "https://{region}.harbours.example/{version}", variables: { region: { default: eu }, version: { default: v3 } } }]
paths:
  /harbours/{id}:
    parameters:
      - { name: id, in: path, required: true, style: label, schema: { type: integer } }
    get:
      operationId: findHarbour
      parameters:
        - { name: where, in: query, style: deepObject, schema: { type: object, properties: { north: { type: number } } } }
        - { name: session, in: cookie, schema: { type: string } }
        - { name: Accept, in: header, schema: { type: string } }
      responses:
        "200": { $ref: "#/components/responses/Harbour" }
    patch:
      requestBody:
        required: true
        content:
          application/merge-patch+json: { schema: { $ref: "#/components/schemas/Harbour" } }
          application/x-www-form-urlencoded:
            schema: { type: object, properties: { tags: { type: array, items: { type: string } } } }
            encoding: { tags: { style: spaceDelimited } }
      responses: { default: { $ref: "#/components/responses/Harbour" } }
components:
  responses:
    Harbour: { description: one, content: { application/json: { schema: { $ref: "#/components/schemas/Harbour" } } } }
  schemas:
    Harbour:
      type: object
      properties:
        name: { type: string, nullable: true, example: Genoa }
        owner: { allOf: [{ $ref: "#/components/schemas/Owner" }], nullable: true }
    Owner: { type: object, discriminator: { propertyName: kind }, properties: { kind: { type: string } } }
"##,
    );
}

#[test]
fn openapi_3_1() {
    check(
        "openapi-3.1",
        r##"
openapi: 3.1.1
info: { title: Harbours, version: 1.0.0 }
paths:
  /harbours: { $ref: "#/components/pathItems/Harbours" }
webhooks:
  arrived: { post: { responses: {} } }
components:
  pathItems:
    Harbours:
      summary: All of them
      post:
        operationId: addHarbour
        security: [{ key: [] }]
        requestBody: { content: { multipart/form-data: { schema: { $ref: "#/components/schemas/Upload" } } } }
        responses: { "2XX": { content: { application/json: { schema: { type: [string, "null"], const: null } } } } }
  schemas:
    Upload:
      type: object
      properties:
        picture: { type: string, contentMediaType: image/png }
        place: { $ref: "#/components/schemas/Place", description: where it is }
      unevaluatedProperties: false
    Place: { type: array, prefixItems: [{ type: number }, { type: number }], items: false }
  securitySchemes:
    key: { type: apiKey, in: query, name: key }
"##,
    );
}

#[test]
fn openapi_3_2() {
    check(
        "openapi-3.2",
        r##"
openapi: 3.2.0
$self: https://harbours.example/api
info: { title: Harbours, version: 1.0.0 }
paths:
  /harbours:
    query:
      operationId: askHarbours
      parameters:
        - { name: q, in: querystring, content: { application/x-www-form-urlencoded: { schema: { type: object } } } }
        - { name: session, in: cookie, style: cookie, schema: { type: string } }
      requestBody: { content: { application/json: { $ref: "#/components/mediaTypes/Question" } } }
      responses: { "200": { content: { application/json: { schema: { $ref: "api#/components/schemas/Answer" } } } } }
    additionalOperations:
      COPY: { operationId: copyHarbours, responses: { "204": {} } }
components:
  mediaTypes:
    Question: { schema: { type: object, properties: { text: { type: string } }, required: [text] } }
  schemas:
    Answer: { type: object, properties: { lines: { type: array, items: { type: string } } } }
"##,
    );
}
