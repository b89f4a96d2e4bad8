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

use http::{HeaderName, HeaderValue, header, request};

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
        let asked = Asked::of(head)?;
        self.check_host(exchange, asked.authority)?;
        if asked.foreign {
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
            Some(origin) => Asked::of(head)
                .and_then(|asked| self.check_host(exchange, asked.authority))
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
        let colon = text.bytes().rposition(|b| b == b':' || b == b']').filter(|at| text.as_bytes()[*at] == b':');
        let (host, port) = match colon {
            Some(at) => (&text[..at], Some(text[at + 1..].parse().ok()?)),
            None => (text, None),
        };
        let odd = |b: u8| b.is_ascii_whitespace() || matches!(b, b'@' | b'/' | b'?' | b'#');
        (!host.is_empty() && !host.bytes().any(odd)).then_some(Self { host, port })
    }
}

/// An IPv4 address, or an IPv6 one in brackets.
fn is_address(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

/// What a request says of where it comes from and whom it asks. Only browsers send `Origin` and `Sec-Fetch-Site`, and pages cannot
/// change them.
struct Asked<'a> {
    authority: Option<Authority<'a>>,
    /// A page of another site asks.
    foreign: bool,
}

impl<'a> Asked<'a> {
    /// One look over the headers: looking three of them up would take longer for most requests.
    fn of(head: &'a request::Parts) -> Result<Self, Problem> {
        let (mut host, mut origins, mut foreign) = (None, false, false);
        for (name, value) in &head.headers {
            if name == header::HOST {
                if host.replace(value).is_some() {
                    return Err(self::foreign("There is more than one Host header"));
                }
            } else if name == header::ORIGIN {
                origins = true;
            } else if name == SEC_FETCH_SITE {
                foreign |= matches!(value.as_bytes(), b"cross-site" | b"same-site");
            }
        }
        // An absolute target (HTTP/2's `:authority` too) goes before `Host` (RFC 9112, 3.2.2).
        let text = match (head.uri.authority(), host) {
            (Some(authority), _) => Some(authority.as_str()),
            (None, Some(host)) => Some(host.to_str().unwrap_or_default()),
            (None, None) => None,
        };
        let authority = match text.map(Authority::parse) {
            Some(None) => return Err(self::foreign("The host that is asked is not a host")),
            authority => authority.flatten(),
        };
        if origins {
            let own = |origin: &HeaderValue| is_own(origin.to_str().unwrap_or_default(), authority);
            foreign |= !head.headers.get_all(header::ORIGIN).iter().all(own);
        }
        Ok(Self { authority, foreign })
    }
}

/// Whether an `Origin` is the authority's own. The scheme is not compared: a proxy in front may speak TLS for us.
fn is_own(origin: &str, authority: Option<Authority<'_>>) -> bool {
    let Some(((scheme, site), authority)) = origin.split_once("://").zip(authority) else { return false };
    let Some(site) = Authority::parse(site) else { return false };
    let usual = if scheme == "https" { 443 } else { 80 };
    site.host.eq_ignore_ascii_case(authority.host) && site.port.unwrap_or(usual) == authority.port.unwrap_or(usual)
}
