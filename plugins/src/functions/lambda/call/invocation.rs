//! How a function is to be invoked, as the caller's headers say.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::sign::Said;
use crate::problem::{Problem, Reason};

/// The most that a function can be sent when it is waited for: AWS's 6 MB.
pub(super) const MAX_PAYLOAD: usize = 6 << 20;

/// The most that it can be sent when it is not: AWS's 1 MB.
const MAX_EVENT: usize = 1 << 20;

static PREFER: HeaderName = HeaderName::from_static("prefer");

/// Asks for the end of the function's log, by `1`.
static PORTOLAN_LOG_TAIL: HeaderName = HeaderName::from_static("portolan-log-tail");

/// Asks AWS whether the call would be allowed, by `1`; the function does not run.
static PORTOLAN_LAMBDA_DRY_RUN: HeaderName = HeaderName::from_static("portolan-lambda-dry-run");

/// One way to invoke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Invocation {
    /// Waits for the answer.
    Waiting,
    /// The same, with the end of the log.
    Logged,
    /// AWS keeps the event, and answers at once (`Prefer: respond-async`, RFC 7240).
    Event,
    /// Only permissions and parameters are looked at.
    DryRun,
}

impl Invocation {
    /// What these headers ask for.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if asked(headers, &PORTOLAN_LAMBDA_DRY_RUN)? {
            return Ok(Self::DryRun);
        }
        let logged = asked(headers, &PORTOLAN_LOG_TAIL)?;
        Ok(match prefers_async(headers) {
            true => Self::Event,
            false if logged => Self::Logged,
            false => Self::Waiting,
        })
    }

    /// The same as AWS is told it.
    pub(super) fn said(self) -> Said {
        match self {
            Self::Waiting => &[],
            Self::Logged => &[("x-amz-log-type", "Tail")],
            Self::Event => &[("x-amz-invocation-type", "Event")],
            Self::DryRun => &[("x-amz-invocation-type", "DryRun")],
        }
    }

    /// The longest payload, in bytes.
    pub(super) fn limit(self) -> usize {
        if self == Self::Event { MAX_EVENT } else { MAX_PAYLOAD }
    }

    /// Whether the function's answer is waited for.
    pub(super) fn waits(self) -> bool {
        matches!(self, Self::Waiting | Self::Logged)
    }
}

fn asked(headers: &HeaderMap, name: &HeaderName) -> Result<bool, Problem> {
    match headers.get(name).map(HeaderValue::as_bytes) {
        None => Ok(false),
        Some(b"1") => Ok(true),
        Some(_) => Err(Problem::new(Reason::InvalidArguments, format!("the header {name} takes 1"))),
    }
}

fn prefers_async(headers: &HeaderMap) -> bool {
    let all = headers.get_all(&PREFER).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|preference| {
        let token = preference.split([';', '=']).next().unwrap_or_default();
        token.trim().eq_ignore_ascii_case("respond-async")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &'static str)]) -> Option<Invocation> {
        let headers = headers.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
        Invocation::of(&headers.collect()).ok()
    }

    #[test]
    fn headers_say_how() {
        use Invocation::{DryRun, Event, Logged, Waiting};
        for (headers, expected) in [
            (&[][..], Some(Waiting)),
            (&[("prefer", "respond-async")], Some(Event)),
            (&[("prefer", "return=minimal, Respond-Async; x=1, wait=10")], Some(Event)),
            (&[("prefer", "respond-async-not")], Some(Waiting)),
            (&[("prefer", "wait=respond-async")], Some(Waiting)),
            (&[("portolan-log-tail", "1")], Some(Logged)),
            (&[("portolan-log-tail", "1"), ("prefer", "respond-async")], Some(Event)),
            (&[("portolan-log-tail", "yes")], None),
            (&[("portolan-lambda-dry-run", "1"), ("prefer", "respond-async")], Some(DryRun)),
            (&[("portolan-lambda-dry-run", "0")], None),
        ] {
            assert_eq!(check(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn what_is_said_is_in_order() {
        for invocation in [Invocation::Waiting, Invocation::Logged, Invocation::Event, Invocation::DryRun] {
            assert!(invocation.said().is_sorted());
        }
    }
}
