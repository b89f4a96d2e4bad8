//! The messages of a streamed answer (`application/vnd.amazon.eventstream`), each with checksums, as they come.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::problem::{Problem, Reason};

/// The longest message, in bytes: the most that the format itself allows for a payload, and room for headers.
const MAX_MESSAGE: usize = (16 << 20) + (128 << 10);

/// Lengths and their checksum, and the checksum of the whole: no message is shorter.
const MIN_MESSAGE: usize = 16;

/// What one message says.
#[derive(Debug)]
pub(super) enum Said {
    /// A piece of the function's answer.
    Chunk(Bytes),
    /// That was all.
    Complete(Complete),
    /// AWS gives up; the error's name.
    Refused(String),
    /// Nothing that we know.
    Other,
}

/// How a function ended.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Complete {
    /// Set where it failed.
    pub(super) error_code: Option<String>,
    /// What it said then.
    pub(super) error_details: Option<String>,
    /// The end of its log, in base64.
    pub(super) log_result: Option<String>,
}

/// Takes pieces of a stream and gives messages.
#[derive(Debug, Default)]
pub(super) struct Frames {
    rest: BytesMut,
}

impl Frames {
    /// The next piece.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.rest.extend_from_slice(data);
    }

    /// The next message, if it is there as a whole.
    pub(super) fn next(&mut self) -> Result<Option<Said>, Problem> {
        let Some(length) = self.rest.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if !(MIN_MESSAGE..=MAX_MESSAGE).contains(&length) {
            return Err(bad("a message of its stream has a length that none has"));
        }
        if self.rest.len() < length {
            return Ok(None);
        }
        let frame = self.rest.split_to(length).freeze();
        let message = read_message_from(frame).map_err(|_| bad("a message of its stream is damaged"))?;
        said(&message).map(Some)
    }
}

fn said(message: &Message) -> Result<Said, Problem> {
    let text = |name: &str| {
        let header = message.headers().iter().find(|header| header.name().as_str() == name);
        header.and_then(|header| header.value().as_string().ok()).map(|text| text.as_str())
    };
    match (text(":message-type"), text(":event-type")) {
        (Some("event"), Some("PayloadChunk")) => Ok(Said::Chunk(message.payload().clone())),
        (Some("event"), Some("InvokeComplete")) => match message.payload().is_empty() {
            true => Ok(Said::Complete(Complete::default())),
            false => serde_json::from_slice(message.payload())
                .map(Said::Complete)
                .map_err(|_| bad("the end of its stream is not understood")),
        },
        (Some("exception"), _) => Ok(Said::Refused(text(":exception-type").unwrap_or_default().to_owned())),
        (Some("error"), _) => Ok(Said::Refused(text(":error-code").unwrap_or_default().to_owned())),
        _ => Ok(Said::Other),
    }
}

fn bad(detail: &str) -> Problem {
    Problem::new(Reason::BadAnswer, detail)
}
