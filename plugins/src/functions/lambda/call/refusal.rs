//! What AWS says instead of the function's answer, by the error's name: one table.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, response};
use serde_json::Value;

use crate::call::Answer;
use crate::problem::{Problem, Reason};

/// The longest error of AWS that is read, in bytes.
const MAX_REFUSAL: usize = 64 << 10;

/// The longest name of an error that is repeated, in bytes.
const MAX_NAME: usize = 100;

/// After how many seconds to try again, where AWS does not say.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

static X_AMZN_ERRORTYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Errors by name. What an error's text says goes to the log alone: it names accounts and users.
#[rustfmt::skip]
const TABLE: &[(&str, Reason, &str)] = {
    use Reason as R;
    const KEYS: &str = "the identity's keys are wrong, were revoked, or are another region's";
    const CLOCK: &str = "the signature does not hold: are the keys whole, and is the clock right?";
    const PERMISSION: &str = "the identity needs lambda:InvokeFunction for this function";
    const NETWORK: &str = "the function's network has no room for it, or no such place";
    const KEY: &str = "the key that its environment is encrypted with cannot be used";
    const FILES: &str = "its file system cannot be reached";
    const CODE: &str = "its code or its runtime cannot be used";
    const MANY: &str = "too many calls of it, or of the account's functions, are on their way";
    const SNAPSHOT: &str = "its snapshot could not be restored";
    &[
        ("AccessDeniedException",                    R::CredentialsRefused, PERMISSION),
        ("AccessDenied",                             R::CredentialsRefused, PERMISSION),
        ("NotAuthorized",                            R::CredentialsRefused, PERMISSION),
        ("OptInRequired",                            R::CredentialsRefused, "the account may not use this region"),
        ("ExpiredToken",                             R::CredentialsRefused, "the identity's session has ended"),
        ("ExpiredTokenException",                    R::CredentialsRefused, "the identity's session has ended"),
        ("UnrecognizedClientException",              R::CredentialsRefused, KEYS),
        ("InvalidClientTokenId",                     R::CredentialsRefused, KEYS),
        ("MissingAuthenticationToken",               R::CredentialsRefused, KEYS),
        ("MissingAuthenticationTokenException",      R::CredentialsRefused, KEYS),
        ("InvalidSignatureException",                R::CredentialsRefused, CLOCK),
        ("SignatureDoesNotMatch",                    R::CredentialsRefused, CLOCK),
        ("IncompleteSignature",                      R::CredentialsRefused, CLOCK),
        ("IncompleteSignatureException",             R::CredentialsRefused, CLOCK),
        ("RequestExpired",                           R::CredentialsRefused, CLOCK),
        ("TooManyRequestsException",                 R::Throttled, MANY),
        ("ThrottlingException",                      R::Throttled, MANY),
        ("Throttling",                               R::Throttled, MANY),
        ("RequestLimitExceeded",                     R::Throttled, MANY),
        ("EC2ThrottledException",                    R::Throttled, "AWS could not start it in its network so quickly"),
        ("ResourceNotFoundException",                R::UnknownFunction, "AWS no longer has it, or not this version or alias"),
        ("RequestTooLargeException",                 R::BodyTooLarge, "the payload is longer than AWS takes"),
        ("SerializedRequestEntityTooLargeException", R::BodyTooLarge, "the payload is longer than AWS takes"),
        ("InvalidRequestContentException",           R::MalformedBody, "AWS cannot read the payload: is it JSON?"),
        ("UnsupportedMediaTypeException",            R::UnsupportedMediaType, "AWS takes JSON alone"),
        ("ResourceConflictException",                R::UpstreamFailed, "it is being changed"),
        ("ResourceNotReadyException",                R::UpstreamFailed, "it was idle for long, and is made ready; ask again"),
        ("SnapStartNotReadyException",               R::UpstreamFailed, "its snapshot is made; ask again"),
        ("SnapStartException",                       R::UpstreamFailed, SNAPSHOT),
        ("SnapStartTimeoutException",                R::Deadline, SNAPSHOT),
        ("RecursiveInvocationException",             R::UpstreamFailed, "it calls itself in a circle that AWS has broken"),
        ("EFSMountTimeoutException",                 R::Deadline, FILES),
        ("EFSMountConnectivityException",            R::UpstreamFailed, FILES),
        ("EFSMountFailureException",                 R::UpstreamFailed, FILES),
        ("EFSIOException",                           R::UpstreamFailed, FILES),
        ("EC2AccessDeniedException",                 R::UpstreamFailed, NETWORK),
        ("EC2UnexpectedException",                   R::UpstreamFailed, NETWORK),
        ("ENILimitReachedException",                 R::UpstreamFailed, NETWORK),
        ("InvalidSecurityGroupIDException",          R::UpstreamFailed, NETWORK),
        ("InvalidSubnetIDException",                 R::UpstreamFailed, NETWORK),
        ("SubnetIPAddressLimitReachedException",     R::UpstreamFailed, NETWORK),
        ("KMSAccessDeniedException",                 R::UpstreamFailed, KEY),
        ("KMSDisabledException",                     R::UpstreamFailed, KEY),
        ("KMSInvalidStateException",                 R::UpstreamFailed, KEY),
        ("KMSNotFoundException",                     R::UpstreamFailed, KEY),
        ("InvalidRuntimeException",                  R::UpstreamFailed, CODE),
        ("InvalidZipFileException",                  R::UpstreamFailed, CODE),
        ("NoPublishedVersionException",              R::UpstreamFailed, "it has no version that could be called"),
        ("InvalidParameterValueException",           R::UpstreamFailed, "AWS does not take the call's parameters"),
        ("ServiceException",                         R::UpstreamFailed, "AWS failed; ask again"),
        ("InternalFailure",                          R::UpstreamFailed, "AWS failed; ask again"),
        ("ServiceUnavailable",                       R::UpstreamFailed, "AWS failed; ask again"),
    ]
};

