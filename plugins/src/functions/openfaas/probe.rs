//! Asks a gateway of OpenFaaS for its functions, in each namespace that it has.
//!
//! Only what its registration calls such a gateway is asked, as any other service would only write one more 404 into its log.

use catalog::model::{Digest, UpstreamSpec};
use catalog::report::Finding;
use futures_util::future::BoxFuture;
use http::StatusCode;

use super::OpenFaas;
use super::list;
use crate::fetch::{Fetch, FetchError, Fetched, Get};
use crate::probe::{Probe, ProbeError, Target};

/// Where the functions of one namespace are listed.
const FUNCTIONS: &str = "/system/functions";
/// Where namespaces are listed; not every edition has more than one.
const NAMESPACES: &str = "/system/namespaces";
/// The most namespaces that are asked for.
const MOST_NAMESPACES: usize = 100;
/// Part of every digest: raised when the same list is described differently than before.
const DESCRIBER: &[u8] = b"openfaas 1";

impl Probe for OpenFaas {
    fn looks_at(&self, spec: &UpstreamSpec) -> bool {
        let is = |label: &str, value: &str| spec.labels.get(label).is_some_and(|there| there == value);
        let is_called = |host: &str| host == "gateway.openfaas" || host.starts_with("gateway.openfaas.");
        (is("app", "openfaas") && is("component", "gateway")) || spec.host.as_deref().is_some_and(is_called)
    }

    fn probe<'a>(&'a self, target: &'a Target, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Finding, ProbeError>> {
        Box::pin(look(target, fetch))
    }
}

async fn look(target: &Target, fetch: &dyn Fetch) -> Result<Finding, ProbeError> {
    let own = get(fetch, FUNCTIONS).await?;
    if !own.status.is_success() {
        return refused(own.status);
    }
    let Ok(functions) = list::read(&own.body) else { return Ok(Finding::NotThis) };
    // The gateway's own namespace is listed without its name; where it is empty, so is its other list.
    let own = functions.first().and_then(|function| function.namespace.clone());
    let mut all = vec![(None, functions)];
    for namespace in namespaces(fetch).await?.into_iter().filter(|namespace| Some(namespace) != own.as_ref()) {
        let location = format!("{FUNCTIONS}?namespace={namespace}");
        let answer = get(fetch, &location).await?;
        if !answer.status.is_success() {
            return refused(answer.status);
        }
        let unreadable = |cause| ProbeError::Unreadable { location, cause };
        all.push((Some(namespace), list::read(&answer.body).map_err(unreadable)?));
    }
    let description = list::describe(all);
    let parts = description.functions.iter().flat_map(|function| {
        [function.name.as_bytes(), b"\0", function.description.as_deref().unwrap_or_default().as_bytes(), b"\0"]
    });
    let digest = Digest::of([DESCRIBER].into_iter().chain(parts));
    if target.known.as_ref().is_some_and(|known| known.digest == digest) {
        return Ok(Finding::Unchanged { hint: None });
    }
    Ok(Finding::Found { description: Box::new(description), digest, tls: fetch.tls().await?, hint: None })
}

async fn get(fetch: &dyn Fetch, location: &str) -> Result<Fetched, FetchError> {
    fetch.get(Get { location, accept: "application/json", unless: None, bounds: None }).await
}

/// The namespaces that a name can stand for in a query; none where the gateway does not say.
async fn namespaces(fetch: &dyn Fetch) -> Result<Vec<String>, FetchError> {
    let answer = get(fetch, NAMESPACES).await?;
    let listed: Vec<String> = match answer.status {
        StatusCode::OK => serde_json::from_slice(&answer.body).unwrap_or_default(),
        _ => Vec::new(),
    };
    let is_plain = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    Ok(listed.into_iter().filter(is_plain).take(MOST_NAMESPACES).collect())
}

fn refused(status: StatusCode) -> Result<Finding, ProbeError> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ProbeError::Answered(format!(
            "the gateway answers {status}: it asks for credentials, and Secrets are not read yet"
        ))),
        status if status.is_server_error() => Err(ProbeError::Answered(format!("{FUNCTIONS} answers {status}"))),
        _ => Ok(Finding::NotThis),
    }
}
