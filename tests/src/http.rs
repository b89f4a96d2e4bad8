//! The HTTP client of tests.

use std::sync::LazyLock;
use std::time::Duration;

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
