//! The names of a listener and the other sites that may ask: parsed once, valid after.

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;

/// What is configured.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Host names, without a port, by which the listener is addressed beside its addresses.
    pub names: Vec<String>,
    /// Other sites whose pages may ask (`functionUrls.cors`).
    pub cors: Option<Cors>,
}

/// Cross-origin requests that are allowed (the Fetch standard, "CORS protocol").
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Cors {
    pub(super) origins: Origins,
    pub(super) methods: HeaderValue,
    pub(super) headers: Option<HeaderValue>,
    pub(super) expose: Option<HeaderValue>,
    pub(super) credentials: bool,
    pub(super) max_age: HeaderValue,
}

/// The sites that a policy names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origins {
    /// `*`
    Any,
    /// As `Origin` has them: `https://app.example.com`.
    These(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    allow_origins: Vec<String>,
    #[serde(default)]
    allow_methods: Vec<String>,
    #[serde(default)]
    allow_headers: Vec<String>,
    #[serde(default)]
    expose_headers: Vec<String>,
    #[serde(default)]
    allow_credentials: bool,
    #[serde(default)]
    max_age_seconds: Option<u32>,
}

/// Methods that a policy allows when it names none: what function URLs are called with.
const METHODS: &str = "GET, HEAD, POST";

/// How long a browser may remember a preflight's answer when the policy does not say: Chromium's own upper limit is two hours, and a
/// policy that was changed should hold sooner than that.
const MAX_AGE_SECONDS: u32 = 600;

impl TryFrom<Raw> for Cors {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let origins = origins(&raw.allow_origins)?;
        if raw.allow_credentials && origins == Origins::Any {
            return Err("allowCredentials needs allowOrigins that are named, not `*`".into());
        }
        let methods = list("allowMethods", &raw.allow_methods, |m| Method::from_bytes(m.as_bytes()).is_ok())?;
        let is_header = |h: &str| h == "*" || HeaderName::try_from(h).is_ok();
        Ok(Self {
            origins,
            methods: methods.unwrap_or(HeaderValue::from_static(METHODS)),
            headers: list("allowHeaders", &raw.allow_headers, is_header)?,
            expose: list("exposeHeaders", &raw.expose_headers, is_header)?,
            credentials: raw.allow_credentials,
            max_age: raw.max_age_seconds.unwrap_or(MAX_AGE_SECONDS).into(),
        })
    }
}

fn origins(given: &[String]) -> Result<Origins, String> {
    if given.iter().any(|o| o == "*") {
        return Ok(Origins::Any);
    }
    let site = |text: &String| {
        let uri: Uri = text.parse().map_err(|e| format!("allowOrigins: {text:?}: {e}"))?;
        match (uri.scheme_str(), uri.authority(), uri.path()) {
            (Some(scheme), Some(authority), "/") => {
                Ok(format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()))
            }
            _ => Err(format!("allowOrigins: {text:?} is not `*` nor like https://app.example.com")),
        }
    };
    given.iter().map(site).collect::<Result<_, _>>().map(Origins::These)
}

/// The words as one header value; `None` where there are none.
fn list(field: &str, words: &[String], valid: impl Fn(&str) -> bool) -> Result<Option<HeaderValue>, String> {
    match words.iter().find(|word| !valid(word)) {
        Some(word) => Err(format!("{field}: {word:?} is not a name")),
        None if words.is_empty() => Ok(None),
        None => HeaderValue::try_from(words.join(", ")).map(Some).map_err(|e| format!("{field}: {e}")),
    }
}
