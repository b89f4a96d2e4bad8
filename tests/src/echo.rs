//! A server inside the test that answers what it got, and remembers it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The largest body that is taken.
const BODY: usize = 64 << 20;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query, undecoded.
    pub target: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Names in lower case, in the order in which they came; one that came twice stands where it came first.
    pub headers: Vec<(String, String)>,
    /// The body in base64.
    pub body: String,
    /// The body, where it is UTF-8.
    pub text: Option<String>,
}

impl Received {
    /// All values of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// Answers every request with 200 and its own [`Received`] as JSON; HTTP/1.1, and HTTP/2 with prior
/// knowledge.
pub struct Echo {
    server: Served,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Echo {
    /// Starts on a free port.
    pub async fn start() -> Echo {
        let seen = Arc::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        Echo { server: serve(router).await, seen }
    }

    /// The same, but for the document that it answers at every path that ends in `/openapi.json`.
    pub async fn described(document: String) -> Echo {
        let seen: Arc<Mutex<Vec<Received>>> = Arc::default();
        let state = Arc::clone(&seen);
        let router = Router::new().fallback(async move |request: Request| {
            match request.uri().path().ends_with("/openapi.json") {
                true => ([("content-type", "application/json")], document).into_response(),
                false => answer(State(state), request).await.into_response(),
            }
        });
        Echo { server: serve(router).await, seen }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Its URL with a path.
    pub fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Received> {
        locked(&self.seen).clone()
    }
}

/// A router of a test's own, listening; it stops when this is dropped.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Served {
    /// Its URL with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Serves a router on a free port of loopback.
pub async fn serve(router: Router) -> Served {
    serve_at(([127, 0, 0, 1], 0).into(), router).await
}

/// Serves a router at an address; the port 0 is a free one.
pub async fn serve_at(address: SocketAddr, router: Router) -> Served {
    let listener = TcpListener::bind(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    let address = listener.local_addr().expect("a bound listener has an address");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        axum::serve(listener, router).await.expect("axum's server does not fail");
    });
    Served { address, _tasks: tasks }
}

async fn answer(State(seen): State<Arc<Mutex<Vec<Received>>>>, request: Request) -> Json<Received> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY).await.unwrap_or_default();
    let value = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let received = Received {
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or_else(|| "*".to_owned(), ToString::to_string),
        version: format!("{:?}", head.version),
        headers: head.headers.iter().map(|(name, text)| (name.to_string(), value(text))).collect(),
        body: STANDARD.encode(&body),
        text: String::from_utf8(body.into()).ok(),
    };
    locked(&seen).push(received.clone());
    Json(received)
}

fn locked(seen: &Mutex<Vec<Received>>) -> std::sync::MutexGuard<'_, Vec<Received>> {
    seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
