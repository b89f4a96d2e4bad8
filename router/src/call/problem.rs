//! A problem as an answer: `application/problem+json` (RFC 9457) with `Proxy-Status` (RFC 9209).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use plugins::{Fault, Problem};
use serde::Serialize;

use super::target;

static PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

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
    request_id: &'a str,
}

/// The answer that says what is wrong with the request `id` of `path`.
pub(crate) fn render(problem: &Problem, path: &str, id: &HeaderValue) -> Response<Bytes> {
    let row = problem.reason.row();
    let target = target::parse(path).ok();
    let text = Text {
        r#type: format!("urn:portolan:problem:{}", row.name),
        title: row.title,
        status: row.status,
        detail: &problem.detail,
        errors: &problem.faults,
        upstream: target.as_ref().map(|target| &*target.upstream),
        function: target.as_ref().map(|target| &*target.function),
        request_id: id.to_str().unwrap_or_default(),
    };
    let mut answer = Response::new(serde_json::to_vec(&text).unwrap_or_default().into());
    *answer.status_mut() = StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let status = HeaderValue::try_from(format!("portolan; error={}", row.proxy_status));
    let headers: &mut HeaderMap = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(&PROXY_STATUS, status.expect("the table has tokens only"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.extend(problem.headers.iter().cloned());
    answer
}
