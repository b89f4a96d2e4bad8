//! Upstreams and functions as the API shows them. Absent means none; fields may be added.

use std::collections::BTreeMap;
use std::net::IpAddr;

use catalog::Snapshot;
use catalog::model::{Endpoint, Function, Health, Upstream, UpstreamId};
use catalog::snapshot::UpstreamEntry;
use jiff::Timestamp;
use percent_encoding::utf8_percent_encode;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::SEGMENT;

/// Something that runs and can be called.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Upstream)]
pub(crate) struct UpstreamView<'a> {
    /// Its permanent id, accepted wherever its name is.
    id: &'a str,
    name: &'a str,
    namespace: &'a str,
    /// The kind of the source that lists it: `static`, `consul`.
    source: &'a str,
    /// That source, as `/sources` calls it: `consul=10.0.0.1:8500`.
    source_id: String,
    /// The kinds of functions found on it.
    kinds: Vec<&'a str>,
    endpoints: Vec<EndpointView<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    function_count: usize,
    /// The catalog's revision at its last change.
    revision: u64,
    #[schema(value_type = String, format = DateTime)]
    first_seen: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
    /// Nothing vouches for it now; it is served all the same.
    stale: bool,
    /// Why it is stale.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_reason: Option<&'a str>,
    discovery: Looked,
}

/// Where an upstream can be reached.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
struct EndpointView<'a> {
    #[schema(value_type = String)]
    address: IpAddr,
    port: u16,
    /// Whether it gets requests.
    healthy: bool,
    weight: u32,
    /// 0 is used first.
    priority: u8,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    /// Why it is never called.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
}

/// What became of looking at an upstream.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Discovery)]
pub(crate) struct Looked {
    /// `waiting`, `found`, `none`, `failing` or `off`.
    pub(crate) state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) next_attempt: Option<Timestamp>,
}

impl<'a> UpstreamView<'a> {
    /// `entry` as it is in `snapshot`; its source was `listed` last.
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        entry: &'a UpstreamEntry,
        listed: Option<Timestamp>,
        discovery: Looked,
    ) -> Self {
        let Upstream { id, name, namespace, origin, spec, revision, first_seen, last_seen, kinds, .. } =
            &entry.upstream;
        let endpoints = snapshot.endpoints(id).map(|set| set.all()).unwrap_or_default();
        let stale = snapshot.stale(&entry.upstream);
        Self {
            id: id.as_str(),
            name,
            namespace,
            source: &origin.source.kind,
            source_id: origin.source.to_string(),
            kinds: kinds.keys().map(|kind| kind.as_str()).collect(),
            endpoints: endpoints.iter().map(EndpointView::new).collect(),
            labels: &spec.labels,
            function_count: entry.functions.len(),
            revision: *revision,
            first_seen: *first_seen,
            last_seen: seen(*last_seen, listed, stale.map(|stale| stale.since)),
            stale: stale.is_some(),
            stale_reason: stale.map(|s| &*s.reason),
            discovery,
        }
    }
}

/// When something was last seen that changed at `changed`, whose source succeeded at `listed` and has not vouched for it from `stale` on:
/// a list that is held back lacks it, good as it is. That is said by the minute, so that two answers without a change between them are
/// mostly the same.
fn seen(changed: Timestamp, listed: Option<Timestamp>, stale: Option<Timestamp>) -> Timestamp {
    let listed = listed.map(|at| stale.map_or(at, |stale| at.min(stale)));
    let minute = listed.and_then(|at| Timestamp::from_second(at.as_second() / 60 * 60).ok());
    minute.map_or(changed, |minute| minute.max(changed))
}

impl<'a> EndpointView<'a> {
    fn new(endpoint: &'a Endpoint) -> Self {
        Self {
            address: endpoint.address.ip(),
            port: endpoint.address.port(),
            healthy: endpoint.health == Health::Healthy,
            weight: endpoint.weight,
            priority: endpoint.priority,
            labels: &endpoint.labels,
            refused: match &endpoint.health {
                Health::Refused(why) => Some(why),
                Health::Healthy | Health::Unhealthy => None,
            },
        }
    }
}

