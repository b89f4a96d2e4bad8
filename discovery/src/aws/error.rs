//! Why AWS gave no answer that can be used.

use std::error::Error;

use http::StatusCode;

use super::limits;
use crate::SourceError;

/// What went wrong, in the kinds that are treated differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// There are no keys: none were found, or AWS gave none.
    NoKeys,
    /// The keys are ended, revoked or unknown to AWS.
    BadKeys,
    /// The keys are good and have no right to this.
    Denied,
    /// Too many calls.
    Throttled,
    /// Nobody answers, or AWS says that it cannot now.
    Away,
    /// AWS refuses what was asked.
    Refused,
    /// The answer is not what AWS documents, or too long.
    Unreadable,
}

/// Why there is no answer that can be used. Its text holds no secret: of what AWS says it has the code and the first line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct AwsError {
    /// What was asked for: `ec2:DescribeInstances in eu-west-1`.
    pub act: String,
    /// What went wrong.
    pub trouble: Trouble,
    text: String,
}

impl AwsError {
    /// An error of ours.
    pub fn new(act: impl Into<String>, trouble: Trouble, text: impl Into<String>) -> Self {
        Self { act: act.into(), trouble, text: text.into() }
    }

    /// What AWS answered: its code, `UnauthorizedOperation`, and what it says to it.
    pub fn answered(act: impl Into<String>, status: u16, code: &str, message: &str) -> Self {
        let (trouble, code) = (Trouble::of(status, code), excerpt(code));
        // The text to a signature that does not fit repeats all that was signed, session token and all.
        let message = if code.contains("Signature") { "" } else { excerpt(message) };
        let text = match (code, message) {
            ("", "") => format!("HTTP {status}"),
            ("", message) => format!("HTTP {status}: {message}"),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        Self::new(act, trouble, text)
    }

    /// What failed, and why, where the source's state is shown.
    pub(crate) fn told(&self) -> String {
        format!("{}: {self}", self.act)
    }

    /// Whether it may go by itself when the same is simply asked again.
    pub fn may_pass(&self) -> bool {
        matches!(self.trouble, Trouble::Throttled | Trouble::Away | Trouble::Unreadable)
    }
}

impl Trouble {
    /// What a code of AWS means; services have different words for the same thing.
    pub fn of(status: u16, code: &str) -> Self {
        const BAD_KEYS: [&str; 10] = [
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "AuthFailure",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "IncompleteSignature",
        ];
        const THROTTLED: [&str; 7] = [
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "SlowDown",
        ];
        if BAD_KEYS.contains(&code) {
            return Self::BadKeys;
        }
        if THROTTLED.contains(&code) || status == 429 {
            return Self::Throttled;
        }
        match (status, code) {
            (401 | 403, _)
            | (_, "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" | "OptInRequired") => Self::Denied,
            (500.., _) | (_, "RequestTimeout" | "RequestTimeoutException" | "IDPCommunicationError") => Self::Away,
            _ => Self::Refused,
        }
    }
}

impl From<AwsError> for SourceError {
    fn from(error: AwsError) -> Self {
        let (act, cause) = (error.act, error.text);
        match error.trouble {
            Trouble::NoKeys | Trouble::BadKeys | Trouble::Denied => Self::Refused { act, cause },
            _ => Self::Place { act, cause },
        }
    }
}

/// An error with its causes, each told once, in one short line.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = first_line(&error.to_string()).to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        let more = first_line(&more);
        if !more.is_empty() && !text.contains(more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    excerpt(&text).to_owned()
}

/// The code of an error that has no other: the reason of its status.
pub(super) fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default().trim()
}

fn excerpt(text: &str) -> &str {
    let line = first_line(text);
    &line[..line.floor_char_boundary(limits::EXCERPT)]
}
