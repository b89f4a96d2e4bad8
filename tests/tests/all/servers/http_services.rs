//! The HTTP services: FastAPI, flask-restx, Prism, and the echo.

use harness::echo::{Echo, Received};
use harness::{http, prism, process, python};
use serde_json::json;
use tokio::net::TcpStream;

#[tokio::test]
async fn fastapi_answers_and_stops() {
    let service = python::fastapi().await;
    assert_eq!(service.get("/openapi.json").await["openapi"], "3.1.0");
    assert_eq!(service.get("/ships/7").await["name"], "Argo");
    let error = http::get(&service.url("/ships/100")).await.unwrap_err();
    assert_eq!(error, r#"404 Not Found: {"detail":"no ship 100"}"#);

    let address = service.address();
    drop(service);
    assert!(TcpStream::connect(address).await.is_err(), "it still listens");
}

#[tokio::test]
async fn swagger2_answers() {
    let service = python::swagger2().await;
    let document = service.get("/swagger.json").await;
    assert_eq!((&document["swagger"], &document["basePath"]), (&json!("2.0"), &json!("/shop/v2")));
    let understood = service.get("/shop/v2/things?tag=a,b&size=small&size=large&limit=3").await;
    let wanted = json!({"tag": ["a", "b"], "size": ["small", "large"], "limit": 3, "X-Trace": null});
    assert_eq!(understood, wanted);
    let orders = service.get("/shop/v2/orders/me/quay/4").await;
    assert_eq!(orders[0]["where"], "quay/4");
}

#[tokio::test]
async fn prism_answers_what_the_document_has_and_refuses_what_it_has_not() {
    let folder = process::folder("document");
    let document = folder.path().join("openapi.json");
    let operation = json!({
        "parameters": [{"name": "n", "in": "query", "required": true, "schema": {"type": "integer"}}],
        "responses": {"200": {
            "description": "Doubled",
            "content": {"application/json": {"schema": {"type": "object"}, "example": {"doubled": 4}}},
        }},
    });
    let text = json!({
        "openapi": "3.0.3",
        "info": {"title": "Doubling", "version": "1"},
        "paths": {"/double": {"get": operation}},
    });
    std::fs::write(&document, text.to_string()).unwrap();

    let service = prism::mock(&document).await;
    assert_eq!(service.get("/double?n=2").await, json!({"doubled": 4}));
    let error = http::get(&service.url("/double?n=two")).await.unwrap_err();
    assert!(error.starts_with("422") && error.contains("must be integer"), "{error}");
}

#[tokio::test]
async fn echo_answers_what_it_got() {
    let echo = Echo::start().await;
    let request = http::client().put(echo.url("/a%2Fb//c?x=%20&x=2&")).header("X-One", "1").body("žluť");
    let answer: Received = serde_json::from_value(http::send(request).await.unwrap()).unwrap();
    assert_eq!((answer.method.as_str(), answer.target.as_str()), ("PUT", "/a%2Fb//c?x=%20&x=2&"));
    assert_eq!((answer.header("x-one"), answer.text.as_deref()), (vec!["1"], Some("žluť")));
    assert_eq!(answer.body, "xb5sdcWl");
    assert_eq!(echo.seen(), [answer]);
}
