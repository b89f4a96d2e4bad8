//! A streamed answer: the function's bytes as they come, and its head where it says one.

use bytes::{Bytes, BytesMut};
use catalog::model::Event;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header, response};
use memchr::memmem;

use super::answer::{self, PORTOLAN_LOG};
use super::frames::{Complete, Frames, Said};
use super::refusal;
use super::reply::{self, Head};
use crate::call::{BodyMap, HeldMap};
use crate::problem::{Problem, Reason};

/// The type of an answer that begins with its own status and headers.
const WITH_HEAD: &[u8] = b"application/vnd.awslambda.http-integration-response";

/// The type of the stream itself, which is not the answer's.
const FRAMED: &[u8] = b"application/vnd.amazon.eventstream";

/// What separates that head from the body.
const SEPARATOR: [u8; 8] = [0; 8];

/// The longest such head, in bytes: more than a caller would take.
const MAX_HEAD: usize = 64 << 10;

static REMAPPED_CONTENT_TYPE: HeaderName = HeaderName::from_static("x-amzn-remapped-content-type");

/// Maps messages to a body; until its first byte an error is answered by itself.
pub(super) struct Streamed {
    frames: Frames,
    /// What was seen of the answer's own head, where it has one and that is not whole.
    partial: Option<BytesMut>,
    /// The answer's own head.
    own: Option<Head>,
    /// The answer's type.
    content_type: HeaderValue,
    complete: bool,
    log: Option<String>,
}

impl Streamed {
    /// For an answer that begins with `head`, which is read as `shape` says.
    pub(super) fn new(shape: Option<Event>, head: &response::Parts) -> Self {
        let of = |name: &HeaderName| head.headers.get(name).filter(|value| !is(value, FRAMED)).cloned();
        let content_type = of(&header::CONTENT_TYPE).or_else(|| of(&REMAPPED_CONTENT_TYPE));
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let has_head = shape == Some(Event::ApiGatewayV2) && is(&content_type, WITH_HEAD);
        Self {
            frames: Frames::default(),
            partial: has_head.then(BytesMut::new),
            own: None,
            content_type,
            complete: false,
            log: None,
        }
    }

    fn chunk(&mut self, data: Bytes, out: &mut BytesMut) -> Result<(), Problem> {
        let Some(partial) = &mut self.partial else {
            out.extend_from_slice(&data);
            return Ok(());
        };
        partial.extend_from_slice(&data);
        let Some(end) = memmem::find(partial, &SEPARATOR) else {
            return match partial.len() > MAX_HEAD {
                true => Err(reply::malformed("its head has no end")),
                false => Ok(()),
            };
        };
        self.own = Some(Head::read(&partial[..end])?);
        out.extend_from_slice(&partial[end + SEPARATOR.len()..]);
        self.partial = None;
        Ok(())
    }

    fn completed(&mut self, end: Complete) -> Result<(), Problem> {
        self.complete = true;
        let Some(code) = end.error_code else {
            self.log = end.log_result;
            return Ok(());
        };
        let details = end.error_details.unwrap_or_default();
        let log = end.log_result.and_then(|log| answer::said(log.as_bytes()));
        Err(answer::failed(format!("it ended with {}", name(&code)), details.as_bytes(), log))
    }
}

impl BodyMap for Streamed {
    fn piece(&mut self, data: Bytes, out: &mut BytesMut) -> Result<(), Problem> {
        self.frames.push(&data);
        while let Some(said) = self.frames.next()? {
            match said {
                Said::Chunk(data) => self.chunk(data, out)?,
                Said::Complete(end) => self.completed(end)?,
                Said::Refused(error) => return Err(refusal::named(name(&error), None)),
                Said::Other => {}
            }
        }
        Ok(())
    }

    fn end(&mut self, _: Option<&HeaderMap>, _: &mut BytesMut) -> Result<Option<HeaderMap>, Problem> {
        if !self.complete {
            return Err(Problem::new(Reason::Reset, "the function's stream ends without saying how"));
        }
        if self.partial.is_some() {
            return Err(reply::malformed("its head has no end"));
        }
        let log = self.log.take().and_then(|log| HeaderValue::try_from(log).ok());
        Ok(log.map(|log| HeaderMap::from_iter([(PORTOLAN_LOG.clone(), log)])))
    }
}

impl HeldMap for Streamed {
    fn open(&mut self, head: &mut response::Parts) -> Option<Response<Bytes>> {
        match self.own.take() {
            Some(own) => own.put(head),
            None => _ = head.headers.insert(header::CONTENT_TYPE, self.content_type.clone()),
        }
        None
    }
}

fn is(value: &HeaderValue, media_type: &[u8]) -> bool {
    let essence = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(media_type)
}

/// An error's name, if it can be repeated.
fn name(text: &str) -> &str {
    let plain = text.len() <= 100 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-_".contains(&b));
    if plain && !text.is_empty() { text } else { "an error" }
}
