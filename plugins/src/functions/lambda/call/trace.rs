//! The caller's trace, which goes on in the function: the one header of a caller that AWS is told, and not as part of what is signed.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The longest header that is passed, in bytes: several times what X-Ray writes into one.
const MAX_TRACE: usize = 1 << 10;

/// A trace as X-Ray writes it.
pub(super) static X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The same as W3C Trace Context writes it.
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What AWS is told of it, for a caller that is in a trace. A header of X-Ray's that says no more than `Root` is what a load balancer
/// gives to any request: a trace that the caller itself is in goes first.
pub(super) fn of(headers: &HeaderMap) -> Option<HeaderValue> {
    let theirs = headers.get(&X_AMZN_TRACE_ID).filter(|value| value.len() <= MAX_TRACE);
    let theirs = theirs.and_then(|value| Some((value, value.to_str().ok()?)));
    let w3c = || as_x_ray_writes_it(headers.get(&TRACEPARENT)?.to_str().ok()?);
    match theirs {
        Some((value, text)) if text.split(';').any(says_more) => Some(value.clone()),
        theirs => w3c().or_else(|| theirs.map(|(value, _)| value.clone())),
    }
}

/// Whether a part of a trace says where in it the caller is, or whether it is recorded.
fn says_more(part: &str) -> bool {
    let part = part.trim();
    part.starts_with("Parent=") || part.starts_with("Sampled=")
}

/// `00-{trace}-{parent}-{flags}`; a later version may say more after that.
fn as_x_ray_writes_it(traceparent: &str) -> Option<HeaderValue> {
    let parts: Vec<_> = traceparent.splitn(5, '-').collect();
    let [version, trace, parent, flags, more @ ..] = &*parts else { return None };
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b"0123456789abcdef".contains(&b));
    let is_id = |text: &str, length| is_hex(text, length) && text.bytes().any(|b| b != b'0');
    let known = is_hex(version, 2) && *version != "ff" && (*version != "00" || more.is_empty());
    if !(known && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2)) {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    let (time, rest) = trace.split_at(8);
    HeaderValue::try_from(format!("Root=1-{time}-{rest};Parent={parent};Sampled={sampled}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(&'static str, &str)]) -> Option<String> {
        let headers = given.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::try_from(*v).unwrap()));
        of(&headers.collect()).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_trace_goes_on() {
        const W3C: &str = "00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01";
        const X_RAY: &str = "Root=1-4efaaf4d-1e8720b39541901950019ee5;Parent=53995c3f42cd8ad8;Sampled=1";
        assert_eq!(check(&[]), None);
        assert_eq!(check(&[("traceparent", W3C)]).as_deref(), Some(X_RAY));
        assert_eq!(check(&[("traceparent", &W3C.replace("-01", "-02"))]), Some(X_RAY.replace("d=1", "d=0")));
        assert_eq!(check(&[("traceparent", &format!("cc{}-more-of-it", &W3C[2..]))]).as_deref(), Some(X_RAY));
        const ROOT: &str = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700";
        for (more, w3c, expected) in [
            (";Parent=53995c3f42cd8ad8", W3C, None),
            ("; Sampled=0", W3C, None),
            (";Lineage=a:1", W3C, Some(X_RAY)),
            ("", W3C, Some(X_RAY)),
            ("", "odd", None),
        ] {
            let theirs = format!("{ROOT}{more}");
            let got = check(&[("traceparent", w3c), ("x-amzn-trace-id", &theirs)]);
            assert_eq!(got.as_deref(), Some(expected.unwrap_or(&theirs)), "{theirs} {w3c}");
        }
        assert_eq!(check(&[("x-amzn-trace-id", ROOT)]).as_deref(), Some(ROOT));
        assert_eq!(check(&[("x-amzn-trace-id", &"x".repeat(MAX_TRACE + 1))]), None);
        for odd in ["", "00", "ff-", "ä", "00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8"] {
            assert_eq!(check(&[("traceparent", odd)]), None, "{odd}");
        }
        for odd in [("00-4", "ff-4"), ("-01", "-01-more"), ("4efa", "4EFA"), ("53995c3f42cd8ad8", "0000000000000000")] {
            assert_eq!(check(&[("traceparent", &W3C.replace(odd.0, odd.1))]), None, "{odd:?}");
        }
    }
}
