//! A browser is on loopback too: which hosts a listener answers for, and which sites' pages may ask.
//!
//! Without this, a page of any site could call function URLs on the reader's own machine: directly (`Origin` tells), or by a name that
//! it lets point at 127.0.0.1 (`Host` tells). Sites that `functionUrls.cors` names may ask; for them preflights are answered here and
//! `Access-Control-*` is set on every answer. The gateway runs this as a filter; the admin address asks [`Origin::check`].

mod config;
mod cors;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, header, request};

pub use config::{Config, Cors};

use crate::filter::{Exchange, Filter, Phase, Verdict};
use crate::filters::Settings;
use crate::problem::{Problem, Reason};

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The filter.
#[derive(Clone, Debug)]
pub struct Origin(Config);

/// The registry's row.
pub fn build(settings: &Settings) -> Arc<dyn Filter> {
    Arc::new(Origin::new(settings.origin.clone()))
}

impl Origin {
    /// The filter with this configuration.
    pub fn new(config: Config) -> Self {
        Self(config)
    }

    /// Whether the request's host is one of the listener's, and the page that asks, if it is one, is its own. `Err` says why not.
    pub fn check(&self, exchange: &Exchange, head: &request::Parts) -> Result<(), Problem> {
        let authority = authority(head)?;
        self.check_host(exchange, authority)?;
        if is_foreign(&head.headers, authority) {
            return Err(foreign("A page of another site asks; functionUrls.cors can allow that site"));
        }
        Ok(())
    }

    fn check_host(&self, exchange: &Exchange, authority: Option<Authority<'_>>) -> Result<(), Problem> {
        // No browser leaves it out.
        let Some(Authority { host, .. }) = authority else { return Ok(()) };
        let name = host.strip_suffix('.').unwrap_or(host);
        let listens = exchange.local.ip().to_canonical();
        let known = is_address(host)
            || (name.eq_ignore_ascii_case("localhost") && (listens.is_loopback() || listens.is_unspecified()))
            || self.0.names.iter().any(|own| own.eq_ignore_ascii_case(name));
        match known {
            true => Ok(()),
            false => {
                Err(foreign("The host that is asked is neither an address nor a configured name of this listener"))
            }
        }
    }
}

impl Filter for Origin {
    fn name(&self) -> &'static str {
        "origin"
    }

    fn phase(&self) -> Phase {
        Phase::Admission
    }

    fn request(&self, exchange: &Exchange, head: &mut request::Parts) -> Verdict {
        let Some(cors) = &self.0.cors else {
            return match self.check(exchange, head) {
                Ok(()) => Verdict::Continue,
                Err(problem) => Verdict::Refuse(problem),
            };
        };
        // A site that is named may ask, but not by a name that is not ours.
        let checked = match cors.allows(&head.headers) {
            Some(origin) => authority(head)
                .and_then(|authority| self.check_host(exchange, authority))
                .map(|()| Some(origin.clone())),
            None => self.check(exchange, head).map(|()| None),
        };
        match checked {
            Ok(Some(origin)) => cors.admit(origin, head),
            Ok(None) => Verdict::Continue,
            Err(problem) => Verdict::Refuse(problem),
        }
    }
}

fn foreign(detail: &str) -> Problem {
    Problem::new(Reason::ForeignOrigin, detail)
}

/// Host and port, borrowed from where they stand: this is looked at for every request.
#[derive(Clone, Copy)]
struct Authority<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Without user information, which no host has.
    fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let odd = |c: char| c.is_ascii_whitespace() || matches!(c, '@' | '/' | '?' | '#');
        (!host.is_empty() && !host.contains(odd)).then_some(Self { host, port })
    }
}

/// An IPv4 address, or an IPv6 one in brackets.
fn is_address(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

/// The authority that is asked: of an absolute target (HTTP/2's `:authority` too), which goes before `Host` (RFC 9112, 3.2.2).
fn authority(head: &request::Parts) -> Result<Option<Authority<'_>>, Problem> {
    if let Some(authority) = head.uri.authority() {
        return match Authority::parse(authority.as_str()) {
            Some(authority) => Ok(Some(authority)),
            None => Err(foreign("The authority that is asked is not a host")),
        };
    }
    let mut hosts = head.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(None),
        (Some(host), None) => match host.to_str().ok().and_then(Authority::parse) {
            Some(authority) => Ok(Some(authority)),
            None => Err(foreign("The Host header is not a host")),
        },
        (Some(_), Some(_)) => Err(foreign("There is more than one Host header")),
    }
}

/// Whether a page asks that does not come from where it asks. Only browsers send these headers, and pages cannot change them.
fn is_foreign(headers: &HeaderMap, authority: Option<Authority<'_>>) -> bool {
    let site = headers.get(&SEC_FETCH_SITE).map(|site| site.as_bytes());
    let elsewhere = matches!(site, Some(b"cross-site" | b"same-site"));
    elsewhere || headers.get_all(header::ORIGIN).iter().any(|o| !is_own(o.to_str().unwrap_or_default(), authority))
}

/// Whether an `Origin` is the authority's own. The scheme is not compared: a proxy in front may speak TLS for us.
fn is_own(origin: &str, authority: Option<Authority<'_>>) -> bool {
    let Some(((scheme, site), authority)) = origin.split_once("://").zip(authority) else { return false };
    let Some(site) = Authority::parse(site) else { return false };
    let usual = if scheme == "https" { 443 } else { 80 };
    site.host.eq_ignore_ascii_case(authority.host) && site.port.unwrap_or(usual) == authority.port.unwrap_or(usual)
}
