//! API Gateway's payload format 2.0, which function URLs have too: several values are joined by commas, cookies stand apart, and what
//! there is not is left out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::parts::Parts;
use super::{API, PATH, STAGE};

/// The name of the route that takes what no other does.
const ROUTE: &str = "$default";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'static str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<&'a str>,
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<Cow<'a, str>, String>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'a str,
    api_id: &'static str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'static str,
    stage: &'static str,
    time: &'a str,
    time_epoch: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'static str,
    protocol: &'static str,
    source_ip: &'a str,
    user_agent: &'a str,
}

/// Types whose bodies are passed as text.
fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || ["+json", "+xml"].iter().any(|end| media_type.ends_with(end))
        || ["application/json", "application/xml", "application/javascript"].contains(&media_type)
}

pub(super) fn event<'a>(parts: &'a Parts<'a>) -> Event<'a> {
    let mut query: BTreeMap<Cow<'_, str>, String> = BTreeMap::new();
    for (name, value) in parts.decoded() {
        let all = query.entry(name);
        all.and_modify(|all| *all = format!("{all},{value}")).or_insert_with(|| value.into_owned());
    }
    let cookies = parts.headers.get("cookie").map(Vec::as_slice).unwrap_or_default();
    let headers = parts.headers.iter().filter(|(name, _)| **name != "cookie");
    let (body, is_base64_encoded) = parts.body(is_text);
    Event {
        version: "2.0",
        route_key: ROUTE,
        raw_path: PATH,
        raw_query_string: parts.query,
        cookies: cookies.iter().flat_map(|line| line.split(';')).map(str::trim).filter(|one| !one.is_empty()).collect(),
        headers: headers.map(|(name, values)| (*name, values.join(","))).collect(),
        query_string_parameters: query,
        request_context: Context {
            account_id: parts.account,
            api_id: API,
            domain_name: &parts.domain,
            domain_prefix: parts.domain_prefix(),
            http: Http {
                method: parts.method,
                path: PATH,
                protocol: "HTTP/1.1",
                source_ip: &parts.source_ip,
                user_agent: parts.user_agent.as_deref().unwrap_or_default(),
            },
            request_id: &parts.request_id,
            route_key: ROUTE,
            stage: STAGE,
            time: &parts.time,
            time_epoch: parts.epoch,
        },
        body,
        is_base64_encoded,
    }
}
