//! What a daemon's catalog shows, and how its functions are called.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::daemon::Daemon;
use crate::http::{self, Answer};

/// What stands for itself in a segment of a path (RFC 3986, 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one segment of a URL's path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

impl Daemon {
    /// All items of a list of the API, page by page: `/api/v1/functions?upstream=pets`.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, String> {
        let mut items = vec![];
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = http::get(&format!("{}{path}{separator}limit=1000{cursor}", self.admin)).await?;
            items.extend(page["items"].as_array().ok_or_else(|| format!("no items: {page}"))?.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// The names of an upstream's functions.
    pub async fn functions(&self, upstream: &str) -> Result<BTreeSet<String>, String> {
        let all = self.list(&format!("/api/v1/functions?upstream={}", segment(upstream))).await?;
        Ok(all.iter().filter_map(|function| function["name"].as_str()).map(str::to_owned).collect())
    }

    /// Waits until an upstream has exactly these functions.
    pub async fn until_functions<S: Into<String>>(&self, upstream: &str, wanted: impl IntoIterator<Item = S>) {
        let wanted: BTreeSet<String> = wanted.into_iter().map(Into::into).collect();
        let what = format!("{upstream} has its {} functions", wanted.len());
        let found = || async {
            let found = self.functions(upstream).await?;
            if found == wanted { Ok(()) } else { Err(difference(&found, &wanted)) }
        };
        self.process.until(&what, found).await;
    }

    /// One upstream as the API shows it.
    pub async fn upstream(&self, name: &str) -> Result<Value, String> {
        http::get(&format!("{}/api/v1/upstreams/{}", self.admin, segment(name))).await
    }

    /// One function as the API shows it, with its schemas.
    pub async fn function(&self, upstream: &str, function: &str) -> Result<Value, String> {
        let path = format!("/api/v1/functions/{}/{}", segment(upstream), segment(function));
        http::get(&format!("{}{path}", self.admin)).await
    }

    /// A function's URL.
    pub fn url(&self, upstream: &str, function: &str) -> String {
        format!("{}/fn/{}/{}", self.gateway, segment(upstream), segment(function))
    }

    /// A `POST` to a function.
    pub fn post(&self, upstream: &str, function: &str) -> RequestBuilder {
        http::client().post(self.url(upstream, function))
    }

    /// Calls a function with arguments as JSON; panics where there is no answer at all.
    pub async fn call(&self, upstream: &str, function: &str, arguments: &Value) -> Answer {
        let request = self.post(upstream, function).json(arguments);
        http::answer(request).await.unwrap_or_else(|error| panic!("{upstream}/{function}: {error}"))
    }
}

/// What is missing and what is too much.
pub fn difference(found: &BTreeSet<String>, wanted: &BTreeSet<String>) -> String {
    let missing: Vec<_> = wanted.difference(found).take(10).collect();
    let extra: Vec<_> = found.difference(wanted).take(10).collect();
    format!("{} found, {} wanted; missing {missing:?}, not wanted {extra:?}", found.len(), wanted.len())
}
