//! What can go wrong with a call, each with its status, its blame and what a caller is told (RFC 9457, RFC 9209).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

static PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Whose fault it is: a label of the metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    /// The caller asked for something that cannot be done.
    Caller,
    /// The upstream failed.
    Upstream,
    /// Portolan failed, or its configuration.
    Us,
}

/// Everything that Portolan itself answers with instead of an upstream. One row each in [`Reason::TABLE`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// Arguments do not fit the schema or name nothing.
    InvalidArguments,
    /// The body is not what its type says.
    MalformedBody,
    /// No or no valid token.
    Unauthorized,
    /// The token does not allow this.
    Forbidden,
    /// Function URLs are closed on this listener.
    FunctionsClosed,
    /// A browser's page of another site asks.
    ForeignOrigin,
    /// No such upstream.
    UnknownUpstream,
    /// No such function on this upstream.
    UnknownFunction,
    /// Nothing is at this path.
    NotFound,
    /// The function cannot be called with this method.
    MethodNotAllowed,
    /// The body does not come in time.
    SlowBody,
    /// Contradicts what is there.
    Conflict,
    /// No longer kept.
    Gone,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The function does not take this type.
    UnsupportedMediaType,
    /// The upstream takes no more calls now.
    Throttled,
    /// Portolan broke.
    Internal,
    /// The function's description cannot be turned into a call.
    Unbindable,
    /// No connection to any endpoint.
    Unreachable,
    /// The connection broke before the answer was whole.
    Reset,
    /// The upstream's answer is not understood.
    BadAnswer,
    /// The function ran, and failed.
    FunctionFailed,
    /// The upstream could not run the function.
    UpstreamFailed,
    /// The upstream refuses our credentials.
    CredentialsRefused,
    /// There are no credentials to call the upstream with.
    NoCredentials,
    /// No endpoint gets requests now.
    NoEndpoint,
    /// A limit of ours is reached.
    Overloaded,
    /// The store or another part is away.
    Unavailable,
    /// The time is over.
    Deadline,
}

/// One row of the table: name in URLs and metrics, status, `Proxy-Status` error type (RFC 9209, 2.3), blame, title.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The reason.
    pub reason: Reason,
    /// Ends `urn:portolan:problem:`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// RFC 9209's error type.
    pub proxy_status: &'static str,
    /// Whose fault.
    pub blame: Blame,
    /// One line for people.
    pub title: &'static str,
}

impl Blame {
    /// As the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Upstream => "upstream",
            Self::Us => "portolan",
        }
    }
}

impl Reason {
    /// All reasons, in the order of the enum.
    #[rustfmt::skip]
    pub const TABLE: &'static [Row] = {
        use Blame::{Caller, Upstream, Us};
        use Reason as R;
        const fn row(reason: Reason, name: &'static str, status: u16, proxy_status: &'static str, blame: Blame, title: &'static str) -> Row {
            Row { reason, name, status, proxy_status, blame, title }
        }
        &[
            row(R::InvalidArguments, "invalid-arguments", 400, "http_request_error", Caller, "The arguments do not fit the function"),
            row(R::MalformedBody, "malformed-body", 400, "http_request_error", Caller, "The body is not what its type says"),
            row(R::Unauthorized, "unauthorized", 401, "http_request_denied", Caller, "A valid token is needed"),
            row(R::Forbidden, "forbidden", 403, "http_request_denied", Caller, "The token does not allow this"),
            row(R::FunctionsClosed, "functions-closed", 403, "http_request_denied", Caller, "Function URLs are closed on this listener"),
            row(R::ForeignOrigin, "foreign-origin", 403, "http_request_denied", Caller, "Another site's page may not ask"),
            row(R::UnknownUpstream, "unknown-upstream", 404, "destination_not_found", Caller, "There is no such upstream"),
            row(R::UnknownFunction, "unknown-function", 404, "destination_not_found", Caller, "The upstream has no such function"),
            row(R::NotFound, "not-found", 404, "destination_not_found", Caller, "Nothing is here"),
            row(R::MethodNotAllowed, "method-not-allowed", 405, "http_request_error", Caller, "The function cannot be called with this method"),
            row(R::SlowBody, "slow-body", 408, "http_request_error", Caller, "The body did not come in time"),
            row(R::Conflict, "conflict", 409, "http_request_error", Caller, "This contradicts what is there"),
            row(R::Gone, "gone", 410, "http_request_error", Caller, "This is no longer kept"),
            row(R::BodyTooLarge, "body-too-large", 413, "http_request_error", Caller, "The body is too large"),
            row(R::UnsupportedMediaType, "unsupported-media-type", 415, "http_request_error", Caller, "The function does not take this type"),
            row(R::Throttled, "throttled", 429, "destination_unavailable", Upstream, "The upstream takes no more calls now"),
            row(R::Internal, "internal", 500, "proxy_internal_error", Us, "Portolan failed"),
            row(R::Unbindable, "unbindable", 500, "proxy_configuration_error", Us, "The function's description cannot be turned into a call"),
            row(R::Unreachable, "unreachable", 502, "connection_refused", Upstream, "The upstream cannot be reached"),
            row(R::Reset, "reset", 502, "connection_terminated", Upstream, "The upstream broke the connection"),
            row(R::BadAnswer, "bad-answer", 502, "http_protocol_error", Upstream, "The upstream's answer is not understood"),
            row(R::FunctionFailed, "function-failed", 502, "http_protocol_error", Upstream, "The function failed"),
            row(R::UpstreamFailed, "upstream-failed", 502, "destination_unavailable", Upstream, "The upstream could not run the function"),
            row(R::CredentialsRefused, "credentials-refused", 502, "proxy_configuration_error", Us, "The upstream refuses Portolan's credentials"),
            row(R::NoCredentials, "no-credentials", 503, "proxy_configuration_error", Us, "There are no credentials to call the upstream with"),
            row(R::NoEndpoint, "no-endpoint", 503, "destination_unavailable", Upstream, "The upstream has no healthy endpoint"),
            row(R::Overloaded, "overloaded", 503, "connection_limit_reached", Us, "A limit is reached"),
            row(R::Unavailable, "unavailable", 503, "proxy_internal_error", Us, "A part of Portolan is away"),
            row(R::Deadline, "deadline", 504, "http_response_timeout", Upstream, "The time is over"),
        ]
    };

    /// Its row.
    pub fn row(self) -> &'static Row {
        &Self::TABLE[self as usize]
    }
}

