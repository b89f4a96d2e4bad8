//! What all shapes of events have in common: a request, taken apart.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;

use crate::arguments::{form_text, to_base64};
use crate::call::{Arguments, Content, FOR_BINDINGS};

/// A request.
pub(super) struct Parts<'a> {
    pub(super) method: &'a str,
    /// By name, in lower case; cookies too.
    pub(super) headers: BTreeMap<&'a str, Vec<Cow<'a, str>>>,
    /// All after `?`.
    pub(super) query: &'a str,
    pub(super) body: Option<&'a [u8]>,
    /// The body's type, without parameters, in lower case.
    pub(super) media_type: String,
    /// Whether the body has a coding.
    pub(super) coded: bool,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<Cow<'a, str>>,
    pub(super) domain: Cow<'a, str>,
    pub(super) request_id: Cow<'a, str>,
    pub(super) account: &'a str,
    /// `21/Nov/2026:23:19:01 +0000`.
    pub(super) time: String,
    /// In milliseconds.
    pub(super) epoch: u64,
}

impl<'a> Parts<'a> {
    pub(super) fn of(arguments: &Arguments<'a>, now: SystemTime, account: &'a str) -> Self {
        let (given, caller) = (arguments.headers, arguments.caller);
        let mut headers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, value) in given.iter().filter(|(name, _)| !FOR_BINDINGS.contains(name)) {
            headers.entry(name.as_str()).or_default().push(text(value));
        }
        let domain = first(given, "host").or_else(|| caller.authority.map(Cow::Borrowed)).unwrap_or_default();
        headers.entry("host").or_insert_with(|| vec![domain.clone()]);
        let mut source_ip = String::new();
        if let Some(exchange) = caller.exchange {
            source_ip = exchange.peer.ip().to_canonical().to_string();
            let chain = headers.remove("x-forwarded-for").unwrap_or_default();
            let chain = chain.into_iter().chain([Cow::from(source_ip.clone())]).collect::<Vec<_>>().join(", ");
            headers.insert("x-forwarded-for", vec![chain.into()]);
            headers.insert("x-forwarded-proto", vec![if exchange.tls { "https" } else { "http" }.into()]);
            headers.insert("x-forwarded-port", vec![exchange.local.port().to_string().into()]);
        }
        let said = first(given, header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let coding = given.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
        Self {
            method: arguments.method.as_str(),
            headers,
            query: arguments.query.unwrap_or_default(),
            body: match arguments.content {
                Content::Json(bytes) | Content::Whole(bytes) if !bytes.is_empty() => Some(bytes),
                _ => None,
            },
            media_type: said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
            coded: coding.is_some_and(|coding| coding != b"identity"),
            source_ip,
            user_agent: first(given, header::USER_AGENT.as_str()),
            domain,
            request_id: caller.request_id.map(text).unwrap_or_default(),
            account,
            time: Timestamp::try_from(now)
                .map(|t| t.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string())
                .unwrap_or_default(),
            epoch: now.duration_since(UNIX_EPOCH).map_or(0, |past| past.as_millis() as u64),
        }
    }

    /// The first label of the domain.
    pub(super) fn domain_prefix(&self) -> &str {
        self.domain.split(['.', ':']).next().unwrap_or_default()
    }

    /// The body as an event has it, and whether that is base64: text where `is_text` says that its type is one, and it is.
    pub(super) fn body(&self, is_text: impl Fn(&str) -> bool) -> (Option<Cow<'a, str>>, bool) {
        let Some(bytes) = self.body else { return (None, false) };
        match str::from_utf8(bytes) {
            Ok(text) if !self.coded && is_text(&self.media_type) => (Some(text.into()), false),
            _ => (Some(to_base64(bytes).into()), true),
        }
    }

    /// The query's pairs, decoded.
    pub(super) fn decoded(&self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let decode = |text: &'a str| form_text(text).unwrap_or(Cow::Borrowed(text));
        self.encoded().into_iter().map(|(name, value)| (decode(name), decode(value))).collect()
    }

    /// The same as they were sent.
    pub(super) fn encoded(&self) -> Vec<(&'a str, &'a str)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect()
    }

    /// The last value of each header.
    pub(super) fn last(&self) -> BTreeMap<&str, &str> {
        self.headers.iter().filter_map(|(name, values)| Some((*name, &**values.last()?))).collect()
    }
}

/// A header's value; what is no text is made one.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    headers.get(name).map(text)
}
