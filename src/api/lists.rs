//! The two lists of the catalog, a page at a time, in an order in which pages neither repeat nor skip what did not change.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use catalog::Snapshot;
use catalog::model::{Function, Upstream};
use catalog::snapshot::{FunctionEntry, Query, UpstreamEntry};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use serde_json::value::RawValue;

use super::Api;
use super::problem::Failure;
use super::query::{ListQuery, Place, any_of};
use super::view::FunctionView;

/// `GET /upstreams`
#[utoipa::path(get, path = "/api/v1/upstreams", tag = "catalog", params(
    ("q" = Option<String>, Query, description = "Words that must all be in the name"),
    ("source" = Option<Vec<String>>, Query), ("kind" = Option<Vec<String>>, Query), ("namespace" = Option<Vec<String>>, Query),
    ("upstream" = Option<Vec<String>>, Query), ("label" = Option<Vec<String>>, Query, description = "`k=v`, or `k`"),
    ("stale" = Option<bool>, Query), ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = super::openapi::UpstreamPage), (status = 400, body = super::openapi::ProblemBody)))]
pub(super) async fn upstreams(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = ListQuery::parse(query.as_deref())?;
    if query.deprecated.is_some() || !query.tags.is_empty() || query.full {
        return Err(Failure::new(plugins::Reason::InvalidArguments, "`tag`, `deprecated` and `view` are of functions"));
    }
    let snapshot = api.catalog.snapshot();
    let fits = |entry: &&Arc<UpstreamEntry>| {
        let upstream = &entry.upstream;
        let named = || query.words.iter().all(|word| upstream.name.contains(word.as_str()));
        let kind = || query.kinds.is_empty() || upstream.kinds.keys().any(|k| any_of(&query.kinds, k.as_str()));
        fits_upstream(&query, &snapshot, upstream) && kind() && named()
    };
    let total = snapshot.upstreams(None).filter(fits).count();
    let from = query.after.as_ref().map(|place| (place.namespace.as_str().into(), place.upstream.as_str().into()));
    let is_after = |entry: &&Arc<UpstreamEntry>| {
        let Upstream { namespace, name, .. } = &entry.upstream;
        query.after.as_ref().is_none_or(|p| (&**namespace, &**name) > (p.namespace.as_str(), p.upstream.as_str()))
    };
    let mut rest = snapshot.upstreams(from.as_ref()).filter(is_after).filter(fits);
    let page: Vec<_> = rest.by_ref().take(query.limit).collect();
    let more = rest.next().is_some();
    let items = page.iter().map(|entry| api.shown(&snapshot, entry));
    let items = items.map(|view| raw(&view)).collect::<Result<Vec<_>, _>>()?;
    let last = page.last().filter(|_| more).map(|entry| place(0, &entry.upstream, ""));
    answer(&headers, &snapshot, items, last, total)
}

/// `GET /functions`
#[utoipa::path(get, path = "/api/v1/functions", tag = "catalog", params(
    ("q" = Option<String>, Query, description = "Words that must all be found; the best fit is first"),
    ("source" = Option<Vec<String>>, Query), ("kind" = Option<Vec<String>>, Query), ("namespace" = Option<Vec<String>>, Query),
    ("upstream" = Option<Vec<String>>, Query), ("label" = Option<Vec<String>>, Query, description = "`k=v`, or `k`, of the upstream"),
    ("tag" = Option<Vec<String>>, Query), ("deprecated" = Option<bool>, Query), ("stale" = Option<bool>, Query),
    ("view" = Option<String>, Query, description = "`full` adds `input` and `output`"),
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = super::openapi::FunctionPage), (status = 400, body = super::openapi::ProblemBody)))]
pub(super) async fn functions(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = ListQuery::parse(query.as_deref())?;
    page_of_functions(&api, &query, &headers).await
}

/// A page of the functions that fit.
pub(super) async fn page_of_functions(api: &Api, query: &ListQuery, headers: &HeaderMap) -> Result<Response, Failure> {
    let snapshot = api.catalog.snapshot();
    let found = if query.words.is_empty() { listed(&snapshot, query) } else { searched(&snapshot, query) };
    let mut items = Vec::with_capacity(found.page.len());
    for (entry, function) in &found.page {
        let schemas = match query.full {
            true => Some(api.schemas(entry, function).await?),
            false => None,
        };
        let stale = snapshot.stale(&entry.upstream).is_some();
        items.push(raw(&FunctionView::new(&entry.upstream, &function.function, schemas, stale, &api.gateway))?);
    }
    answer(headers, &snapshot, items, found.last, found.total)
}

type Entry<'a> = (&'a Arc<UpstreamEntry>, &'a Arc<FunctionEntry>);

/// A page, where it ends if another follows, and how many there are in all.
struct Found<'a> {
    page: Vec<Entry<'a>>,
    last: Option<Place>,
    total: usize,
}

