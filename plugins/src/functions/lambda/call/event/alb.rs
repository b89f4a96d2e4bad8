//! An Application Load Balancer's event, of a target group without multi-value headers: the last value of what comes several times, and
//! the query as it was sent.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::PATH;
use super::parts::Parts;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    request_context: Context,
    http_method: &'a str,
    path: &'static str,
    query_string_parameters: BTreeMap<&'a str, &'a str>,
    headers: BTreeMap<&'a str, &'a str>,
    body: Cow<'a, str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
struct Context {
    elb: Elb,
}

/// There is no target group; the empty name says so.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Elb {
    target_group_arn: &'static str,
}

/// Types whose bodies are passed as they are.
fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&media_type)
}

pub(super) fn event<'a>(parts: &'a Parts<'a>) -> Event<'a> {
    let (body, is_base64_encoded) = parts.body(is_text);
    Event {
        request_context: Context { elb: Elb { target_group_arn: "" } },
        http_method: parts.method,
        path: PATH,
        query_string_parameters: parts.encoded().into_iter().collect(),
        headers: parts.last(),
        body: body.unwrap_or_default(),
        is_base64_encoded,
    }
}
