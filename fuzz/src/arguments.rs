//! The arguments of a call.

use std::sync::{Arc, LazyLock};

use http::{HeaderMap, Method};
use plugins::functions::rest::Rest;
use plugins::functions::rest::document::read;
use plugins::{Arguments, BoundCall, Content, OutgoingBody};
use serde_json::json;

use super::bound::bind;

/// One operation with a parameter of each place and of many styles.
static CALL: LazyLock<Arc<dyn BoundCall>> = LazyLock::new(|| {
    let parameter = |name: &str, place: &str, style: &str, schema: serde_json::Value| json!({ "name": name, "in": place, "style": style, "required": place == "path", "schema": schema });
    let list = json!({ "type": "array", "items": { "type": "string" } });
    let map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let document = json!({ "openapi": "3.1.0", "paths": { "/a/{p}/b/{m}/{l}/c": { "post": {
        "parameters": [
            parameter("p", "path", "simple", json!({ "type": "string" })),
            parameter("m", "path", "matrix", map.clone()),
            parameter("l", "path", "label", list.clone()),
            parameter("q", "query", "form", list.clone()),
            parameter("d", "query", "deepObject", map.clone()),
            parameter("s", "query", "spaceDelimited", list.clone()),
            parameter("n", "query", "form", json!({ "type": "integer", "maximum": 9 })),
            parameter("h", "header", "simple", list),
            parameter("c", "cookie", "form", json!({ "type": "string" })),
        ],
        "requestBody": { "content": {
            "application/json": { "schema": map },
            "application/x-www-form-urlencoded": { "schema": map },
            "multipart/form-data": { "schema": map },
        } },
    } } } });
    let location = "http://127.0.0.1/openapi.json".parse().expect("a URL");
    let description = read(document.to_string().as_bytes(), &location).expect("it is a document");
    bind(&Rest, &description.functions[0], &description).expect("it can be called")
});

/// Calls an operation with these bytes: a query string up to the first line feed, then JSON. The request must be the same again, and
/// nothing in an argument ends the place where it is written.
pub fn arguments(bytes: &[u8]) {
    let (query, body) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[][..]),
    };
    let Ok(query) = str::from_utf8(query) else { return };
    let headers = HeaderMap::new();
    let content = if body.is_empty() { Content::None } else { Content::Json(body) };
    let given = Arguments { method: &Method::POST, query: Some(query), headers: &headers, content, unchecked: false };
    let Ok(mut outgoing) = CALL.request(given) else { return };
    let mut again = CALL.request(given).expect("it was taken before");
    let path = outgoing.path.path().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    assert!(matches!(parts[..], ["", "a", _, "b", _, _, "c"]), "{path} has other parts than its template");
    assert!(parts.iter().all(|part| !matches!(*part, "." | "..")), "{path} climbs");
    for one in [&mut outgoing, &mut again] {
        // Each form has a boundary of its own.
        one.headers.remove(http::header::CONTENT_TYPE);
    }
    assert_eq!((outgoing.path, outgoing.headers), (again.path, again.headers));
    if let (OutgoingBody::Full(one), OutgoingBody::Full(two)) = (&outgoing.body, &again.body) {
        assert_eq!(one.len(), two.len());
    }
}
