//! What an operator asks: is it alive, is it ready, what does it measure, where does its catalog come from.

use std::collections::HashMap;
use std::io::Seek;

use axum::Json;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use catalog::snapshot::SourceView;
use futures_util::stream;
use http::{StatusCode, header};
use plugins::Reason;
use serde_json::{Value, json};

use super::Api;
use super::path::Path;
use super::problem::Failure;
use super::query::parameters;

/// Bytes of a backup that are read at once.
const PIECE: usize = 256 << 10;

/// `GET /healthz`
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 while requests are served, else 503 with the reasons.
pub(super) async fn readyz(State(api): State<Api>) -> Response {
    match api.readiness.obstacles() {
        none if none.is_empty() => "ready\n".into_response(),
        reasons => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", reasons.join("\n"))).into_response(),
    }
}

/// `GET /metrics`
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    (kind, api.metrics.encode(&api)).into_response()
}

/// `GET /`
#[utoipa::path(get, path = "/api/v1", tag = "daemon", responses((status = 200, description = "Version, revision, gateways, namespace")))]
pub(super) async fn about(State(api): State<Api>) -> Json<Value> {
    let snapshot = api.catalog.snapshot();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": snapshot.revision,
        "namespace": api.gateway.namespace,
        "gateways": [{ "url": api.gateway.url, "address": api.gateway_address }],
        "publicUrl": api.gateway.url,
        "upstreams": snapshot.upstream_count(),
        "functions": snapshot.function_count(),
    }))
}

/// `GET /sources`
#[utoipa::path(get, path = "/api/v1/sources", tag = "daemon", responses((status = 200, description = "The state of each source")))]
pub(super) async fn sources(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Json<Value>, Failure> {
    parameters(query.as_deref(), &[])?;
    let snapshot = api.catalog.snapshot();
    let held: HashMap<String, String> =
        snapshot.sources().filter_map(|(id, view)| Some((id.to_string(), held_back(view)?))).collect();
    let items: Vec<Value> = api
        .board
        .read()
        .into_iter()
        .map(|status| {
            let mut item = serde_json::to_value(&status).unwrap_or_default();
            item["name"] = Value::String(status.source.clone());
            if let Some(reason) = held.get(&status.source) {
                item["heldBack"] = Value::String(reason.clone());
            }
            item
        })
        .collect();
    Ok(Json(json!({ "total": items.len(), "items": items, "next": null, "revision": snapshot.revision })))
}

/// Why lists of a source are held back; `None` where none is.
fn held_back(view: &SourceView) -> Option<String> {
    let functions = view.held_functions.values();
    let reasons = view.held_back.iter().map(|held| &held.stale).chain(functions).map(|stale| &*stale.reason);
    let reasons: Vec<_> = reasons.collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// `POST /sources/{source}/accept`
#[utoipa::path(post, path = "/api/v1/sources/{source}/accept", tag = "daemon", params(("source" = String, Path)),
    responses((status = 200, description = "Taken"), (status = 404, body = super::openapi::ProblemBody)))]
pub(super) async fn accept(State(api): State<Api>, Path(source): Path<String>) -> Result<Json<Value>, Failure> {
    let snapshot = api.catalog.snapshot();
    let id = snapshot.sources().map(|(id, _)| id).find(|id| id.to_string() == source).cloned();
    let unknown =
        || Failure::new(Reason::NotFound, format!("there is no source `{source}`; `portolan get sources` lists all"));
    let receipt = api.catalog.accept(&id.ok_or_else(unknown)?).await?;
    Ok(Json(json!({ "revision": receipt.revision })))
}

/// `POST /backup`: one revision of the store. It is written to a file without a name first, so that a slow reader holds nothing up.
#[utoipa::path(post, path = "/api/v1/backup", tag = "daemon", responses((status = 200, content_type = "application/octet-stream", description = "A backup")))]
pub(super) async fn backup(State(api): State<Api>) -> Result<Response, Failure> {
    let broken = |error: std::io::Error| {
        tracing::error!(%error, "admin.backup_failed");
        Failure::new(Reason::Unavailable, "the backup cannot be written; the log says why")
    };
    let file = tempfile::tempfile_in(&*api.scratch).map_err(broken)?;
    let mut file = api.catalog.backup(file).await.map_err(|error| broken(std::io::Error::other(error)))?;
    file.rewind().map_err(broken)?;
    let file = tokio::fs::File::from_std(file);
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = tokio::io::AsyncReadExt::read(&mut file, &mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Body::from_stream(pieces)).into_response())
}
