//! Talks to the agent: one bounded request at a time, by HTTP/1.1, so that a request is a connection and connections can be counted.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use http::StatusCode;
use reqwest::{redirect, retry};
use serde::de::DeserializeOwned;
use url::{Host, Url};

use super::error::{Cause, ConsulError, chain};
use super::files::{credentials, tls};
use super::limits;
use super::settings::{Secret, Settings};

/// A client of one agent.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    login: Option<(String, Option<Secret>)>,
}

/// What Consul said.
#[derive(Clone, Debug)]
pub(super) struct Answer<T> {
    /// `X-Consul-Index`; 0 where there is none.
    pub(super) index: u64,
    /// Whether Consul says that the token hid a part (`X-Consul-Results-Filtered-By-ACLs`, since 1.11).
    pub(super) filtered: bool,
    /// The body.
    pub(super) body: T,
}

impl Client {
    /// A client with the token and certificates as the files hold them now. Connects to nothing yet.
    pub(super) async fn new(settings: &Settings) -> Result<Self, ConsulError> {
        let fail = |act: &str| {
            let act = act.to_owned();
            move |text: String| ConsulError::new(act, Cause::Setting(text))
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("portolan/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            // The agent is near; packing costs it more than the bytes cost the wire.
            .no_gzip()
            .no_deflate()
            .connect_timeout(limits::CONNECT)
            .pool_max_idle_per_host(limits::IDLE)
            // Tells a dead agent from a quiet one during a query that blocks for minutes.
            .tcp_keepalive(limits::KEEPALIVE)
            .tcp_keepalive_interval(limits::KEEPALIVE)
            .tcp_keepalive_retries(limits::KEEPALIVE_PROBES)
            .default_headers(credentials(settings).await.map_err(fail("read the token"))?);
        let mut base = settings.address.clone();
        if is_loopback(&base) {
            // As Go's rule for the proxies of the environment has it.
            builder = builder.no_proxy();
        }
        if base.scheme() == "https" {
            builder = tls(builder, &settings.tls).await.map_err(fail("read the TLS files"))?;
            if let Some(name) = &settings.tls.server_name {
                let addresses = addresses(&base).await.map_err(fail("resolve the agent's host"))?;
                base.set_host(Some(name)).map_err(|e| fail("set CONSUL_TLS_SERVER_NAME")(e.to_string()))?;
                builder = builder.resolve_to_addrs(name, &addresses);
            }
        }
        let http = builder.build().map_err(|e| fail("set up the connection")(chain(&e)))?;
        Ok(Self { http, base, login: settings.login.clone() })
    }

    /// What is there now, asked for once more at once if that fails in a way that may pass.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        data_centre: Option<&str>,
    ) -> Result<Answer<T>, ConsulError> {
        match self.get(segments, data_centre, None).await {
            Err(error) if error.may_pass() => self.get(segments, data_centre, None).await,
            answer => answer,
        }
    }

    /// `GET` of the path made of `segments`, in `data_centre` where one is given. With an index it blocks until Consul has a
    /// later one, or for [`limits::WAIT`].
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        data_centre: Option<&str>,
        index: Option<u64>,
    ) -> Result<Answer<T>, ConsulError> {
        let mut url = self.base.clone();
        // An `http` URL always has a path that segments can be added to.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(segments);
        }
        if let Some(name) = data_centre {
            url.query_pairs_mut().append_pair("dc", name);
        }
        let mut timeout = limits::READ;
        if let Some(index) = index.filter(|index| *index > 0) {
            let wait = format!("{}s", limits::WAIT.as_secs());
            url.query_pairs_mut().append_pair("index", &index.to_string()).append_pair("wait", &wait);
            // Consul adds up to a sixteenth, so that those who wait do not all come back at once.
            timeout += limits::WAIT + limits::WAIT / 16;
        }
        let act = || match data_centre {
            Some(name) => format!("read /v1/{} of data centre {name}", segments.join("/")),
            None => format!("read /v1/{}", segments.join("/")),
        };
        self.exchange(url, timeout).await.map_err(|cause| ConsulError::new(act(), cause))
    }

    async fn exchange<T: DeserializeOwned>(&self, url: Url, timeout: Duration) -> Result<Answer<T>, Cause> {
        let unreachable = |e: reqwest::Error| Cause::Unreachable(chain(&e.without_url()));
        let mut request = self.http.get(url).timeout(timeout);
        if let Some((user, password)) = &self.login {
            request = request.basic_auth(user, password.as_ref().map(Secret::reveal));
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let index = header("x-consul-index").and_then(|text| text.parse().ok()).unwrap_or(0);
        let filtered = header("x-consul-results-filtered-by-acls") == Some("true");
        let leaderless = header("x-consul-knownleader") == Some("false");
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > limits::ANSWER {
                return Err(Cause::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        if status == StatusCode::FORBIDDEN || status == StatusCode::UNAUTHORIZED {
            return Err(Cause::Forbidden(excerpt(&body)));
        }
        if status != StatusCode::OK {
            return Err(Cause::Status { status, text: excerpt(&body) });
        }
        if leaderless {
            return Err(Cause::NoLeader);
        }
        let body = serde_json::from_slice(&body).map_err(|e| Cause::Unreadable(e.to_string()))?;
        Ok(Answer { index, filtered, body })
    }
}

async fn addresses(base: &Url) -> Result<Vec<SocketAddr>, String> {
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = base.port_or_known_default().unwrap_or_default();
    let found = tokio::net::lookup_host((host, port)).await.map_err(|e| e.to_string())?;
    Ok(found.collect())
}

fn is_loopback(base: &Url) -> bool {
    match base.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The beginning of an error's text, in one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(limits::EXCERPT)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
