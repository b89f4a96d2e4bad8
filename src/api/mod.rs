//! The catalog's API and what operators ask, on the admin address.

mod auth;
mod entries;
mod events;
pub(crate) mod example;
mod lists;
mod metrics;
mod openapi;
mod ops;
mod path;
mod problem;
mod query;
mod view;
mod why;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::extract::{ConnectInfo, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use catalog::model::Upstream;
use catalog::snapshot::{FunctionEntry, UpstreamEntry};
use catalog::{Catalog, Snapshot};
use discovery::board::Board;
use discovery::prober::Handle;
use discovery::why::Explainer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use plugins::Reason;
use plugins::filter::Exchange;
use plugins::filters::origin::Origin;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

pub(crate) use metrics::Metrics;
pub(crate) use view::Gateway;

use crate::admin::Keys;
use crate::readiness::Readiness;
use crate::stop::Stop;
use problem::Failure;
use view::{Looked, UpstreamView};

/// Who the client commands say they are.
pub(crate) const USER_AGENT: &str = concat!("portolan/", env!("CARGO_PKG_VERSION"));

/// What is encoded in one segment of a path: all but unreserved characters (RFC 3986, 2.3).
pub(crate) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) catalog: Catalog,
    pub(crate) board: Board,
    pub(crate) prober: Handle,
    pub(crate) explainer: Explainer,
    pub(crate) readiness: Readiness,
    pub(crate) gateway: Gateway,
    pub(crate) gateway_address: std::net::SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
    /// A folder for files without a name.
    pub(crate) scratch: Arc<Path>,
    pub(crate) stop: Stop,
}

/// Where the admin address is and who may use it.
#[derive(Clone)]
pub(crate) struct Door {
    /// The listener's own address.
    pub(crate) local: std::net::SocketAddr,
    /// Whether it speaks TLS.
    pub(crate) tls: bool,
    /// Keeps other sites' pages out.
    pub(crate) origin: Arc<Origin>,
    /// Who may do what.
    pub(crate) keys: watch::Receiver<Keys>,
}

/// All of the admin address.
pub(crate) fn routes(api: Api, door: Door) -> Router {
    let v1 = Router::new()
        .route("/", get(ops::about))
        .route("/upstreams", get(lists::upstreams))
        .route("/upstreams/{name}", get(entries::upstream).delete(entries::forget))
        .route("/upstreams/{name}/functions", get(entries::functions_of))
        .route("/upstreams/{name}/refresh", post(entries::refresh))
        .route("/functions", get(lists::functions))
        .route("/functions/{upstream}/{function}", get(entries::function))
        .route("/functions/{upstream}/{function}/history", get(entries::history))
        .route("/events", get(events::events))
        .route("/sources", get(ops::sources))
        .route("/sources/{source}/accept", post(ops::accept))
        .route("/why", get(why::why))
        .route("/backup", post(ops::backup));
    Router::new()
        .nest("/api/v1", v1)
        .route("/api/v1/", get(ops::about))
        .route("/openapi.json", get(openapi::document))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .fallback(|| async { Failure::new(Reason::NotFound, "the API is at /api/v1; /openapi.json describes it") })
        .method_not_allowed_fallback(|| async {
            Failure::new(Reason::MethodNotAllowed, "`Allow` says which methods there are")
        })
        .with_state(api)
        .layer(middleware::from_fn_with_state(door.keys.clone(), auth::authorize))
        .layer(middleware::from_fn_with_state(door, admit))
        .layer(middleware::from_fn(problem::tell))
}

/// Refuses what a page of another site asks.
async fn admit(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let exchange = Exchange { peer, local: door.local, tls: door.tls };
    match door.origin.check(&exchange, &head) {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(problem) => Failure(problem).into_response(),
    }
}

impl Api {
    /// `entry` as it is in `snapshot` now.
    fn shown<'a>(&self, snapshot: &'a Snapshot, entry: &'a UpstreamEntry) -> UpstreamView<'a> {
        let listed = self.board.last_success(&entry.upstream.origin.source);
        UpstreamView::new(snapshot, entry, listed, self.looked(&entry.upstream))
    }

    /// What became of looking at `upstream`.
    fn looked(&self, upstream: &Upstream) -> Looked {
        match self.prober.outcomes().of(&upstream.id) {
            Some(d) => Looked { state: word(&d.state), error: d.error, next_attempt: d.next_attempt },
            // What was found in an earlier run is found until a look says otherwise.
            None if upstream.kinds.is_empty() => Looked { state: "waiting".into(), error: None, next_attempt: None },
            None => Looked { state: "found".into(), error: None, next_attempt: None },
        }
    }

    /// The complete schemas of a function.
    async fn schemas(
        &self,
        entry: &UpstreamEntry,
        function: &FunctionEntry,
    ) -> Result<(Value, Option<Value>), Failure> {
        let materials = self.catalog.materials(entry, function).await?;
        Ok((materials.input, materials.output))
    }
}

/// A unit variant by the name that it is serialized as.
pub(crate) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