fn listed<'a>(snapshot: &'a Snapshot, query: &ListQuery) -> Found<'a> {
    let mut found = Found { page: Vec::new(), last: None, total: 0 };
    for entry in snapshot.upstreams(None).filter(|entry| fits_upstream(query, snapshot, &entry.upstream)) {
        for function in entry.functions.iter().filter(|f| fits_function(query, &f.function)) {
            found.total += 1;
            let is_after =
                |place: &Place| key((entry, function)) > (&place.namespace, &place.upstream, &place.function);
            if found.last.is_none() && query.after.as_ref().is_none_or(is_after) {
                found.add((entry, function), 0, query.limit);
            }
        }
    }
    found
}

fn searched<'a>(snapshot: &'a Snapshot, query: &ListQuery) -> Found<'a> {
    let wanted = Query::new(&query.words.join(" "));
    let upstreams = |entry: &UpstreamEntry| fits_upstream(query, snapshot, &entry.upstream);
    let all = snapshot.search(&wanted, upstreams, |function| fits_function(query, &function.function));
    let from = match &query.after {
        Some(p) => all.partition_point(|&(rank, entry, function)| {
            (rank as u8, key((entry, function))) <= (p.rank, (&*p.namespace, &*p.upstream, &*p.function))
        }),
        None => 0,
    };
    let mut found = Found { page: Vec::new(), last: None, total: all.len() };
    let mut last = 0;
    for &(rank, entry, function) in all[from..].iter().take(query.limit + 1) {
        found.add((entry, function), last, query.limit);
        last = rank as u8;
    }
    found
}

impl<'a> Found<'a> {
    /// Adds `entry`, or says that the page, whose last entry has `rank`, is full.
    fn add(&mut self, entry: Entry<'a>, rank: u8, limit: usize) {
        match self.page.last() {
            Some((last, function)) if self.page.len() == limit => {
                self.last = Some(place(rank, &last.upstream, &function.function.name));
            }
            _ => self.page.push(entry),
        }
    }
}

fn key<'a>((entry, function): Entry<'a>) -> (&'a str, &'a str, &'a str) {
    (&entry.upstream.namespace, &entry.upstream.name, &function.function.name)
}

fn fits_upstream(query: &ListQuery, snapshot: &Snapshot, upstream: &Upstream) -> bool {
    let source = &upstream.origin.source;
    let label = |(k, v): &(String, Option<String>)| {
        upstream.spec.labels.get(k).is_some_and(|l| v.as_ref().is_none_or(|v| v == l))
    };
    any_of(&query.namespaces, &upstream.namespace)
        && (any_of(&query.upstreams, &upstream.name) || any_of(&query.upstreams, upstream.id.as_str()))
        && (any_of(&query.sources, &source.kind) || any_of(&query.sources, &source.to_string()))
        && (query.labels.is_empty() || query.labels.iter().any(label))
        && query.stale.is_none_or(|stale| stale == snapshot.stale(upstream).is_some())
}

/// Each question looks at the query first: where nothing is asked, a hundred thousand functions need not be touched.
fn fits_function(query: &ListQuery, function: &Function) -> bool {
    (query.kinds.is_empty() || any_of(&query.kinds, function.kind.as_str()))
        && (query.tags.is_empty() || function.tags.iter().any(|tag| any_of(&query.tags, tag)))
        && query.deprecated.is_none_or(|deprecated| deprecated == function.deprecated)
}

fn place(rank: u8, upstream: &Upstream, function: &str) -> Place {
    let (namespace, name) = (upstream.namespace.to_string(), upstream.name.to_string());
    Place { rank, namespace, upstream: name, function: function.to_owned() }
}

/// A view as text: views borrow from the snapshot, which does not outlive the handler.
pub(super) fn raw(view: &impl serde::Serialize) -> Result<Box<RawValue>, Failure> {
    serde_json::value::to_raw_value(view).map_err(|error| {
        tracing::error!(%error, "admin.unserializable");
        Failure::new(plugins::Reason::Internal, "an entry cannot be shown; the log says why")
    })
}

fn answer(
    headers: &HeaderMap,
    snapshot: &Snapshot,
    items: Vec<Box<RawValue>>,
    last: Option<Place>,
    total: usize,
) -> Result<Response, Failure> {
    let page = json!({ "next": last.map(|p| p.encode()), "total": total, "revision": snapshot.revision });
    let mut body = String::from("{\"items\":[");
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        body.push_str(item.get());
    }
    body.push_str("],");
    body.push_str(&page.to_string()[1..]);
    Ok(tagged(headers, body))
}

/// `body` as JSON under an `ETag` of its content, or 304 where the caller has it (RFC 9110, 13.1.2).
pub(super) fn tagged(headers: &HeaderMap, body: String) -> Response {
    let tag = format!("\"{}\"", catalog::model::Digest::of([body.as_bytes()]));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let etag = HeaderValue::try_from(&tag).ok().map(|tag| (header::ETAG, tag));
    let mut response =
        match known.is_some_and(|known| known.split(',').any(|k| k.trim().trim_start_matches("W/") == tag)) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        };
    response.headers_mut().extend(etag);
    response
}
