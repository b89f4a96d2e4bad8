//! The CORS protocol of the Fetch standard, for the sites that are named.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request};

use super::config::{Cors, Origins};
use crate::filter::Verdict;

static REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
static ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

impl Cors {
    /// The request's `Origin`, if the policy names it.
    pub(super) fn allows<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        match &self.origins {
            Origins::Any => Some(origin),
            Origins::These(sites) => {
                sites.iter().any(|site| origin.as_bytes().eq_ignore_ascii_case(site.as_bytes())).then_some(origin)
            }
        }
    }

    /// Answers a preflight; lets anything else pass, and marks its answer as readable by `origin`.
    pub(super) fn admit(&self, origin: HeaderValue, head: &request::Parts) -> Verdict {
        if head.method == Method::OPTIONS && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return Verdict::Answer(self.preflight(origin, &head.headers));
        }
        let policy = self.clone();
        Verdict::Follow(Box::new(move |answer| policy.mark(origin, &mut answer.headers)))
    }

    fn preflight(&self, origin: HeaderValue, asked: &HeaderMap) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        self.mark(origin, headers);
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        // A policy that names no headers takes those that are asked for: what is let in is the site.
        let allowed = self.headers.clone().or_else(|| asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned());
        if let Some(allowed) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
            headers.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
        }
        if asked.contains_key(&REQUEST_PRIVATE_NETWORK) {
            headers.insert(&ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
        }
        answer
    }

    /// Replaces what the upstream may have said: it does not know who asks here.
    fn mark(&self, origin: HeaderValue, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        match &self.expose {
            Some(expose) => headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone()),
            None => headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS),
        };
    }
}
