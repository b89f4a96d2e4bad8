//! API Gateway's payload format 1.0: the last value of what comes several times, and beside it all of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::parts::Parts;
use super::{API, PATH, STAGE};

/// A member that there is never anything for: `null`.
type Null = ();

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    version: &'static str,
    resource: &'static str,
    path: &'static str,
    http_method: &'a str,
    headers: BTreeMap<&'a str, &'a str>,
    multi_value_headers: &'a BTreeMap<&'a str, Vec<Cow<'a, str>>>,
    query_string_parameters: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    multi_value_query_string_parameters: Option<BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>>,
    request_context: Context<'a>,
    path_parameters: Null,
    stage_variables: Null,
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'a str,
    api_id: &'static str,
    authorizer: Null,
    domain_name: &'a str,
    domain_prefix: &'a str,
    extended_request_id: &'a str,
    http_method: &'a str,
    identity: Identity<'a>,
    path: &'static str,
    protocol: &'static str,
    request_id: &'a str,
    request_time: &'a str,
    request_time_epoch: u64,
    resource_id: Null,
    resource_path: &'static str,
    stage: &'static str,
}

/// Who calls; all that is known is where from, and by what.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    access_key: Null,
    account_id: Null,
    caller: Null,
    cognito_authentication_provider: Null,
    cognito_authentication_type: Null,
    cognito_identity_id: Null,
    cognito_identity_pool_id: Null,
    principal_org_id: Null,
    source_ip: &'a str,
    user: Null,
    user_agent: Option<&'a str>,
    user_arn: Null,
    client_cert: Null,
}

pub(super) fn event<'a>(parts: &'a Parts<'a>) -> Event<'a> {
    let pairs = parts.decoded();
    let mut all: BTreeMap<Cow<'_, str>, Vec<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in &pairs {
        all.entry(name.clone()).or_default().push(value.clone());
    }
    let has_query = !pairs.is_empty();
    // REST APIs pass bodies as text unless told otherwise; what is no text cannot be.
    let (body, is_base64_encoded) = parts.body(|_| true);
    Event {
        version: "1.0",
        resource: PATH,
        path: PATH,
        http_method: parts.method,
        headers: parts.last(),
        multi_value_headers: &parts.headers,
        query_string_parameters: has_query.then(|| pairs.into_iter().collect()),
        multi_value_query_string_parameters: has_query.then_some(all),
        request_context: Context {
            account_id: parts.account,
            api_id: API,
            domain_name: &parts.domain,
            domain_prefix: parts.domain_prefix(),
            extended_request_id: &parts.request_id,
            http_method: parts.method,
            identity: Identity {
                source_ip: &parts.source_ip,
                user_agent: parts.user_agent.as_deref(),
                ..Identity::default()
            },
            path: PATH,
            protocol: "HTTP/1.1",
            request_id: &parts.request_id,
            request_time: &parts.time,
            request_time_epoch: parts.epoch,
            resource_path: PATH,
            stage: STAGE,
            ..Context::default()
        },
        path_parameters: (),
        stage_variables: (),
        body,
        is_base64_encoded,
    }
}
