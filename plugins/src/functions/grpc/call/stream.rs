//! A stream of messages as it comes: JSON lines, server-sent events, or the contents of raw bodies one after the other.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response};

use super::frame::{Frames, decoded};
use super::negotiate::{EVENTS, NDJSON};
use super::status::Status;
use super::unary::json;
use super::{Plan, metadata, raw};
use crate::call::{BodyMap, HeldMap, Reply};
use crate::problem::{Problem, Reason};

/// The type of a stream's answer.
pub(super) fn content_type(reply: Reply) -> HeaderValue {
    HeaderValue::from_static(match reply {
        Reply::EventStream => EVENTS,
        Reply::Usual | Reply::Queued => NDJSON,
    })
}

/// Maps messages; until the first one an error is answered by itself.
pub(super) struct Streamed {
    plan: Arc<Plan>,
    reply: Reply,
    frames: Frames,
    /// Whether a message was seen.
    begun: bool,
    /// The type that the first message says, where it is a raw body.
    raw_type: Option<HeaderValue>,
    /// How it ended before any message, with the trailers that say so.
    failed: Option<(Status, HeaderMap)>,
}

impl Streamed {
    pub(super) fn new(plan: Arc<Plan>, reply: Reply) -> Self {
        Self { plan, reply, frames: Frames::default(), begun: false, raw_type: None, failed: None }
    }

    fn message(&mut self, message: Bytes, out: &mut BytesMut) -> Result<(), Problem> {
        let message = decoded(&self.plan.output, message)?;
        let first = !std::mem::replace(&mut self.begun, true);
        if self.plan.gives_raw() {
            let (content_type, data) = raw::unwrapped(&message);
            if first {
                self.raw_type = Some(content_type);
            }
            out.extend_from_slice(&data);
            return Ok(());
        }
        let json = json(&self.plan, &message)?;
        match self.reply {
            Reply::Usual | Reply::Queued => out.extend_from_slice(&json),
            Reply::EventStream => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(&json);
                out.extend_from_slice(b"\n");
            }
        }
        out.extend_from_slice(b"\n");
        Ok(())
    }

    /// An error after the first message: the last line says it.
    fn error(&self, status: &Status, out: &mut BytesMut) -> Result<(), Problem> {
        if self.plan.gives_raw() {
            return Err(Problem::new(Reason::Reset, "the upstream's stream ended with an error"));
        }
        let json = status.json(&self.plan);
        let (before, after): (&[u8], &[u8]) = match self.reply {
            Reply::Usual | Reply::Queued => (br#"{"@error":"#, b"}\n"),
            Reply::EventStream => (b"event: error\ndata: ", b"\n\n"),
        };
        [before, &json, after].iter().for_each(|part| out.extend_from_slice(part));
        Ok(())
    }
}

impl BodyMap for Streamed {
    fn piece(&mut self, data: Bytes, out: &mut BytesMut) -> Result<(), Problem> {
        self.frames.push(&data);
        while let Some(message) = self.frames.next()? {
            self.message(message, out)?;
        }
        Ok(())
    }

    fn end(&mut self, trailers: Option<&HeaderMap>, out: &mut BytesMut) -> Result<Option<HeaderMap>, Problem> {
        let broken = || Problem::new(Reason::Reset, "the upstream's stream ends without saying how");
        let trailers = trailers.ok_or_else(broken)?;
        let status = Status::of(trailers).ok_or_else(broken)?;
        if !status.is_ok() && !self.begun {
            self.failed = Some((status, trailers.clone()));
            return Ok(None);
        }
        if !status.is_ok() {
            self.error(&status, out)?;
        } else if !self.frames.is_empty() {
            return Err(broken());
        }
        Ok(metadata::own_trailers(trailers))
    }
}

impl HeldMap for Streamed {
    fn open(&mut self, head: &mut response::Parts) -> Option<Response<Bytes>> {
        if let Some((status, trailers)) = self.failed.take() {
            let (mut ours, ()) = Response::new(()).into_parts();
            ours.headers = std::mem::take(&mut head.headers);
            return Some(status.answer(&self.plan, ours, &trailers));
        }
        head.status = StatusCode::OK;
        let usual = || content_type(self.reply);
        let content_type = match self.plan.gives_raw() {
            true => self.raw_type.take().unwrap_or(HeaderValue::from_static("application/octet-stream")),
            false => usual(),
        };
        head.headers.insert(header::CONTENT_TYPE, content_type);
        None
    }
}
