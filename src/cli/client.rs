//! Asking a running daemon: where it is, who we are, and what its errors say.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

/// How long a daemon may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Flags of every command that asks a daemon.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClientArgs {
    /// The daemon's admin address
    #[arg(long, value_name = "URL", env = "PORTOLAN_ADDR", default_value = "http://127.0.0.1:8081", global = true)]
    server: String,
    /// A file with the admin token
    #[arg(long, value_name = "FILE", env = "PORTOLAN_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// A PEM file with the authorities to trust
    #[arg(long, value_name = "FILE", env = "PORTOLAN_CACERT")]
    cacert: Option<PathBuf>,
    /// The namespace of the names given (default: the daemon's)
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
}

/// A daemon that can be asked.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

impl Client {
    /// Reads the token and the authorities; asks nothing yet.
    pub(crate) fn new(args: &ClientArgs) -> anyhow::Result<Self> {
        let token = match &args.token_file {
            Some(file) => {
                let text =
                    std::fs::read_to_string(file).with_context(|| format!("read the token in {}", file.display()))?;
                Some(text.trim().to_owned())
            }
            None => std::env::var("PORTOLAN_TOKEN").ok().filter(|t| !t.is_empty()),
        };
        let mut http =
            reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy().user_agent(crate::api::USER_AGENT);
        if let Some(file) = &args.cacert {
            let pem = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
            for authority in reqwest::Certificate::from_pem_bundle(&pem).context("read the authorities")? {
                http = http.add_root_certificate(authority);
            }
        }
        Ok(Self { http: http.build()?, server: args.server.trim_end_matches('/').to_owned(), token })
    }

    /// Asks `path` (from `/` on) and returns an answer below 400; another's problem becomes the error.
    pub(crate) async fn send(&self, method: Method, path: &str, query: &[(&str, String)]) -> anyhow::Result<Response> {
        let request = self.http.request(method, format!("{}{path}", self.server)).query(query);
        self.finish(request).await
    }

    /// The same, as JSON.
    pub(crate) async fn json(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        Ok(self.send(Method::GET, path, query).await?.json().await?)
    }

    /// Every page of a list as one `{"items": […]}`.
    pub(crate) async fn pages(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut query = query.to_vec();
        loop {
            let mut page = self.json(path, &query).await?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            query.retain(|(name, _)| *name != "cursor");
            match page["next"].as_str() {
                Some(next) => query.push(("cursor", next.to_owned())),
                None => return Ok(items),
            }
        }
    }

    /// The plain HTTP client, for calls through the gateway.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    async fn finish(&self, mut request: RequestBuilder) -> anyhow::Result<Response> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.with_context(|| {
            format!(
                "no answer from {}: is `portolan serve` running there? (--server or PORTOLAN_ADDR names another)",
                self.server
            )
        })?;
        if response.status().is_client_error() || response.status().is_server_error() {
            let status = response.status();
            let body: Value = response.json().await.unwrap_or_default();
            match body["detail"].as_str().or(body["title"].as_str()) {
                Some(detail) => bail!("{detail} ({status})"),
                None => bail!("the daemon answered {status}"),
            }
        }
        Ok(response)
    }
}

/// `text` as one segment of a URL's path.
pub(crate) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, crate::api::SEGMENT).to_string()
}

impl ClientArgs {
    /// An upstream's name, with its namespace where one is given, as function URLs and the API take it.
    pub(crate) fn upstream(&self, name: &str) -> String {
        match name.rsplit_once('@').or(self.namespace.as_deref().map(|namespace| (name, namespace))) {
            Some((name, namespace)) => format!("{}@{}", segment(name), segment(namespace)),
            None => segment(name),
        }
    }

    /// The same as a path of the API.
    pub(crate) fn upstream_path(&self, name: &str) -> String {
        format!("/api/v1/upstreams/{}", self.upstream(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_named_with_its_namespace() {
        let check = |name: &str, namespace: Option<&str>, expected: &str| {
            let namespace = namespace.map(str::to_owned);
            let args = ClientArgs { server: String::new(), token_file: None, cacert: None, namespace };
            assert_eq!(args.upstream(name), expected);
        };
        check("pets", None, "pets");
        check("pets", Some("team/a"), "pets@team%2Fa");
        check("p ets@team", None, "p%20ets@team");
        check("pets@team", Some("other"), "pets@team");
    }
}
