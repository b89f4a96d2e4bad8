//! A document that a source holds: given as if the upstream served it at its root.

use catalog::model::Digest;
use http::header::ETAG;
use http::{HeaderMap, HeaderValue, StatusCode};
use plugins::{FetchError, Fetched, Get};
use tokio::time::Instant;

use super::Bound;
use crate::documents::SCHEME;

/// Whether a document at `location` is one that a source holds.
pub(super) fn is_held(location: &str) -> bool {
    location.starts_with(SCHEME)
}

/// The document that `get` names.
pub(super) async fn get(bound: &Bound<'_>, get: Get<'_>) -> Result<Fetched, FetchError> {
    let (round, began) = (bound.round, Instant::now());
    let read = round.shared.documents.read(get.location, &round.spec);
    let summary = match &read {
        Ok(document) => format!("held, {} bytes", document.len()),
        Err(reason) => reason.clone(),
    };
    round.record(Some(bound.kind.clone()), format!("READ {}", get.location), summary, began);
    let body = read.map_err(FetchError::Held)?;
    let tls = round.spoken().await?;
    let url = round.address.place(tls, "/", &round.shared.allowed_hosts)?.url;
    let tag = format!("\"{}\"", Digest::of([&*body]).short(32));
    let status = if get.unless == Some(&*tag) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let tag = HeaderValue::try_from(tag).map_err(|error| FetchError::Protocol(error.to_string()))?;
    Ok(Fetched { url, status, headers: HeaderMap::from_iter([(ETAG, tag)]), body })
}
