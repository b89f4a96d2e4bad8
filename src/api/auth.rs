//! Who may use the admin address: the write token for everything, the read token for looking.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, header};
use plugins::Reason;
use tokio::sync::watch;

use super::problem::Failure;
use crate::admin::Keys;
use crate::config::AdminTokens;

/// Paths that everybody may ask: load balancers have no token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Lets a request pass, or says why not. Changes are logged with who made them.
pub(crate) async fn authorize(State(keys): State<watch::Receiver<Keys>>, request: Request, next: Next) -> Response {
    let tokens = keys.borrow().tokens.clone();
    let refused = match OPEN.contains(&request.uri().path()) {
        true => None,
        false => refusal(&tokens, request.method(), request.headers()),
    };
    let Some(reason) = refused else {
        if !looks(request.method()) {
            let by = if tokens.write.is_some() { "write-token" } else { "loopback" };
            tracing::info!(by, method = %request.method(), path = request.uri().path(), "admin.change");
        }
        return next.run(request).await;
    };
    match reason {
        Reason::Unauthorized => {
            let mut failure = Failure::new(reason, "send the token of --admin-token-file as `Authorization: Bearer`");
            let challenge = HeaderValue::from_static("Bearer realm=\"portolan\"");
            failure.0.headers.push((header::WWW_AUTHENTICATE, challenge));
            failure.into_response()
        }
        _ => Failure::new(reason, "the read token only looks; changes need that of --admin-token-file").into_response(),
    }
}

fn looks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn refusal(tokens: &AdminTokens, method: &Method, headers: &HeaderMap) -> Option<Reason> {
    let Some(write) = &tokens.write else {
        // Without a token the address is on loopback, and whoever is there may do everything.
        return None;
    };
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(bearer);
    let Some(given) = given else { return Some(Reason::Unauthorized) };
    if same(given, &write.0) {
        return None;
    }
    match &tokens.read {
        Some(read) if same(given, &read.0) => (!looks(method)).then_some(Reason::Forbidden),
        _ => Some(Reason::Unauthorized),
    }
}

/// The token of `Bearer TOKEN` (RFC 6750, 2.1); the scheme's case does not count.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares in a time that depends on the lengths alone.
fn same(given: &str, secret: &str) -> bool {
    given.len() == secret.len() && given.bytes().zip(secret.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn each_token_does_what_it_may() {
        let tokens = |write: &str, read: &str| AdminTokens {
            write: Some(Secret(write.to_owned())).filter(|t| !t.0.is_empty()),
            read: Some(Secret(read.to_owned())).filter(|t| !t.0.is_empty()),
        };
        let check = |tokens: &AdminTokens, method: Method, sent: &str, expected: Option<Reason>| {
            let mut headers = HeaderMap::new();
            if !sent.is_empty() {
                headers.insert(header::AUTHORIZATION, sent.parse().unwrap());
            }
            assert_eq!(refusal(tokens, &method, &headers), expected, "{method} {sent}");
        };
        let both = tokens("wwww", "rrrr");
        check(&both, Method::GET, "", Some(Reason::Unauthorized));
        check(&both, Method::GET, "Bearer rrrr", None);
        check(&both, Method::DELETE, "Bearer rrrr", Some(Reason::Forbidden));
        check(&both, Method::DELETE, "bearer wwww", None);
        check(&both, Method::DELETE, "Bearer wwwx", Some(Reason::Unauthorized));
        check(&both, Method::GET, "Basic wwww", Some(Reason::Unauthorized));
        check(&both, Method::GET, "Bearer", Some(Reason::Unauthorized));
        check(&tokens("wwww", ""), Method::GET, "Bearer ", Some(Reason::Unauthorized));
        check(&tokens("", ""), Method::DELETE, "", None);
    }
}
