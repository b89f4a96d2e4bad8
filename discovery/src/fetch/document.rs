//! One document: asked for, its redirects followed on the same host, its body decoded and bounded.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, IF_NONE_MATCH, LOCATION};
use plugins::{FetchError, Fetched, Get};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, Response};
use tokio::time::Instant;
use url::{Host, Position, Url};

use super::clock::Clock;
use super::place::{Place, authority};
use super::{Bound, CONNECT, REDIRECTS, Round, USER_AGENT, WHOLE};
use crate::policy::AddressPolicy;

/// What is read of an answer that is no document, so that its connection can be used again.
const REFUSAL: usize = 64 << 10;

/// Follows `get` to its end.
pub(super) async fn get(bound: &Bound<'_>, get: Get<'_>) -> Result<Fetched, FetchError> {
    let round = bound.round;
    let tls = round.spoken().await?;
    let allowed = &round.shared.allowed_hosts;
    let mut place = round.address.place(tls, get.location, allowed)?;
    let mut clock = Clock::new(get.bounds.map_or(WHOLE, |bounds| bounds.time.min(WHOLE)));
    for _ in 0..=REDIRECTS {
        let began = Instant::now();
        let asked = format!("GET {}", shown(&place));
        let answered = once(round, tls, &place, &get, &mut clock).await;
        bound.round.record(Some(bound.kind.clone()), asked, summary(&answered), began);
        let fetched = answered?;
        let Some(location) = redirect(&fetched) else { return Ok(fetched) };
        place = round.address.redirected(tls, &place, location, allowed)?;
    }
    Err(FetchError::RedirectLoop(REDIRECTS))
}

/// A place for people: a query may hold a key, so it is left out.
fn shown(place: &Place) -> String {
    match place.own {
        true => without_query(&place.url[Position::BeforePath..]),
        false => without_query(place.url.as_str()),
    }
}

fn without_query(location: &str) -> String {
    location.split_once('?').map_or_else(|| location.to_owned(), |(path, _)| format!("{path}?…"))
}

fn redirect(fetched: &Fetched) -> Option<&str> {
    let follow = matches!(fetched.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    fetched.headers.get(LOCATION).filter(|_| follow)?.to_str().ok()
}

fn summary(answered: &Result<Fetched, FetchError>) -> String {
    let fetched = match answered {
        Ok(fetched) => fetched,
        Err(error) => return error.to_string(),
    };
    let status = fetched.status.as_u16();
    if let Some(location) = redirect(fetched) {
        return format!("{status} to {}", without_query(location));
    }
    let header = fetched.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match fetched.status {
        StatusCode::NOT_MODIFIED => format!("{status}, not modified"),
        _ => format!("{status} {}, {} bytes", header.unwrap_or("without a type"), fetched.body.len()),
    }
}

/// One request and its answer.
async fn once(
    round: &Round,
    tls: bool,
    place: &Place,
    get: &Get<'_>,
    clock: &mut Clock,
) -> Result<Fetched, FetchError> {
    let request = if place.own {
        let client = round.client.get_or_try_init(|| own_client(round, tls)).await?;
        client.get(round.address.wire(tls, place)?).header(HOST, authority(&place.url))
    } else {
        elsewhere(round, &place.url).await?.get(place.url.clone())
    };
    let request = request.header(ACCEPT, get.accept);
    let request = match get.unless {
        Some(etag) => request.header(IF_NONE_MATCH, etag),
        None => request,
    };
    let response = clock.run(request.send()).await?.map_err(error)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = match (status.is_success(), get.bounds) {
        (true, None) => {
            let declared = response.content_length();
            round.shared.budget.read(declared, response.bytes_stream().map_err(error), clock).await?
        }
        (true, Some(bounds)) => clock.run(beginning(response, bounds.body)).await??,
        (false, bounds) => {
            clock.run(beginning(response, bounds.map_or(REFUSAL, |bounds| bounds.body.min(REFUSAL)))).await??
        }
    };
    Ok(Fetched { url: place.url.clone(), status, headers, body })
}

/// The first `most` bytes of an answer's body.
async fn beginning(mut response: Response, most: usize) -> Result<Bytes, FetchError> {
    let mut body = Vec::new();
    while body.len() < most
        && let Some(chunk) = response.chunk().await.map_err(error)?
    {
        body.extend_from_slice(&chunk[..chunk.len().min(most - body.len())]);
    }
    Ok(body.into())
}

/// A client that can reach the round's endpoint and nothing else.
async fn own_client(round: &Round, tls: bool) -> Result<Client, FetchError> {
    let same_name = round.spec.host.as_deref() == round.address.server_name();
    // HTTP/2 names the host in the request's target, which here is what TLS verifies: where the upstream is addressed by another
    // name, HTTP/1.1 says it.
    let alpn: &'static [&'static [u8]] = if same_name { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    let config = match tls {
        true => round.tls_config(round.spec.tls.as_ref(), alpn).await?,
        false => plugins::tls::nobody().map_err(|cause| FetchError::Refused(format!("TLS: {cause}")))?,
    };
    let builder = client(config).dns_resolver(Arc::new(Pinned(round.endpoint)));
    builder.build().map_err(error)
}

/// A client for a document on an allowed host: each address that the host has is one that the policy allows.
async fn elsewhere(round: &Round, url: &Url) -> Result<Client, FetchError> {
    let shared = &round.shared;
    let port = url.port_or_known_default().unwrap_or_default();
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(ip.into()),
        Some(Host::Ipv6(ip)) => Some(ip.into()),
        _ => None,
    };
    if let Some(reason) = ip.and_then(|ip| shared.policy.refuses(SocketAddr::new(ip, port))) {
        return Err(FetchError::Refused(reason));
    }
    let config = round.tls_config(None, &[b"h2", b"http/1.1"]).await?;
    let checked = Checked { policy: shared.policy.clone(), port };
    client(config).dns_resolver(Arc::new(checked)).build().map_err(error)
}

fn client(config: rustls::ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(config)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT)
}

/// Every name is the endpoint.
struct Pinned(SocketAddr);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        let address: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(address)))
    }
}

/// The system's answer, unless the policy refuses an address of it.
struct Checked {
    policy: AddressPolicy,
    port: u16,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, port) = (self.policy.clone(), self.port);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), port)).await?.collect();
            match found.iter().find_map(|address| policy.refuses(*address)) {
                Some(reason) => Err(reason.into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// What an error of the client means here. Its innermost cause says the most.
fn error(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout(CONNECT.as_secs());
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // A connection that ends is not broken HTTP; everything else that hyper says is.
    let ended = |e: &hyper::Error| e.is_incomplete_message() || e.is_closed() || e.is_canceled();
    let broken = cause.downcast_ref::<hyper::Error>().is_some_and(|cause| !ended(cause));
    match broken || error.is_decode() {
        true => FetchError::Protocol(cause.to_string()),
        false => FetchError::Connect(cause.to_string()),
    }
}
