//! Base paths.

use serde_json::{Value, json};

use super::{Shapes, document};

fn base_path(version: &str, fields: Value, others: Value) -> Value {
    Shapes::of(&document(version, fields, others)).only()["binding"]["basePath"].clone()
}

#[test]
fn the_first_server_gives_the_path_whatever_its_host() {
    for (server, expected) in [
        (json!({ "url": "https://api.example.com/v1/" }), json!("/v1")),
        (json!({ "url": "https://api.example.com" }), json!("")),
        (json!({ "url": "//api.example.com/v2" }), json!("/v2")),
        (json!({ "url": "/" }), json!("")),
        (json!({ "url": "/api?x=1#y" }), json!("/api")),
        (json!({ "url": "v1" }), json!("/docs/v1")),
        (json!({ "url": "." }), json!("/docs")),
        (json!({ "url": "../v1" }), json!("/v1")),
        (json!({ "url": "v1.0" }), json!("/docs/v1.0")),
        (json!({ "url": "" }), Value::Null),
        (json!({ "url": "api.example.com/v3" }), json!("/v3")),
        (
            json!({ "url": "{scheme}://{host}:{port}/{version}", "variables": { "version": { "default": "v1" }, "port": { "default": 80 } } }),
            json!("/v1"),
        ),
        (json!({ "url": "{base}/x", "variables": { "base": { "default": "https://a.example/b" } } }), json!("/b/x")),
        (json!({ "url": "{Endpoint}/vision/v2" }), json!("/vision/v2")),
        (json!({ "url": "/{stage}", "variables": { "stage": { "enum": ["live", "test"] } } }), json!("/live")),
        (json!({ "url": "/a b" }), json!("/a%20b")),
    ] {
        assert_eq!(base_path("3.0.0", json!({}), json!({ "servers": [server] })), expected, "{server}");
    }
}

#[test]
fn the_nearest_servers_count() {
    let servers = |url: &str| json!({ "servers": [{ "url": url }, { "url": "/never" }] });
    assert_eq!(base_path("3.1.0", servers("/own"), servers("/root")), json!("/own"));
    assert_eq!(base_path("3.1.0", json!({ "servers": [] }), servers("/root")), json!("/root"));
    assert_eq!(base_path("3.1.0", json!({}), json!({})), Value::Null);
    let document = json!({ "openapi": "3.1.0", "servers": [{ "url": "/root" }], "paths": { "/a": { "servers": [{ "url": "/item" }], "get": {} } } });
    assert_eq!(Shapes::of(&document).only()["binding"]["basePath"], "/item");
}

#[test]
fn swagger_2_has_a_base_path() {
    for (said, expected) in [
        (json!({ "basePath": "/v1/", "host": "a.example" }), json!("/v1")),
        (json!({ "basePath": "v1" }), json!("/v1")),
        (json!({ "basePath": "/" }), json!("")),
        (json!({ "host": "a.example", "servers": [{ "url": "/wrong" }] }), Value::Null),
    ] {
        assert_eq!(base_path("2.0", json!({}), said), expected);
    }
}
