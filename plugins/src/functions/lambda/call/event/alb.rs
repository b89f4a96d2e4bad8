//! An Application Load Balancer's event: the last value of what comes several times, or all of them where the target group has multi-value
//! headers; the query as it was sent.

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
    #[serde(flatten)]
    values: Values<'a>,
    body: Cow<'a, str>,
    is_base64_encoded: bool,
}

/// A target group has one or the other.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Values<'a> {
    Last {
        query_string_parameters: BTreeMap<&'a str, &'a str>,
        headers: BTreeMap<&'a str, &'a str>,
    },
    All {
        multi_value_query_string_parameters: BTreeMap<&'a str, Vec<&'a str>>,
        multi_value_headers: &'a BTreeMap<&'a str, Vec<Cow<'a, str>>>,
    },
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

/// With the last value of each header and parameter.
pub(super) fn event<'a>(parts: &'a Parts<'a>) -> Event<'a> {
    let query = parts.encoded().into_iter().collect();
    with(parts, Values::Last { query_string_parameters: query, headers: parts.last() })
}

/// With all values.
pub(super) fn multi_value<'a>(parts: &'a Parts<'a>) -> Event<'a> {
    let mut query: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in parts.encoded() {
        query.entry(name).or_default().push(value);
    }
    with(parts, Values::All { multi_value_query_string_parameters: query, multi_value_headers: &parts.headers })
}

fn with<'a>(parts: &'a Parts<'a>, values: Values<'a>) -> Event<'a> {
    let (body, is_base64_encoded) = parts.body(is_text);
    Event {
        request_context: Context { elb: Elb { target_group_arn: "" } },
        http_method: parts.method,
        path: PATH,
        values,
        body: body.unwrap_or_default(),
        is_base64_encoded,
    }
}
