//! What a function is sent: the caller's JSON as it is, or with what the query says beside it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value};

use crate::arguments::{Coerce, parse, pointer};
use crate::call::{Arguments, Content};
use crate::problem::{Fault, Problem, Reason};

/// Refuses what a function cannot be sent. A body that does not say what it is may be JSON.
pub(super) fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let said = value.to_str().unwrap_or_default();
    let essence = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        return Ok(());
    }
    Err(Problem::new(Reason::UnsupportedMediaType, "the payload of a Lambda function is application/json")
        .with(header::ACCEPT, HeaderValue::from_static("application/json")))
}

/// The caller's body.
pub(super) fn of(content: Content<'_>) -> &[u8] {
    match content {
        Content::Json(bytes) | Content::Whole(bytes) => bytes,
        Content::None | Content::Stream => b"",
    }
}

/// The payload, if it is not longer than AWS takes.
pub(super) fn within(payload: Vec<u8>, limit: usize) -> Result<Bytes, Problem> {
    match payload.len() <= limit {
        true => Ok(payload.into()),
        false => Err(Problem::new(
            Reason::BodyTooLarge,
            format!("the payload would have {} KiB, and may have {}", payload.len() >> 10, limit >> 10),
        )),
    }
}

/// The caller's object with the query's parameters in it; `None` where there is no query, and the body is the payload.
pub(super) fn with_query(arguments: &Arguments<'_>, coerce: &Coerce) -> Result<Option<Vec<u8>>, Problem> {
    let Some(query) = arguments.query.filter(|query| !query.is_empty()) else { return Ok(None) };
    let body = of(arguments.content);
    let mut members: Map<String, Value> = match body.trim_ascii().is_empty() {
        true => Map::new(),
        false => match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => members,
            Ok(_) => {
                let detail = "the body is the whole payload; there may be no parameters beside it";
                return Err(Problem::new(Reason::InvalidArguments, detail));
            }
            Err(e) => return Err(Problem::new(Reason::MalformedBody, format!("the body is not JSON: {e}"))),
        },
    };
    let given = parse(query, coerce).map_err(Problem::of_arguments)?;
    let twice = given.keys().filter(|name| members.contains_key(*name));
    let faults: Vec<_> = twice
        .map(|name| Fault {
            pointer: pointer([name.as_str()]),
            detail: "is given in the body and as a parameter".into(),
        })
        .collect();
    if !faults.is_empty() {
        return Err(Problem::of_arguments(faults));
    }
    members.extend(given);
    serde_json::to_vec(&members).map(Some).map_err(|_| Problem::new(Reason::Internal, "the payload has no JSON form"))
}
