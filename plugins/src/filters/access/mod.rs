//! Function URLs are open on loopback listeners only, until the configuration opens them or gives a call token.
//!
//! The token has a header of its own, so that `Authorization` stays the upstream's.

mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header, request};

pub use config::{Config, Token};

use crate::filter::{Exchange, Filter, Phase, Verdict};
use crate::filters::Settings;
use crate::problem::{Problem, Reason};

/// Carries the call token.
pub static PORTOLAN_TOKEN: HeaderName = HeaderName::from_static("portolan-token");

/// The filter.
#[derive(Debug)]
pub struct Access(Config);

/// The registry's row.
pub fn build(settings: &Settings) -> Arc<dyn Filter> {
    Arc::new(Access(settings.access.clone()))
}

impl Filter for Access {
    fn phase(&self) -> Phase {
        Phase::Admission
    }

    fn request(&self, exchange: &Exchange, head: &mut request::Parts) -> Verdict {
        match &self.0 {
            Config::Open => Verdict::Continue,
            Config::Loopback if exchange.local.ip().to_canonical().is_loopback() => Verdict::Continue,
            Config::Loopback => Verdict::Refuse(Problem::new(
                Reason::FunctionsClosed,
                "This listener is not on loopback: set functionUrls.access to open, or to token",
            )),
            Config::Token(token) => match head.headers.get(&PORTOLAN_TOKEN) {
                Some(given) if token.is(given.as_bytes()) => Verdict::Continue,
                given => Verdict::Refuse(unauthorized(given.is_some())),
            },
        }
    }
}

fn unauthorized(given: bool) -> Problem {
    let detail = if given { "This is not the call token" } else { "The call token goes in the header Portolan-Token" };
    Problem::new(Reason::Unauthorized, detail)
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Portolan-Token realm=\"functions\""))
}
