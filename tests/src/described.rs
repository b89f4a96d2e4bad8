//! A service inside the test that describes itself by a document which can be exchanged.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::echo::{self, Served};

/// Answers `GET /openapi.json` with its document, and every other path with its own name and the path asked for.
pub struct Described {
    served: Served,
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    document: Mutex<Value>,
    asked: Mutex<u64>,
}

impl Described {
    /// Starts on a free port of loopback.
    pub async fn start(name: &str, document: Value) -> Described {
        Self::start_at(([127, 0, 0, 1], 0).into(), name, document).await
    }

    /// Starts at an address.
    pub async fn start_at(address: SocketAddr, name: &str, document: Value) -> Described {
        let inner = Inner { name: name.to_owned(), document: Mutex::new(document), asked: Mutex::new(0) };
        let inner = Arc::new(inner);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        Described { served: echo::serve_at(address, router).await, inner }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.served.address
    }

    /// Its URL with a path.
    pub fn url(&self, path: &str) -> String {
        self.served.url(path)
    }

    /// Exchanges the document.
    pub fn describe(&self, document: Value) {
        *self.inner.document.lock().unwrap_or_else(PoisonError::into_inner) = document;
    }

    /// How often the document was asked for.
    pub fn asked(&self) -> u64 {
        *self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    if request.uri().path() == "/openapi.json" {
        *inner.asked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        return Json(inner.document.lock().unwrap_or_else(PoisonError::into_inner).clone()).into_response();
    }
    Json(json!({"service": inner.name, "path": request.uri().path()})).into_response()
}

/// A document with an operation `GET /{name}` for each of these names.
pub fn document(names: &[&str]) -> Value {
    let item = |name: &&str| {
        let responses = json!({"200": {"description": "Who answered"}});
        (format!("/{name}"), json!({"get": {"operationId": name, "responses": responses}}))
    };
    let paths: Map<String, Value> = names.iter().map(item).collect();
    json!({"openapi": "3.1.0", "info": {"title": "Described", "version": "1"}, "paths": paths})
}

/// An `Upstream` resource with static hosts, as a file has it.
pub fn resource(name: &str, hosts: &[SocketAddr]) -> String {
    let host = |host: &SocketAddr| json!({"addr": host.ip().to_string(), "port": host.port()});
    let hosts: Vec<Value> = hosts.iter().map(host).collect();
    let resource = json!({
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "metadata": {"name": name, "namespace": "gloo-system"},
        "spec": {"static": {"hosts": hosts}},
    });
    // JSON is YAML too.
    format!("{resource:#}\n")
}
