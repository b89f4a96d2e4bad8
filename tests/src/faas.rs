//! Functions inside the test that take whatever is posted, behind a gateway as OpenFaaS's API documents it.

use std::net::SocketAddr;

use axum::extract::{Path, Request};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::echo::{self, Served};

/// The largest body that is taken.
const BODY: usize = 8 << 20;

/// Functions of two namespaces at `address`: each answers what it got. What is posted to any other path is answered the same.
pub async fn start_at(address: SocketAddr) -> Served {
    let router = Router::new()
        .route("/system/functions", get(functions))
        .route("/system/namespaces", get(async || Json(json!(["openfaas-fn", "dev"]))))
        .route("/async-function/{name}", post(queued))
        .fallback(received);
    echo::serve_at(address, router).await
}

async fn functions(request: Request) -> Json<Value> {
    let namespace = request.uri().query().and_then(|query| query.strip_prefix("namespace=")).unwrap_or("openfaas-fn");
    Json(json!([{"name": "figlet", "namespace": namespace, "image": "figlet", "invocationCount": 3, "replicas": 0}]))
}

async fn queued(Path(name): Path<String>) -> Response {
    (StatusCode::ACCEPTED, [("x-call-id", name)]).into_response()
}

async fn received(request: Request) -> Response {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return StatusCode::NOT_FOUND.into_response();
    }
    let body = axum::body::to_bytes(body, BODY).await.unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let got = json!({
        "target": head.uri.to_string(), "host": header("host"), "type": header("content-type"), "event": header("ce-type"),
        "body": String::from_utf8_lossy(&body),
    });
    Json(got).into_response()
}
