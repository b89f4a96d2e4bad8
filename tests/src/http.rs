//! The HTTP client of tests.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use reqwest::{Client, RequestBuilder, redirect};
use serde_json::Value;

/// A client that follows no redirect, uses no proxy, keeps no connection between requests (each test has a
/// runtime of its own) and waits a minute at most.
pub fn client() -> Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        install_tls();
        Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("nothing in this configuration can fail")
    });
    CLIENT.clone()
}

/// Makes ring the TLS provider of this process, once; reqwest has none of its own.
pub fn install_tls() {
    // An error means that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Sends a request and reads the answer: JSON where it is, `null` where it is empty, else a string.
///
/// An answer of 400 or more is an error, as is none.
pub async fn send(request: RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.map_err(shown)?;
    let status = answer.status();
    let text = answer.text().await.map_err(shown)?;
    if status.as_u16() >= 400 {
        return Err(format!("{status}: {text}"));
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// [`send`] of a GET.
pub async fn get(url: &str) -> Result<Value, String> {
    send(client().get(url)).await
}

/// An error with its causes, which reqwest's own text leaves out.
fn shown(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

/// Sends a request and reads the answer, whatever its status.
pub async fn answer(request: RequestBuilder) -> Result<Answer, String> {
    let answer = request.send().await.map_err(shown)?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Ok(Answer { status, headers, body: answer.bytes().await.map_err(shown)? })
}

impl Answer {
    /// A header's first value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The reason of Portolan's own error; empty where it is none.
    pub fn reason(&self) -> String {
        let problem = self.json();
        let reason = problem["type"].as_str().and_then(|kind| kind.strip_prefix("urn:portolan:problem:"));
        match self.header("content-type") {
            "application/problem+json" => reason.unwrap_or_default().to_owned(),
            _ => String::new(),
        }
    }
}
