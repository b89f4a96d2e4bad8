//! Why Consul gave no answer that can be used.

use std::error::Error;

use http::StatusCode;

use super::limits;
use crate::SourceError;

/// Why there is no answer that can be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub(super) struct ConsulError {
    /// What was asked for.
    pub(super) act: String,
    /// What came of it.
    pub(super) cause: Cause,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cause {
    #[error("{0}")]
    Unreachable(String),
    #[error("a file of the settings is of no use: {0}")]
    Setting(String),
    #[error("the token lacks the rights for this (service:read and node:read are needed): {0}")]
    Forbidden(String),
    #[error("HTTP {status}: {text}")]
    Status { status: StatusCode, text: String },
    #[error("no leader is known")]
    NoLeader,
    #[error("the answer is longer than {} bytes", limits::ANSWER)]
    TooLong,
    #[error("the answer is not what Consul documents: {0}")]
    Unreadable(String),
    #[error(
        "it lists no service, not even Consul's own, and did before: the token has lost service:read, or all is \
         gone; believed after {} s of the same answer",
        limits::DISBELIEF.as_secs()
    )]
    Vanished,
    #[error("it lists no service that the token may see: the token lacks service:read")]
    Hidden,
}

impl ConsulError {
    pub(super) fn new(act: impl Into<String>, cause: Cause) -> Self {
        Self { act: act.into(), cause }
    }

    /// Whether the same request may be answered when it is simply made again.
    pub(super) fn may_pass(&self) -> bool {
        match &self.cause {
            Cause::Unreachable(_) | Cause::NoLeader | Cause::Unreadable(_) => true,
            Cause::Status { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Cause::Setting(_) | Cause::Forbidden(_) | Cause::TooLong | Cause::Vanished | Cause::Hidden => false,
        }
    }
}

impl From<ConsulError> for SourceError {
    fn from(error: ConsulError) -> Self {
        Self::Place { act: error.act, cause: error.cause.to_string() }
    }
}

/// An error with its causes, each told once.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
