//! Which headers go from the caller to the upstream, and back.

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use plugins::call::FOR_BINDINGS;

use crate::connection::Caller;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What is to be done about a caller's headers, as one look over them tells: mostly nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Noticed {
    /// Some are not for the upstream.
    pub(crate) private: bool,
    /// Some describe the body.
    pub(crate) content: bool,
    /// There is a proxy in front that says for whom it asks.
    pub(crate) forwarded: bool,
    /// There are cookies.
    pub(crate) cookies: bool,
    /// A time limit is asked for.
    pub(crate) timeout: bool,
    /// A dry run may be asked for.
    pub(crate) dry_run: bool,
    /// Something is asked of the binding.
    pub(crate) for_binding: bool,
}

impl Noticed {
    /// The look; `reads` says that the method is `GET` or `HEAD`.
    pub(crate) fn of(headers: &HeaderMap, reads: bool) -> Self {
        let mut noticed = Self::default();
        for name in headers.keys() {
            let name = name.as_str();
            match name {
                "request-timeout" | "grpc-timeout" => noticed.timeout = true,
                "portolan-dry-run" => noticed.dry_run = true,
                "x-forwarded-for" => noticed.forwarded = true,
                "cookie" => noticed.cookies = true,
                _ => {}
            }
            noticed.for_binding |= is_for_binding(name);
            noticed.private |= is_private(name, reads);
            noticed.content |= name.starts_with("content-");
        }
        noticed
    }
}

/// Whether a header is not for the upstream: it concerns one connection (RFC 9110, 7.6.1), or Portolan, or is what we say ourselves,
/// or a condition where the caller does not read.
fn is_private(name: &str, reads: bool) -> bool {
    match name {
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
        | "grpc-timeout" => true,
        "range" => !reads,
        _ => (name.starts_with("portolan-") && !is_for_binding(name)) || (!reads && name.starts_with("if-")),
    }
}

/// Whether a header asks something of the binding, which has to see it; it goes no further.
fn is_for_binding(name: &str) -> bool {
    name.starts_with("portolan-") && FOR_BINDINGS.iter().any(|of| of.as_str() == name)
}

/// Takes out what is not for the upstream.
pub(crate) fn strip_request(headers: &mut HeaderMap, reads: bool) {
    strip(headers, |name| is_private(name, reads));
}

/// Makes one field of cookies that HTTP/2 sends apart (RFC 9113, 8.2.3): servers of HTTP/1.1 look at the first alone.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let apart = headers.get_all(header::COOKIE);
    if apart.iter().nth(1).is_none() {
        return;
    }
    let all: Vec<_> = apart.iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

/// Takes out of an answer what concerns the upstream's connection alone.
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    let is_private = |name: &str| {
        matches!(
            name,
            "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding" | "upgrade"
        )
    };
    if headers.keys().any(|name| is_private(name.as_str())) {
        strip(headers, is_private);
    }
}

/// Takes out what is private, and what `Connection` names.
fn strip(headers: &mut HeaderMap, is_private: impl Fn(&str) -> bool) {
    let named = headers.get_all(header::CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let named = named.filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok());
    let private = headers.keys().filter(|name| is_private(name.as_str())).cloned();
    for name in named.chain(private).collect::<Vec<_>>() {
        headers.remove(name);
    }
}

/// Says for whom we ask: `X-Forwarded-*`. The `Host` stays for the transport to replace. `chained`: there is a proxy in front.
pub(crate) fn introduce(headers: &mut HeaderMap, caller: &Caller, authority: Option<&Authority>, chained: bool) {
    let host = match authority {
        Some(authority) => HeaderValue::try_from(authority.as_str()).ok(),
        None => headers.get(header::HOST).cloned(),
    };
    match host {
        Some(host) => headers.insert(&X_FORWARDED_HOST, host),
        None => headers.remove(&X_FORWARDED_HOST),
    };
    let proto = if caller.exchange.tls { "https" } else { "http" };
    headers.insert(&X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    let chain = if chained { chain(headers, caller) } else { None };
    headers.insert(&X_FORWARDED_FOR, chain.unwrap_or_else(|| caller.forwarded_for.clone()));
}

/// Who is in front, and after them the caller.
fn chain(headers: &HeaderMap, caller: &Caller) -> Option<HeaderValue> {
    let before = headers.get_all(&X_FORWARDED_FOR).iter();
    let all: Vec<_> = before.chain([&caller.forwarded_for]).map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&all.join(&b", "[..])).ok()
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
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
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
