//! What kind of answer a head of AWS begins: the function's, or one instead of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode, header, response};
use serde_json::Value;

use super::stream::Streamed;
use super::{Call, JSON, refusal, reply};
use crate::call::{Answer, Whole};
use crate::problem::{Problem, Reason};

/// The longest answer that is read as a whole, in bytes: AWS's 6 MB, and what it takes to say that it was too long.
pub(super) const MAX_ANSWER: usize = 7 << 20;

/// The most that is repeated of what a function that failed says of it, in bytes.
const MAX_ERROR: usize = 64 << 10;

static X_AMZ_FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
static X_AMZ_LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
static PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The end of the function's log, in base64.
pub(super) static PORTOLAN_LOG: HeaderName = HeaderName::from_static("portolan-log");

/// How the answer that begins with `head` is mapped.
pub(super) fn of(call: &Call, head: &mut response::Parts) -> Answer {
    let log = head.headers.remove(&X_AMZ_LOG_RESULT);
    if let Some(kind) = head.headers.remove(&X_AMZ_FUNCTION_ERROR) {
        let detail = match kind.as_bytes() {
            b"Unhandled" => "it ended with an error that it did not handle",
            _ => "it answered with an error",
        };
        let log = log.and_then(|log| said(log.as_bytes()));
        return Answer::Whole {
            limit: MAX_ANSWER,
            finish: Box::new(move |whole| Err(failed(detail, &whole.body, log))),
        };
    }
    if let Some(log) = log {
        head.headers.insert(&PORTOLAN_LOG, log);
    }
    match head.status {
        StatusCode::ACCEPTED => {
            head.headers.insert(&PREFERENCE_APPLIED, HeaderValue::from_static("respond-async"));
            Answer::Stream
        }
        StatusCode::NO_CONTENT => Answer::Stream,
        StatusCode::OK if call.stream.is_some() => Answer::Held(Box::new(Streamed::new(call.reply, head))),
        StatusCode::OK => match call.reply {
            None => {
                head.headers.insert(header::CONTENT_TYPE, JSON);
                Answer::Stream
            }
            Some(shape) => {
                let finish = move |whole: Whole| reply::unwrapped(shape, whole);
                Answer::Whole { limit: MAX_ANSWER, finish: Box::new(finish) }
            }
        },
        _ => refusal::of(head),
    }
}

/// A function that failed, in its own words.
pub(super) fn failed(detail: impl Into<String>, error: &[u8], log: Option<String>) -> Problem {
    let cut = &error[..error.len().min(MAX_ERROR)];
    let whole = if cut.len() == error.len() { serde_json::from_slice(cut).ok() } else { None };
    let error = whole.unwrap_or_else(|| Value::from(String::from_utf8_lossy(cut)));
    let problem = Problem::new(Reason::FunctionFailed, detail).saying("error", error);
    match log {
        Some(log) => problem.saying("log", log.into()),
        None => problem,
    }
}

/// The log, as text.
pub(super) fn said(log: &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(&STANDARD.decode(log).ok()?).into_owned())
}
