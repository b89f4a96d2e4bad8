//! A dry run: what would be sent, without sending it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use plugins::{Outgoing, OutgoingBody, Problem, Reason};
use serde_json::{Map, Value, json};

use crate::body::Body;
use crate::transport::Destination;

/// Asks for a dry run, by `1`.
pub(crate) static PORTOLAN_DRY_RUN: HeaderName = HeaderName::from_static("portolan-dry-run");

/// Headers that are credentials whatever the function.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// Whether the caller wants one. What is not understood is refused: it would be a call that nobody wants.
pub(crate) fn is_asked(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(&PORTOLAN_DRY_RUN).map(HeaderValue::as_bytes) {
        None => Ok(false),
        Some(b"1") => Ok(true),
        Some(_) => Err(Problem::new(Reason::InvalidArguments, "The header Portolan-Dry-Run takes 1")),
    }
}

/// What `request`, with this body, would be; `path` is its target without credentials, `secret` the headers that are some.
pub(crate) fn show(
    to: Option<&Destination>,
    path: &str,
    secret: &[HeaderName],
    request: &Request<Body>,
    body: &OutgoingBody,
) -> Response<Bytes> {
    let authority = to.map_or_else(|| "-".to_owned(), Destination::authority);
    let scheme = to.map_or("http", Destination::scheme);
    let mut headers = Map::from_iter([("host".to_owned(), authority.clone().into())]);
    for name in request.headers().keys().filter(|name| **name != header::HOST) {
        let values = request.headers().get_all(name).iter().map(|value| {
            match CREDENTIALS.contains(name) || secret.contains(name) || value.is_sensitive() {
                true => Outgoing::HIDDEN.into(),
                false => String::from_utf8_lossy(value.as_bytes()),
            }
        });
        headers.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
    }
    let shown = json!({
        "method": request.method().as_str(),
        "url": format!("{scheme}://{authority}{path}"),
        "headers": headers,
        "body": body_of(body),
    });
    let mut answer = Response::new(Bytes::from(shown.to_string()));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// JSON as it is, text as text, and for the rest what it is.
fn body_of(body: &OutgoingBody) -> Value {
    match body {
        OutgoingBody::Empty => Value::Null,
        OutgoingBody::Full(bytes) => match (serde_json::from_slice(bytes), std::str::from_utf8(bytes)) {
            (Ok(json), _) => json,
            (_, Ok(text)) => text.into(),
            _ => format!("({} bytes)", bytes.len()).into(),
        },
        OutgoingBody::Stream | OutgoingBody::Map(_) => "(the caller's own, as it comes)".into(),
    }
}
