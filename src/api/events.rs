//! `GET /events`: what changed, as server-sent events or as lines of JSON, resumable across restarts.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use catalog::events::{Event, EventsError, Object};
use futures_util::stream;
use http::{HeaderMap, header};
use plugins::Reason;
use serde_json::{Value, json};

use super::Api;
use super::problem::Failure;
use super::view::{FunctionView, Looked, Owner};

/// How often a stream without events shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /events`
#[utoipa::path(get, path = "/api/v1/events", tag = "catalog", params(
    ("since" = Option<u64>, Query, description = "The revision after which to begin; without it, from now on"),
    ("Last-Event-ID" = Option<String>, Header, description = "Where a stream before ended: `{revision}.{n}`")),
    responses((status = 200, content_type = "text/event-stream", description = "Events: the `object` of each is a Function, or an Upstream without its endpoints, as it was after the change or before its removal"),
        (status = 410, body = super::openapi::ProblemBody, description = "Older than what is kept")))]
pub(super) async fn events(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let since = since(query.as_deref(), &headers)?;
    let events = api.catalog.events(since).map_err(failure)?;
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let form = if accept.contains("application/x-ndjson") { Form::Lines } else { Form::Sse };
    let stream = stream::unfold(Some((events, api)), move |state| async move {
        let (mut events, api) = state?;
        let next = tokio::time::timeout(KEEP_ALIVE, events.next());
        // Whoever listens must not hold the daemon's end back.
        let outcome = tokio::select! {
            outcome = next => outcome,
            () = api.stop.cancelled() => return None,
        };
        let piece = match outcome {
            Err(_) => form.alive(),
            Ok(Ok(event)) => form.event(&api, &event),
            Ok(Err(error)) => {
                tracing::debug!(%error, "admin.events_ended");
                return None;
            }
        };
        Some((Ok::<_, Infallible>(piece), Some((events, api))))
    });
    let kind = [(header::CONTENT_TYPE, form.content_type()), (header::CACHE_CONTROL, "no-store")];
    Ok((kind, Body::from_stream(stream)).into_response())
}

/// Where to begin: the header of a stream that resumes goes before the query.
fn since(query: Option<&str>, headers: &HeaderMap) -> Result<Option<(u64, u32)>, Failure> {
    let wrong = |text: &str| Failure::new(Reason::InvalidArguments, format!("`{text}` is no place in the events"));
    if let Some(id) = headers.get("last-event-id").and_then(|v| v.to_str().ok()) {
        let place = id.split_once('.').and_then(|(revision, n)| Some((revision.parse().ok()?, n.parse().ok()?)));
        return place.map(Some).ok_or_else(|| wrong(id));
    }
    let mut since = None;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            // All of that revision is known already.
            "since" => since = Some((value.parse().map_err(|_| wrong(&value))?, u32::MAX)),
            _ => return Err(Failure::new(Reason::InvalidArguments, format!("`{name}` is not a parameter of events"))),
        }
    }
    Ok(since)
}

fn failure(error: EventsError) -> Failure {
    match error {
        EventsError::Gone { .. } => {
            Failure::new(Reason::Gone, format!("{error}; list anew and follow from its revision"))
        }
        EventsError::Store(error) => error.into(),
        EventsError::Closed => Failure::new(Reason::Unavailable, "the daemon is stopping"),
    }
}

#[derive(Clone, Copy)]
enum Form {
    Sse,
    Lines,
}

impl Form {
    fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    fn alive(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Sse => b":\n\n",
            Self::Lines => b"\n",
        })
    }

    fn event(self, api: &Api, event: &Event) -> Bytes {
        let id = format!("{}.{}", event.revision, event.n);
        let mut data = shown(api, event);
        match self {
            Self::Sse => format!("id: {id}\ndata: {data}\n\n").into(),
            Self::Lines => {
                data["id"] = Value::String(id);
                format!("{data}\n").into()
            }
        }
    }
}

fn shown(api: &Api, event: &Event) -> Value {
    let (kind, namespace, name, object) = match &event.object {
        Object::Upstream(upstream, functions) => {
            let Looked { state, .. } = api.looked(upstream);
            let object = json!({
                "id": upstream.id, "name": upstream.name, "namespace": upstream.namespace,
                "source": upstream.origin.source.kind, "sourceId": upstream.origin.source.to_string(),
                "kinds": upstream.kinds.keys().collect::<Vec<_>>(), "labels": upstream.spec.labels, "functionCount": functions,
                "revision": upstream.revision, "firstSeen": upstream.first_seen, "lastSeen": upstream.last_seen,
                "stale": api.catalog.snapshot().stale(upstream).is_some(), "discovery": { "state": state },
            });
            ("upstream", upstream.namespace.to_string(), upstream.name.to_string(), object)
        }
        Object::Function { namespace, upstream, function } => {
            let name = format!("{upstream}/{}", function.name);
            let owner = Owner { id: &event.upstream, namespace, name: upstream };
            let object = serde_json::to_value(FunctionView::new(owner, function, None, false, &api.gateway));
            ("function", namespace.to_string(), name, object.unwrap_or_default())
        }
    };
    json!({
        "revision": event.revision, "type": event.change, "kind": kind, "namespace": namespace, "name": name, "time": event.at,
        "object": object,
    })
}