/// The answer that begins with `head`, which is not the function's.
pub(super) fn of(head: &response::Parts) -> Answer {
    let status = head.status;
    let name = head.headers.get(&X_AMZN_ERRORTYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let after = retry_after(&head.headers);
    Answer::Whole {
        limit: MAX_REFUSAL,
        finish: Box::new(move |whole| {
            let body: Value = serde_json::from_slice(&whole.body).unwrap_or_default();
            let name = name.or_else(|| ["__type", "code"].iter().find_map(|key| Some(body[key].as_str()?.to_owned())));
            let message = body["Message"].as_str().or(body["message"].as_str()).unwrap_or_default();
            let name = short(name.as_deref().unwrap_or_default());
            tracing::debug!(status = status.as_u16(), error = name, message, "AWS does not run a function");
            let problem = named(name, Some(status));
            Err(match problem.reason {
                Reason::Throttled => problem.with(header::RETRY_AFTER, after),
                _ => problem,
            })
        }),
    }
}

/// The problem that an error is; where its name says nothing its status does.
pub(super) fn named(name: &str, status: Option<StatusCode>) -> Problem {
    let row = TABLE.iter().find(|(of, ..)| *of == name);
    let (reason, detail) = match (row, status.map(|status| status.as_u16())) {
        (Some((_, reason, detail)), _) => (*reason, *detail),
        (None, Some(401 | 403)) => (Reason::CredentialsRefused, "AWS does not allow the call"),
        (None, Some(404)) => (Reason::UnknownFunction, "AWS does not know it"),
        (None, Some(413)) => (Reason::BodyTooLarge, "the payload is longer than AWS takes"),
        (None, Some(429)) => (Reason::Throttled, "AWS takes no more calls now"),
        (None, Some(500..)) => (Reason::UpstreamFailed, "AWS failed; ask again"),
        (None, _) => (Reason::UpstreamFailed, "AWS does not take the call"),
    };
    let name = match (name, status) {
        ("", Some(status)) => status.as_u16().to_string(),
        ("", None) => "an error without a name".to_owned(),
        (name, _) => name.to_owned(),
    };
    Problem::new(reason, format!("{detail} ({name})"))
}

/// The error's own name: `com.amazonaws.lambda#Name:http://…` has more than that.
fn short(name: &str) -> &str {
    let name = name.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().trim();
    match name.len() <= MAX_NAME && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.') {
        true => name,
        false => "",
    }
}

