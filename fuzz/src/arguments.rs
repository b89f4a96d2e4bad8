//! The arguments of a call.

use std::sync::{Arc, LazyLock};

use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, Method};
use plugins::functions::rest::Rest;
use plugins::functions::rest::document::read;
use plugins::{Arguments, BoundCall, Caller, Content, OutgoingBody};
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
    let given = Arguments {
        method: &Method::POST,
        query: Some(query),
        headers: &headers,
        content,
        unchecked: false,
        caller: Caller::default(),
    };
    let Ok(mut outgoing) = CALL.request(given) else { return };
    let mut again = CALL.request(given).expect("it was taken before");
    keeps_to_the_path(outgoing.path.path());
    keeps_to_the_query(outgoing.path.query());
    keeps_to_the_cookie(text(&outgoing.headers, &COOKIE));
    if let OutgoingBody::Full(body) = &outgoing.body {
        keeps_to_the_body(body, text(&outgoing.headers, &CONTENT_TYPE));
    }
    for one in [&mut outgoing, &mut again] {
        // Each form has a boundary of its own.
        one.headers.remove(CONTENT_TYPE);
    }
    assert_eq!((outgoing.path, outgoing.headers), (again.path, again.headers));
    if let (OutgoingBody::Full(one), OutgoingBody::Full(two)) = (&outgoing.body, &again.body) {
        assert_eq!(one.len(), two.len());
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn keeps_to_the_path(path: &str) {
    let parts: Vec<&str> = path.split('/').collect();
    assert!(matches!(parts[..], ["", "a", _, "b", _, _, "c"]), "{path} has other parts than its template");
    assert!(parts.iter().all(|part| !matches!(*part, "." | "..")), "{path} climbs");
}

fn keeps_to_the_query(query: Option<&str>) {
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        let name = pair.split('=').next().unwrap_or_default();
        let is_field = ["d[", "d%5B"].iter().any(|begin| name.starts_with(begin)) && name.ends_with([']', 'D']);
        assert!(matches!(name, "q" | "s" | "n") || is_field, "{pair} is no parameter of the operation");
        assert!(!pair.contains(['#', ' ']), "{pair} ends the query");
    }
}

fn keeps_to_the_cookie(cookie: &str) {
    let pairs = cookie.split("; ").filter(|_| !cookie.is_empty());
    assert!(pairs.clone().count() <= 1, "{cookie} has more pairs than the operation has parameters");
    pairs.for_each(|pair| {
        assert!(pair.starts_with("c=") && !pair.contains(';'), "{pair} is no cookie of the operation")
    });
}

fn keeps_to_the_body(body: &[u8], media: &str) {
    if let Some(boundary) = media.strip_prefix("multipart/form-data; boundary=") {
        let body = format!("\r\n{}", String::from_utf8_lossy(body));
        let line = format!("\r\n--{boundary}");
        let mut parts = body.split(&line).skip(1).peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                assert_eq!(part, "--\r\n", "the end");
                break;
            }
            let (head, _) = part.split_once("\r\n\r\n").expect("a part has a head");
            assert!(head.starts_with("\r\nContent-Disposition: form-data; name=\"") && head.ends_with('"'), "{head}");
            assert_eq!(
                (head.matches("\r\n").count(), head.matches('"').count()),
                (1, 2),
                "{head} says more than a name"
            );
        }
    } else if media.starts_with("application/x-www-form-urlencoded") {
        let body = str::from_utf8(body).expect("a form is text");
        for pair in body.split('&').filter(|_| !body.is_empty()) {
            assert_eq!(pair.matches('=').count(), 1, "{pair} is not one field");
            assert!(!pair.contains(['#', ' ', '\r', '\n', ';']), "{pair} is not encoded");
        }
    } else {
        assert_eq!(media, "application/json");
        serde_json::from_slice::<serde_json::Value>(body).expect("it is JSON");
    }
}
