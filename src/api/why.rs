//! `GET /why`: why something is or is not in the catalog, in sentences, with every attempt of discovery.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use catalog::Snapshot;
use catalog::model::Health;
use catalog::snapshot::UpstreamEntry;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::entries::find;
use super::problem::Failure;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
}

/// `GET /why?target=`
#[utoipa::path(get, path = "/api/v1/why", tag = "daemon",
    params(("target" = String, Query, description = "An upstream, `upstream/function`, a URL or `host:port`")),
    responses((status = 200, description = "Sentences, attempts, and what each source says")))]
pub(super) async fn why(State(api): State<Api>, Query(asked): Query<Asked>) -> Result<Json<Value>, Failure> {
    let snapshot = api.catalog.snapshot();
    let target = asked.target.trim();
    if let Ok(entry) = find(&api, &snapshot, target) {
        return Ok(Json(of_upstream(&api, &snapshot, entry, None)));
    }
    if let Some(address) = address(target) {
        return Ok(Json(of_address(&api, &snapshot, target, &address)));
    }
    if let Some((upstream, function)) = target.split_once('/')
        && let Ok(entry) = find(&api, &snapshot, upstream)
    {
        return Ok(Json(of_upstream(&api, &snapshot, entry, Some(function))));
    }
    Ok(Json(of_nothing(&api, target)))
}

/// `host:port` of a URL or of an address as it is; `None` for a plain name.
fn address(target: &str) -> Option<String> {
    if target.contains("://") {
        let url = url::Url::parse(target).ok()?;
        let port = url
            .port_or_known_default()
            .or((url.scheme() == "grpcs").then_some(443))
            .or((url.scheme() == "grpc").then_some(80))?;
        return Some(format!("{}:{port}", url.host_str()?));
    }
    let (host, port) = target.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| target.to_owned())
}

fn of_upstream(api: &Api, snapshot: &Snapshot, entry: &Arc<UpstreamEntry>, function: Option<&str>) -> Value {
    let upstream = &entry.upstream;
    let mut lines = vec![format!(
        "{} is listed by the source {} as {}",
        upstream.name, upstream.origin.source, upstream.origin.key
    )];
    if *upstream.name == *upstream.id.as_str() {
        lines.push("its name is its id: another upstream holds the name that it asked for".to_owned());
    }
    if let Some(stale) = snapshot.stale(upstream) {
        lines.push(format!("it is stale since {}: {}", stale.since, stale.reason));
    }
    let endpoints = snapshot.endpoints(&upstream.id).map(|set| set.all()).unwrap_or_default();
    if endpoints.is_empty() {
        lines.push("it has no endpoint".to_owned());
    }
    for endpoint in endpoints {
        lines.push(match &endpoint.health {
            Health::Healthy => format!("endpoint {} gets requests", endpoint.address),
            Health::Unhealthy => {
                format!("endpoint {} gets none: its source says that it is not healthy", endpoint.address)
            }
            Health::Refused(why) => format!("endpoint {} is never called: {why}", endpoint.address),
        });
    }
    let discovery = api.prober.outcomes().of(&upstream.id);
    if let Some(discovery) = &discovery {
        lines.push(format!("looked at: {}", discovery.rule));
        for look in &discovery.kinds {
            let error = look.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
            lines.push(format!("{}: {}{error}", look.kind, super::word(&look.state)));
        }
    }
    lines.push(format!("it has {} functions", entry.functions.len()));
    if let Some(name) = function {
        lines.push(match entry.function(name) {
            Some(found) => {
                format!("{name} is one of them: {}, since {}", found.function.origin, found.function.first_seen)
            }
            None => format!("{name} is none of them; `portolan get functions --upstream {}` lists them", upstream.name),
        });
    }
    json!({
        "explanation": lines, "upstream": upstream.name, "discovery": discovery, "attempts": api.journal.of(&upstream.id),
    })
}

/// Which upstreams have this address, and what sources say of it.
fn of_address(api: &Api, snapshot: &Snapshot, target: &str, wanted: &str) -> Value {
    let has = |entry: &&Arc<UpstreamEntry>| {
        let by_host = entry.upstream.spec.host.as_deref().is_some_and(|host| {
            let (name, port) = wanted.rsplit_once(':').unwrap_or((wanted, ""));
            host.trim_end_matches(&format!(":{port}")) == name
        });
        let address: Option<SocketAddr> = wanted.parse().ok();
        let endpoints = snapshot.endpoints(&entry.upstream.id).map(|set| set.all()).unwrap_or_default();
        by_host || address.is_some_and(|a| endpoints.iter().any(|e| e.address == a))
    };
    let found: Vec<_> = snapshot.upstreams(None).filter(has).collect();
    match &found[..] {
        [] => of_nothing(api, target),
        [entry] => of_upstream(api, snapshot, entry, None),
        several => {
            let names: Vec<_> = several.iter().map(|entry| &*entry.upstream.name).collect();
            json!({ "explanation": [format!("{wanted} is an endpoint of several upstreams: {}", names.join(", "))], "attempts": [] })
        }
    }
}

/// Which sources looked, and which rule left the target out.
fn of_nothing(api: &Api, target: &str) -> Value {
    let mut lines = vec![format!("no upstream is called {target} or has that address")];
    let sources = api.board.read();
    for status in &sources {
        let left_out = status.left_out.iter().filter(|(name, _)| name.contains(target));
        lines.extend(left_out.map(|(name, rule)| format!("source {} leaves {name} out: {rule}", status.source)));
        lines.push(format!(
            "source {} ({}) lists {} upstreams",
            status.source,
            super::word(&status.state),
            status.upstreams
        ));
        if let Some(failure) = &status.last_error {
            lines.push(format!("source {} failed at {}: {}", status.source, failure.time, failure.message));
        }
    }
    if sources.is_empty() {
        lines.push("no source is configured: --upstream, --resources and --source say where to look".to_owned());
    }
    json!({ "explanation": lines, "attempts": [] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_names() {
        let check = |target: &str, expected: Option<&str>| assert_eq!(address(target).as_deref(), expected, "{target}");
        check("pets", None);
        check("pets/get:thing", None);
        check("10.0.0.1:80", Some("10.0.0.1:80"));
        check("http://10.0.0.1/x", Some("10.0.0.1:80"));
        check("https://[::1]:8443/", Some("[::1]:8443"));
        check("grpc://h:50051", Some("h:50051"));
        check("grpcs://h", Some("h:443"));
    }
}
