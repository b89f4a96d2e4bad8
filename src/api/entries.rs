//! One upstream, one function: shown, forgotten, looked at again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use catalog::Snapshot;
use catalog::snapshot::UpstreamEntry;
use http::{HeaderMap, StatusCode};
use plugins::Reason;
use serde_json::{Value, json};

use super::Api;
use super::lists::{page_of_functions, tagged};
use super::path::Path;
use super::problem::Failure;
use super::query::ListQuery;
use super::view::{FunctionView, UpstreamView};

/// `GET /upstreams/{name}`
#[utoipa::path(get, path = "/api/v1/upstreams/{name}", tag = "catalog",
    params(("name" = String, Path, description = "A name or id; `name@namespace` outside the discovery namespace")),
    responses((status = 200, body = UpstreamView), (status = 404, body = super::openapi::ProblemBody)))]
pub(super) async fn upstream(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let snapshot = api.catalog.snapshot();
    let entry = find(&api, &snapshot, &name)?;
    let view = api.shown(&snapshot, entry);
    Ok(tagged(&headers, super::lists::raw(&view)?.get().to_owned()))
}

/// `GET /upstreams/{name}/functions`
#[utoipa::path(get, path = "/api/v1/upstreams/{name}/functions", tag = "catalog", params(("name" = String, Path)),
    responses((status = 200, body = super::openapi::FunctionPage), (status = 404, body = super::openapi::ProblemBody)))]
pub(super) async fn functions_of(
    State(api): State<Api>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let snapshot = api.catalog.snapshot();
    let entry = find(&api, &snapshot, &name)?;
    let mut query = ListQuery::parse(query.as_deref())?;
    query.namespaces = vec![entry.upstream.namespace.to_string()];
    query.upstreams = vec![entry.upstream.name.to_string()];
    page_of_functions(&api, &query, &headers).await
}

/// `GET /functions/{upstream}/{function}`
#[utoipa::path(get, path = "/api/v1/functions/{upstream}/{function}", tag = "catalog",
    params(("upstream" = String, Path), ("function" = String, Path, description = "Percent-encoded into one segment")),
    responses((status = 200, body = FunctionView), (status = 404, body = super::openapi::ProblemBody)))]
pub(super) async fn function(
    State(api): State<Api>,
    Path((upstream, function)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let snapshot = api.catalog.snapshot();
    let entry = find(&api, &snapshot, &upstream)?;
    let found = entry.function(&function).ok_or_else(|| no_function(entry, &function))?;
    let schemas = api.schemas(entry, found).await?;
    let stale = snapshot.stale(&entry.upstream).is_some();
    let view = FunctionView::new(&entry.upstream, &found.function, Some(schemas), stale, &api.gateway);
    Ok(tagged(&headers, super::lists::raw(&view)?.get().to_owned()))
}

/// `GET /functions/{upstream}/{function}/history`
#[utoipa::path(get, path = "/api/v1/functions/{upstream}/{function}/history", tag = "catalog",
    params(("upstream" = String, Path), ("function" = String, Path)),
    responses((status = 200, description = "Its newest revisions, newest first"), (status = 404, body = super::openapi::ProblemBody)))]
pub(super) async fn history(
    State(api): State<Api>,
    Path((upstream, function)): Path<(String, String)>,
) -> Result<Json<Value>, Failure> {
    let snapshot = api.catalog.snapshot();
    let entry = find(&api, &snapshot, &upstream)?;
    entry.function(&function).ok_or_else(|| no_function(entry, &function))?;
    let revisions = api.catalog.history(&entry.upstream.id, &function).await?;
    Ok(Json(json!({ "items": revisions })))
}

/// `DELETE /upstreams/{name}`
#[utoipa::path(delete, path = "/api/v1/upstreams/{name}", tag = "catalog", params(("name" = String, Path)),
    responses((status = 200, description = "Forgotten"), (status = 404, body = super::openapi::ProblemBody),
        (status = 409, body = super::openapi::ProblemBody, description = "A source still lists it")))]
pub(super) async fn forget(State(api): State<Api>, Path(name): Path<String>) -> Result<Json<Value>, Failure> {
    let snapshot = api.catalog.snapshot();
    let id = find(&api, &snapshot, &name)?.upstream.id.clone();
    let revision = api.catalog.forget(&id).await?;
    Ok(Json(json!({ "id": id, "revision": revision })))
}

/// `POST /upstreams/{name}/refresh`
#[utoipa::path(post, path = "/api/v1/upstreams/{name}/refresh", tag = "catalog", params(("name" = String, Path)),
    responses((status = 200, description = "What became of it"), (status = 404, body = super::openapi::ProblemBody)))]
pub(super) async fn refresh(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let id = find(&api, &api.catalog.snapshot(), &name)?.upstream.id.clone();
    api.prober.refresh(&id).await.map_err(|error| Failure::new(Reason::Unavailable, error.to_string()))?;
    let snapshot = api.catalog.snapshot();
    let entry = find(&api, &snapshot, id.as_str())?;
    let looked = api.looked(&entry.upstream);
    Ok((
        StatusCode::OK,
        Json(json!({ "name": entry.upstream.name, "functionCount": entry.functions.len(), "discovery": looked })),
    ))
}

/// The upstream called `name`: a name or id, with `@namespace` where it is not the discovery namespace.
pub(super) fn find<'a>(api: &Api, snapshot: &'a Snapshot, name: &str) -> Result<&'a Arc<UpstreamEntry>, Failure> {
    let (plain, namespace) = name.rsplit_once('@').unwrap_or((name, &api.gateway.namespace));
    snapshot.upstream(namespace, plain).ok_or_else(|| {
        let detail = format!(
            "there is no upstream `{name}`; `portolan get upstreams` lists all, `portolan why {name}` says more"
        );
        Failure::new(Reason::UnknownUpstream, detail)
    })
}

fn no_function(entry: &UpstreamEntry, function: &str) -> Failure {
    let name = &entry.upstream.name;
    let detail = format!("`{name}` has no function `{function}`; `portolan get functions --upstream {name}` lists all");
    Failure::new(Reason::UnknownFunction, detail)
}
