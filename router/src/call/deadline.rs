//! How long a call may take: as the caller says (`Request-Timeout: SECONDS`, or `grpc-timeout`), never longer than it may anyway.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use plugins::{Carrier, Problem, Reason};

/// Seconds, with a fraction where one is wanted.
pub(crate) static REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("request-timeout");

/// As gRPC over HTTP/2 has it: at most eight digits and a unit.
pub(crate) static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What the caller allows: the shorter of both headers.
pub(crate) fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let read = |name: &HeaderName, parse: fn(&str) -> Option<Duration>, shape: &str| match headers.get(name) {
        None => Ok(None),
        Some(value) => match value.to_str().ok().and_then(|text| parse(text.trim())) {
            Some(limit) => Ok(Some(limit)),
            None => Err(Problem::new(Reason::InvalidArguments, format!("The header {name} is not {shape}"))),
        },
    };
    let seconds = read(&REQUEST_TIMEOUT, parse_seconds, "a number of seconds")?;
    let grpc = read(&GRPC_TIMEOUT, parse_grpc, "a number of up to eight digits and a unit of H, M, S, m, u or n")?;
    Ok(seconds.into_iter().chain(grpc).min())
}

/// Tells the upstream how long it has.
pub(crate) fn tell(headers: &mut HeaderMap, carrier: Carrier, left: Duration) {
    // Rounded up: what was used up on our side is next to nothing, and should not turn 15 into 14.999.
    let millis = left.as_nanos().div_ceil(1_000_000).min(99_999_999) as u64;
    match carrier {
        Carrier::Grpc => headers.insert(&GRPC_TIMEOUT, value(format_args!("{millis}m"))),
        // By far the usual value; it costs no allocation.
        Carrier::Http1 if millis == 15_000 => headers.insert(&REQUEST_TIMEOUT, HeaderValue::from_static("15")),
        Carrier::Http1 if millis.is_multiple_of(1000) => {
            headers.insert(&REQUEST_TIMEOUT, HeaderValue::from(millis / 1000))
        }
        Carrier::Http1 => {
            headers.insert(&REQUEST_TIMEOUT, value(format_args!("{}.{:03}", millis / 1000, millis % 1000)))
        }
    };
}

fn value(text: std::fmt::Arguments<'_>) -> HeaderValue {
    HeaderValue::try_from(text.to_string()).expect("digits, a dot and a letter are visible characters")
}

fn parse_seconds(text: &str) -> Option<Duration> {
    let plain = text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds: f64 = text.parse().ok().filter(|_| plain)?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn parse_grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &HeaderName, value: &str) -> Option<Option<u128>> {
        let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_str(value).unwrap())]);
        asked(&headers).ok().map(|limit| limit.map(|limit| limit.as_micros()))
    }

    #[test]
    fn timeouts_are_read() {
        for (value, expected) in [("3", 3_000_000), ("0.5", 500_000), ("0", 0), (" 2 ", 2_000_000)] {
            assert_eq!(check(&REQUEST_TIMEOUT, value), Some(Some(expected)), "{value}");
        }
        assert!(check(&REQUEST_TIMEOUT, "99999999999999999999999").is_some(), "long is not wrong");
        for value in ["", "-1", "1e3", "inf", "NaN", "3s", ".5", "1.2.3"] {
            assert_eq!(check(&REQUEST_TIMEOUT, value), None, "{value}");
        }
        for (value, expected) in
            [("1H", 3_600_000_000), ("2M", 120_000_000), ("3S", 3_000_000), ("4m", 4_000), ("5u", 5), ("6000n", 6)]
        {
            assert_eq!(check(&GRPC_TIMEOUT, value), Some(Some(expected)), "{value}");
        }
        for value in ["", "S", "1", "1s", "123456789m", "-1S", "1.5S", "1ä"] {
            assert_eq!(check(&GRPC_TIMEOUT, value), None, "{value}");
        }
        assert_eq!(asked(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn the_shorter_one_holds() {
        let both = HeaderMap::from_iter([
            (REQUEST_TIMEOUT.clone(), "3".parse().unwrap()),
            (GRPC_TIMEOUT.clone(), "2S".parse().unwrap()),
        ]);
        assert_eq!(asked(&both), Ok(Some(Duration::from_secs(2))));
    }

    #[test]
    fn upstreams_are_told_what_is_left() {
        for (carrier, left, name, expected) in [
            (Carrier::Http1, Duration::from_nanos(14_999_990_000), "request-timeout", "15"),
            (Carrier::Http1, Duration::from_millis(1_250), "request-timeout", "1.250"),
            (Carrier::Http1, Duration::from_nanos(1), "request-timeout", "0.001"),
            (Carrier::Grpc, Duration::from_nanos(14_999_990_000), "grpc-timeout", "15000m"),
            (Carrier::Grpc, Duration::MAX, "grpc-timeout", "99999999m"),
        ] {
            let mut headers = HeaderMap::new();
            tell(&mut headers, carrier, left);
            assert_eq!(headers[name], expected, "{carrier:?} {left:?}");
        }
    }
}
