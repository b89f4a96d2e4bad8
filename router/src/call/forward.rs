//! Which headers go from the caller to the upstream, and back.

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::connection::Caller;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Takes out what is not for the upstream: what concerns one connection (RFC 9110, 7.6.1), what is for Portolan, what we say
/// ourselves, and conditions where the caller does not read (`reads`: the method is `GET` or `HEAD`).
pub(crate) fn strip_request(headers: &mut HeaderMap, reads: bool) {
    strip(headers, |name| match name {
        "connection"
        | "keep-alive"
        | "proxy-connection"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade"
        | "http2-settings"
        | "content-length"
        | "expect"
        | "request-timeout"
        | "grpc-timeout" => false,
        "range" => reads,
        _ => !name.starts_with("portolan-") && (reads || !name.starts_with("if-")),
    });
}

/// Takes out of an answer what concerns the upstream's connection alone.
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    strip(headers, |name| {
        !matches!(
            name,
            "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding" | "upgrade"
        )
    });
}

/// Takes out what may not `pass`, and what `Connection` names.
fn strip(headers: &mut HeaderMap, pass: impl Fn(&str) -> bool) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        .collect();
    let refused: Vec<HeaderName> = headers.keys().filter(|name| !pass(name.as_str())).cloned().collect();
    for name in refused.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Says for whom we ask: `X-Forwarded-*`. The `Host` that was asked gives way to the upstream's own.
pub(crate) fn introduce(headers: &mut HeaderMap, caller: &Caller, authority: Option<&Authority>) {
    let host = headers.remove(header::HOST);
    let host = match authority {
        Some(authority) => HeaderValue::try_from(authority.as_str()).ok(),
        None => host,
    };
    match host {
        Some(host) => headers.insert(&X_FORWARDED_HOST, host),
        None => headers.remove(&X_FORWARDED_HOST),
    };
    let proto = if caller.exchange.tls { "https" } else { "http" };
    headers.insert(&X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    let before = headers.get_all(&X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    let chain = match before.is_empty() {
        true => None,
        false => {
            HeaderValue::from_bytes(&[&before[..], &[caller.forwarded_for.as_bytes()]].concat().join(&b", "[..])).ok()
        }
    };
    headers.insert(&X_FORWARDED_FOR, chain.unwrap_or_else(|| caller.forwarded_for.clone()));
}

/// Takes out what described the caller's body, where another one is sent.
pub(crate) fn strip_content(headers: &mut HeaderMap) {
    let described: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("content-")).cloned().collect();
    for name in described {
        headers.remove(name);
    }
}

/// Puts `set` in the place of what is there. A name that occurs in it several times keeps all its values.
pub(crate) fn replace(headers: &mut HeaderMap, set: HeaderMap) {
    let mut current = None;
    for (name, value) in set {
        match (name, &current) {
            (Some(name), _) => {
                headers.insert(name.clone(), value);
                current = Some(name);
            }
            (None, Some(name)) => _ = headers.append(name, value),
            // The first of an iteration always has its name.
            (None, None) => {}
        }
    }
}

/// Completes an answer that comes from a function: cookies belong to the upstream's own part of our URLs, nobody guesses types, and
/// what the upstream does not say may be kept is kept by nobody.
pub(crate) fn complete(headers: &mut HeaderMap, base: &str) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    if headers.contains_key(header::SET_COOKIE) {
        let cookies: Vec<_> =
            headers.get_all(header::SET_COOKIE).iter().filter_map(|cookie| rebase(cookie, base)).collect();
        headers.remove(header::SET_COOKIE);
        headers.extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
    }
}

/// A cookie without `Domain`, with our path.
fn rebase(cookie: &HeaderValue, base: &str) -> Option<HeaderValue> {
    let named = |part: &[u8], name: &[u8]| {
        let attribute = part.split(|b| *b == b'=').next().unwrap_or_default();
        attribute.trim_ascii().eq_ignore_ascii_case(name)
    };
    let mut parts = cookie.as_bytes().split(|b| *b == b';');
    let mut kept = parts.next()?.to_vec();
    for part in parts.filter(|part| !named(part, b"domain") && !named(part, b"path")) {
        kept.push(b';');
        kept.extend_from_slice(part);
    }
    kept.extend_from_slice(b"; Path=");
    kept.extend_from_slice(base.as_bytes());
    HeaderValue::from_bytes(&kept).ok()
}
