//! Where calls of one function go: a path and a query, encoded once, as they are sent and as they are signed.

use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::kind::BindError;

/// All but the characters that stand for themselves in every part of a URL (RFC 3986, 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Between the parts of a path, which stay.
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// One operation on one function.
#[derive(Debug)]
pub(super) struct Target {
    /// As it is sent.
    pub(super) path: PathAndQuery,
    /// How the text that is signed begins, up to the time: method, path, query, and the host's header.
    pub(super) canonical: String,
}

impl Target {
    /// `operation` (`2015-03-31`, `invocations`) on a function at an endpoint.
    pub(super) fn new(
        host: &str,
        base: &str,
        operation: (&str, &str),
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<Self, BindError> {
        let (version, verb) = operation;
        let function = utf8_percent_encode(function, ENCODED);
        let path = format!("{base}/{version}/functions/{function}/{verb}");
        let query = qualifier.map(|of| format!("Qualifier={}", utf8_percent_encode(of, ENCODED))).unwrap_or_default();
        // AWS would sign a path in which these were resolved.
        if path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(BindError(format!("{path} is no path to a function")));
        }
        // What is signed has the path encoded once more.
        let signed = utf8_percent_encode(&path, ENCODED_PATH);
        let canonical = format!("POST\n{signed}\n{query}\nhost:{host}\nx-amz-date:");
        let sent = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
        let path = PathAndQuery::try_from(sent).map_err(|_| BindError(format!("{path} is not a path")))?;
        Ok(Self { path, canonical })
    }
}
