//! A front for Lambda's control plane, as strict as AWS: lists come in pages, each region takes so many calls a second, and one can be
//! refused. Behind it is [`Moto`], or nothing but functions that it makes up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::echo::{self, Served};
use crate::http::{Answer, answer, client};
use crate::moto::Moto;

/// Calls that a region takes in any second.
pub const LIMIT: usize = 15;
/// Functions on a page at most.
const PAGE: usize = 50;
/// The longest body of a call.
const BODY: usize = 1 << 20;

/// A running front.
pub struct ControlPlane {
    served: Served,
    inner: Arc<Inner>,
}

struct Inner {
    behind: Behind,
    seen: Mutex<Seen>,
}

enum Behind {
    Moto(String),
    MadeUp(usize),
}

#[derive(Default)]
struct Seen {
    /// The calls of the last second, by region.
    recent: BTreeMap<String, VecDeque<Instant>>,
    /// The most calls of any second.
    busiest: usize,
    calls: usize,
    refused: Vec<String>,
}

impl ControlPlane {
    /// Before `moto`.
    pub async fn before(moto: &Moto) -> ControlPlane {
        Self::start(Behind::Moto(moto.url())).await
    }

    /// With so many functions, `f0000` and so on, in each region.
    pub async fn of(functions: usize) -> ControlPlane {
        Self::start(Behind::MadeUp(functions)).await
    }

    async fn start(behind: Behind) -> ControlPlane {
        let inner = Arc::new(Inner { behind, seen: Mutex::default() });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&inner));
        ControlPlane { served: echo::serve_at(([127, 0, 0, 1], 0).into(), router).await, inner }
    }

    /// `http://127.0.0.1:PORT`, as `AWS_ENDPOINT_URL` has it.
    pub fn url(&self) -> String {
        self.served.url("")
    }

    /// From now on the keys have no rights in these regions.
    pub fn refuse(&self, regions: &[&str]) {
        self.inner.seen().refused = regions.iter().map(|region| (*region).to_owned()).collect();
    }

    /// How many calls there were, and how many in the busiest second of a region.
    pub fn calls(&self) -> (usize, usize) {
        let seen = self.inner.seen();
        (seen.calls, seen.busiest)
    }
}

impl Inner {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Whether a region takes another call.
    fn takes(&mut self, region: &str) -> bool {
        let (now, recent) = (Instant::now(), self.recent.entry(region.to_owned()).or_default());
        recent.push_back(now);
        while recent.front().is_some_and(|first| now - *first >= Duration::from_secs(1)) {
            recent.pop_front();
        }
        self.calls += 1;
        self.busiest = self.busiest.max(recent.len());
        recent.len() <= LIMIT
    }
}

async fn serve(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let region = region(request.headers());
    {
        let mut seen = inner.seen();
        if !seen.takes(&region) {
            return error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException");
        }
        if seen.refused.contains(&region) {
            return error(StatusCode::FORBIDDEN, "AccessDeniedException");
        }
    }
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    match &inner.behind {
        Behind::MadeUp(count) => made_up(*count, &region, &path, &query),
        Behind::Moto(url) => {
            let Some(answer) = forward(url, request).await else {
                return error(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException");
            };
            if !path.trim_end_matches('/').ends_with("/functions") || answer.status != 200 {
                return whole(&answer);
            }
            let all = answer.json()["Functions"].as_array().cloned().unwrap_or_default();
            page(&all, &query)
        }
    }
}

/// What a call is signed for.
fn region(headers: &HeaderMap) -> String {
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    signed.split('/').nth(2).unwrap_or_default().to_owned()
}

async fn forward(url: &str, request: Request) -> Option<Answer> {
    let (head, body) = request.into_parts();
    let mut headers = head.headers;
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let body = to_bytes(body, BODY).await.ok()?;
    answer(client().request(head.method, format!("{url}{}", head.uri)).headers(headers).body(body)).await.ok()
}

fn page(all: &[Value], query: &str) -> Response {
    let parameter = |name: &str| {
        let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        found.and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let (from, count) = (parameter("Marker").unwrap_or(0), parameter("MaxItems").unwrap_or(PAGE).min(PAGE));
    let functions: Vec<_> = all.iter().skip(from).take(count).collect();
    let next = (from + count < all.len()).then(|| (from + count).to_string());
    respond(StatusCode::OK, &json!({"Functions": functions, "NextMarker": next}))
}

fn made_up(count: usize, region: &str, path: &str, query: &str) -> Response {
    let function = |n: usize| {
        json!({"FunctionName": format!("f{n:04}"), "FunctionArn": format!("arn:aws:lambda:{region}:123456789012:function:f{n:04}"),
               "Version": "$LATEST", "RevisionId": "1", "LastModified": "2026-01-01T00:00:00.000+0000"})
    };
    match path.trim_end_matches('/').rsplit('/').next() {
        Some("functions") => page(&(0..count).map(function).collect::<Vec<_>>(), query),
        Some("versions") => respond(StatusCode::OK, &json!({"Versions": []})),
        Some("aliases") => respond(StatusCode::OK, &json!({"Aliases": []})),
        Some("url") => error(StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        _ => respond(StatusCode::OK, &json!({"PaginationToken": "", "ResourceTagMappingList": []})),
    }
}

fn whole(answer: &Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body.clone()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for name in ["content-type", "x-amzn-errortype"] {
        if let Some(value) = answer.headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn error(status: StatusCode, code: &'static str) -> Response {
    let mut response = respond(status, &json!({"__type": code, "Message": "no"}));
    response.headers_mut().insert("x-amzn-errortype", header::HeaderValue::from_static(code));
    response
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