/// A number of seconds, if AWS says one.
fn retry_after(headers: &HeaderMap) -> HeaderValue {
    let said = headers.get(header::RETRY_AFTER);
    said.filter(|value| value.as_bytes().iter().all(u8::is_ascii_digit)).cloned().unwrap_or(RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::*;
    use crate::call::Whole;

    fn check(status: u16, headers: &[(&str, &str)], body: &'static str) -> (Reason, String, Option<HeaderValue>) {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        let (head, ()) = answer.body(()).unwrap().into_parts();
        let Answer::Whole { finish, .. } = of(&head) else { panic!("it is read as a whole") };
        let problem = finish(Whole { head, body: Bytes::from(body), trailers: HeaderMap::new() }).unwrap_err();
        let after = problem.headers.iter().find(|(name, _)| *name == header::RETRY_AFTER).map(|(_, v)| v.clone());
        (problem.reason, problem.detail, after)
    }

    #[test]
    fn errors_are_told_by_name_then_by_status() {
        use Reason as R;
        const TYPE: &str = "x-amzn-errortype";
        for (status, headers, body, reason) in [
            (
                403,
                &[(TYPE, "AccessDeniedException")][..],
                r#"{"Message":"User: arn:aws:iam::1:user/x"}"#,
                R::CredentialsRefused,
            ),
            (403, &[(TYPE, "ExpiredTokenException:http://internal")], "", R::CredentialsRefused),
            (400, &[], r#"{"__type":"com.amazon.coral.service#AccessDeniedException"}"#, R::CredentialsRefused),
            (403, &[], "not json", R::CredentialsRefused),
            (401, &[], "", R::CredentialsRefused),
            (404, &[(TYPE, "ResourceNotFoundException")], "", R::UnknownFunction),
            (404, &[], "", R::UnknownFunction),
            (413, &[(TYPE, "RequestTooLargeException")], "", R::BodyTooLarge),
            (413, &[], "", R::BodyTooLarge),
            (400, &[(TYPE, "InvalidRequestContentException")], "", R::MalformedBody),
            (415, &[(TYPE, "UnsupportedMediaTypeException")], "", R::UnsupportedMediaType),
            (502, &[(TYPE, "KMSDisabledException")], "", R::UpstreamFailed),
            (408, &[(TYPE, "SnapStartTimeoutException")], "", R::Deadline),
            (500, &[(TYPE, "ServiceException")], "", R::UpstreamFailed),
            (503, &[], "", R::UpstreamFailed),
            (418, &[(TYPE, "<b>odd")], "", R::UpstreamFailed),
            (301, &[], "", R::UpstreamFailed),
        ] {
            let (is, detail, after) = check(status, headers, body);
            assert_eq!((is, after), (reason, None), "{status} {headers:?} {body}");
            assert!(!detail.contains("arn:") && !detail.contains('<'), "{detail}");
            assert!(!is.row().title.is_empty() && is.row().status != 403, "{is:?}");
        }
    }

    #[test]
    fn throttles_say_when_to_ask_again() {
        for (headers, expected) in [(&[][..], "1"), (&[("retry-after", "7")], "7"), (&[("retry-after", "soon")], "1")] {
            let (reason, _, after) = check(429, headers, r#"{"Reason":"ConcurrentInvocationLimitExceeded"}"#);
            assert_eq!(
                (reason, after.as_ref().map(HeaderValue::as_bytes)),
                (Reason::Throttled, Some(expected.as_bytes()))
            );
        }
    }

    #[test]
    fn a_name_stands_once_in_the_table() {
        let mut names: Vec<_> = TABLE.iter().map(|(name, ..)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }
}