/// Something that can be called.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Function)]
pub(crate) struct FunctionView<'a> {
    /// The upstream's name.
    upstream: &'a str,
    /// The upstream's permanent id.
    upstream_id: &'a str,
    namespace: &'a str,
    name: &'a str,
    /// `rest`, `grpc`.
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    deprecated: bool,
    /// Whether `GET` may call it.
    safe: bool,
    tags: &'a [Box<str>],
    /// The arguments' schema (JSON Schema 2020-12); with `view=full` or one function alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
    /// The result's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// What the kind needs: `method` and `path`, `service` and `method`.
    #[schema(value_type = Object)]
    binding: &'a RawValue,
    /// The URL that calls it.
    call_url: String,
    /// Of input, output and binding.
    digest: String,
    /// The catalog's revision at its last change.
    revision: u64,
    #[schema(value_type = String, format = DateTime)]
    first_seen: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
    /// Nothing vouches for its upstream now.
    stale: bool,
}

/// Where functions are called.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    /// The base of call URLs, without a trailing `/`.
    pub(crate) url: String,
    /// The namespace that URLs leave out.
    pub(crate) namespace: String,
}

impl Gateway {
    /// The URL that calls `function` of `owner`.
    fn call_url(&self, owner: &Owner<'_>, function: &str) -> String {
        let name = utf8_percent_encode(owner.name, SEGMENT);
        // `/` is the same as `%2F` in a function's name; it is left, to be read.
        let function = utf8_percent_encode(function, SEGMENT).to_string().replace("%2F", "/");
        match *owner.namespace == *self.namespace {
            true => format!("{}/fn/{name}/{function}", self.url),
            false => format!("{}/fn/{name}@{}/{function}", self.url, utf8_percent_encode(owner.namespace, SEGMENT)),
        }
    }
}

/// Whose a function is: an upstream, which may be gone.
pub(crate) struct Owner<'a> {
    pub(crate) id: &'a UpstreamId,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> From<&'a Upstream> for Owner<'a> {
    fn from(Upstream { id, namespace, name, .. }: &'a Upstream) -> Self {
        Self { id, namespace, name }
    }
}

impl<'a> FunctionView<'a> {
    /// `function` of `owner`; `schemas` are its input and output where they are to be shown.
    pub(crate) fn new(
        owner: impl Into<Owner<'a>>,
        function: &'a Function,
        schemas: Option<(Value, Option<Value>)>,
        stale: bool,
        gateway: &Gateway,
    ) -> Self {
        let (owner, (input, output)) = (owner.into(), schemas.unzip());
        Self {
            upstream: owner.name,
            upstream_id: owner.id.as_str(),
            namespace: owner.namespace,
            name: &function.name,
            kind: function.kind.as_str(),
            summary: function.summary.as_deref(),
            description: function.description.as_deref(),
            deprecated: function.deprecated,
            safe: function.safe,
            tags: &function.tags,
            input,
            output: output.flatten(),
            binding: &function.binding,
            call_url: gateway.call_url(&owner, &function.name),
            digest: function.digest.to_string(),
            revision: function.revision,
            first_seen: function.first_seen,
            last_seen: function.last_seen,
            stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_lists_is_seen_whenever_the_source_succeeds() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let check = |listed: Option<i64>, stale: Option<i64>, expected: i64| {
            assert_eq!(seen(at(100), listed.map(at), stale.map(at)), at(expected), "{listed:?} {stale:?}");
        };
        check(None, None, 100);
        check(Some(90), None, 100);
        check(Some(119), None, 100);
        check(Some(120), None, 120);
        check(Some(3_659), None, 3_600);
        // It stays where it is once the source fails, or gives lists that lack the entry.
        check(Some(3_659), Some(3_661), 3_600);
        check(Some(7_200), Some(3_661), 3_660);
        // Not heard of since the start.
        check(None, Some(3_661), 100);
    }
}
