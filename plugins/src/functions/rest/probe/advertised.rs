//! What an upstream says of where its description is: `Link: rel="service-desc"` (RFC 8631) on its root page and the linkset of
//! `/.well-known/api-catalog` (RFC 9727).

use std::time::Duration;

use futures_util::future::join;
use http::header::LINK;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::{Position, Url};

use crate::fetch::{Bounds, Fetch, FetchError, Fetched, Get};

/// The most descriptions that are tried: a catalog may list every service of an organisation.
const MAX_LOCATIONS: usize = 8;

/// How long it is waited for: the first usual place is asked at the same time, and what is there waits for what this says. A home page
/// may take long.
const TIME: Duration = Duration::from_secs(2);

/// The longest catalog, in bytes.
const MAX_CATALOG: usize = 256 << 10;

/// The link relation.
const SERVICE_DESC: &str = "service-desc";

/// The locations of descriptions that the upstream names, in its order. An error only where it is gone.
pub(super) async fn locations(fetch: &dyn Fetch) -> Result<Vec<String>, FetchError> {
    let bounds = |body| Some(Bounds { time: TIME, body });
    let root = Get { location: "/", accept: "*/*", unless: None, bounds: bounds(0) };
    // A well-known path is one of the host, whatever the upstream's base path is.
    let catalog = Get {
        location: "//.well-known/api-catalog",
        accept: "application/linkset+json, application/json;q=0.9",
        unless: None,
        bounds: bounds(MAX_CATALOG),
    };
    let (root, catalog) = join(fetch.get(root), fetch.get(catalog)).await;
    let mut locations = Vec::new();
    for (answer, is_catalog) in [(root, false), (catalog, true)] {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error @ FetchError::Connect(_)) => return Err(error),
            Err(_) => continue,
        };
        let mut references = in_headers(&answer.headers);
        if is_catalog && answer.status == StatusCode::OK {
            references.extend(in_linkset(&answer));
        }
        for location in references.iter().filter_map(|reference| location(&answer.url, reference)) {
            if !locations.contains(&location) {
                locations.push(location);
            }
        }
    }
    locations.truncate(MAX_LOCATIONS);
    Ok(locations)
}

/// The location of what was answered, as [`locations`] says it.
pub(super) fn location_of(answer: &Fetched) -> Option<String> {
    location(&answer.url, answer.url.as_str())
}

/// The location of `reference`, found at `base`. One on the same host is a path, so that it holds for every endpoint.
fn location(base: &Url, reference: &str) -> Option<String> {
    let url = base.join(reference).ok()?;
    Some(match url.origin() == base.origin() {
        true => format!("/{}", &url[Position::BeforePath..Position::AfterQuery]),
        false => url.into(),
    })
}

fn in_headers(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(links).filter(|(_, rel)| is_description(rel)).map(|(target, _)| target).collect()
}

fn is_description(rel: &str) -> bool {
    rel.split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case(SERVICE_DESC))
}

/// The links of one `Link` header (RFC 8288, 3): each target with its first `rel`.
fn links(header: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut rest = header;
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let mut quoted = false;
        let end = after.find(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let (parameters, next) = after.split_at(end.unwrap_or(after.len()));
        let rel = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"').to_owned())
        });
        links.push((target.trim().to_owned(), rel.unwrap_or_default()));
        rest = next;
    }
    links
}

/// The descriptions in a linkset in JSON (RFC 9264, 4.2).
fn in_linkset(answer: &Fetched) -> Vec<String> {
    let Ok(catalog) = serde_json::from_slice::<Value>(&answer.body) else { return Vec::new() };
    let contexts = catalog["linkset"].as_array().into_iter().flatten();
    let targets = contexts.filter_map(|context| context[SERVICE_DESC].as_array()).flatten();
    targets.filter_map(|target| target["href"].as_str().map(str::to_owned)).collect()
}
