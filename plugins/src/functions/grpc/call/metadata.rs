//! Headers as metadata, and back.
//!
//! The caller's headers that pass go along as they are; names that end in `-bin` hold base64, as they do on the wire.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::arguments::from_base64;
use crate::problem::{Problem, Reason};

/// Refuses binary metadata that is not base64: a server would end the whole stream over it.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().ends_with("-bin")) {
        // Several values may share a line (RFC 9110, 5.3).
        if !value.as_bytes().split(|b| *b == b',').all(|one| from_base64(one.trim_ascii()).is_some()) {
            return Err(Problem::new(Reason::InvalidArguments, format!("the header {name} is not base64")));
        }
    }
    Ok(())
}

/// What belongs to gRPC itself, and not to the method.
fn reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with("grpc-")
}

/// Headers of the transport that are no metadata even where they stand among trailers.
fn of_transport(name: &HeaderName) -> bool {
    [header::DATE, header::SERVER, header::VIA, header::ALT_SVC].contains(name)
}

/// Leaves of the upstream's headers what is initial metadata.
pub(super) fn strip(headers: &mut HeaderMap) {
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::TRAILER] {
        headers.remove(name);
    }
    let own: Vec<_> = headers.keys().filter(|name| reserved(name)).cloned().collect();
    own.into_iter().for_each(|name| drop(headers.remove(name)));
}

/// Takes the trailers out of the headers of an answer that has no others: they go where those of any other answer go.
pub(super) fn split_trailers(headers: &mut HeaderMap) -> HeaderMap {
    let trailers = of(headers, |name| !of_transport(name));
    *headers = of(headers, of_transport);
    trailers
}

/// The part of `headers` whose names are wanted.
fn of(headers: &HeaderMap, wanted: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut part = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| wanted(name)) {
        part.append(name, value.clone());
    }
    part
}

/// The trailers of a stream's answer: the method's own.
pub(super) fn own_trailers(trailers: &HeaderMap) -> Option<HeaderMap> {
    let own = of(trailers, |name| !reserved(name) && *name != header::CONTENT_TYPE);
    Some(own).filter(|own| !own.is_empty())
}

/// Adds the method's trailers to a whole answer, as `Grpc-Trailer-{name}`.
pub(super) fn append_trailers(trailers: &HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in own_trailers(trailers).iter().flatten() {
        if let Ok(name) = HeaderName::try_from(format!("grpc-trailer-{name}")) {
            headers.append(name, HeaderValue::clone(value));
        }
    }
}
