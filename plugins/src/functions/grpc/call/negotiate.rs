//! What types bodies have, coming in and going out.

use http::{HeaderMap, HeaderValue, header};

use crate::call::Reply;
use crate::problem::{Problem, Reason};

/// One JSON value a line.
pub(super) const NDJSON: &str = "application/x-ndjson";
/// Server-sent events.
pub(super) const EVENTS: &str = "text/event-stream";

/// A body of one JSON value, or one that does not say what it is.
pub(super) fn json(headers: &HeaderMap) -> Result<(), Problem> {
    take(headers, &["application/json"], "application/json")
}

/// A body of JSON values, one a line. One value alone is such a body too.
pub(super) fn lines(headers: &HeaderMap) -> Result<(), Problem> {
    take(headers, &[NDJSON, "application/jsonl", "application/json"], "application/x-ndjson, application/jsonl")
}

fn take(headers: &HeaderMap, types: &[&str], accept: &'static str) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let said = value.to_str().unwrap_or_default();
    let essence = said.split(';').next().unwrap_or_default().trim();
    if types.iter().any(|of| essence.eq_ignore_ascii_case(of)) {
        return Ok(());
    }
    Err(Problem::new(Reason::UnsupportedMediaType, format!("send {accept}"))
        .with(header::ACCEPT, HeaderValue::from_static(accept)))
}

/// What a stream is answered as: events where the caller names them, and not lines at least as high.
pub(super) fn reply(headers: &HeaderMap) -> Reply {
    let (mut events, mut lines) = (0.0, 0.0);
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let quality: f32 = quality.and_then(|q| q.parse().ok()).unwrap_or(1.0);
        match name.as_str() {
            EVENTS => events = quality,
            NDJSON | "application/jsonl" => lines = quality,
            _ => {}
        }
    }
    if events > lines { Reply::EventStream } else { Reply::Usual }
}