/// One thing that is wrong with the arguments.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fault {
    /// A JSON pointer into the arguments as a URI fragment: `#/lines/0`.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// The most faults that one answer lists.
pub const MAX_FAULTS: usize = 32;

/// Why a call ended without the upstream's answer. What it says is public: no secrets, no internals.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {detail}", reason.row().title)]
pub struct Problem {
    /// Which row of the table.
    pub reason: Reason,
    /// This occurrence, for a person; says what to do next where one can.
    pub detail: String,
    /// Each thing that is wrong with the arguments, at most [`MAX_FAULTS`].
    pub faults: Vec<Fault>,
    /// Headers that the answer has beside the usual ones: `Allow`, `Accept`, `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Members that the answer has beside the usual ones: what a function that failed says of it.
    pub members: Vec<(&'static str, Value)>,
}

impl Problem {
    /// An occurrence of `reason`.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), faults: Vec::new(), headers: Vec::new(), members: Vec::new() }
    }

    /// Arguments in which these things are wrong.
    pub fn of_arguments(faults: Vec<Fault>) -> Self {
        let detail = match &faults[..] {
            [one] => format!("{}: {}", one.pointer, one.detail),
            several => format!("{} things are wrong", several.len()),
        };
        Self::new(Reason::InvalidArguments, detail).because(faults)
    }

    /// The same with one header more.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with one member more.
    pub fn saying(mut self, member: &'static str, value: Value) -> Self {
        self.members.push((member, value));
        self
    }

    /// The same with the things that are wrong.
    pub fn because(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self.faults.truncate(MAX_FAULTS);
        self
    }
}

/// What an answer says beside its problem.
#[derive(Clone, Copy, Debug, Default)]
pub struct Occasion<'a> {
    /// The upstream that was asked for.
    pub upstream: Option<&'a str>,
    /// The function that was asked for.
    pub function: Option<&'a str>,
    /// The request's id.
    pub request_id: Option<&'a str>,
}

/// The members of `application/problem+json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Fault],
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    members: BTreeMap<&'static str, &'a Value>,
}

impl Problem {
    /// The answer that says it: `application/problem+json` (RFC 9457) with `Proxy-Status` (RFC 9209), kept by nobody.
    pub fn answer(&self, occasion: &Occasion<'_>) -> Response<Bytes> {
        let row = self.reason.row();
        let text = Text {
            r#type: format!("urn:portolan:problem:{}", row.name),
            title: row.title,
            status: row.status,
            detail: &self.detail,
            errors: &self.faults,
            upstream: occasion.upstream,
            function: occasion.function,
            request_id: occasion.request_id,
            members: self.members.iter().map(|(name, value)| (*name, value)).collect(),
        };
        let mut answer = Response::new(serde_json::to_vec(&text).unwrap_or_default().into());
        *answer.status_mut() = StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let status = HeaderValue::try_from(format!("portolan; error={}", row.proxy_status));
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(&PROXY_STATUS, status.expect("the table has tokens only"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        headers.extend(self.headers.iter().cloned());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (at, row) in Reason::TABLE.iter().enumerate() {
            assert_eq!(row.reason as usize, at, "{}", row.name);
        }
        assert_eq!(Reason::TABLE.len(), Reason::Deadline as usize + 1);
    }
}
