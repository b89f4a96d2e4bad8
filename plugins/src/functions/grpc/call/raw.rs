//! `google.api.HttpBody`: a raw body with its type, both ways.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use super::{MAX_MESSAGE, Plan, frame};
use crate::call::BodyMap;
use crate::problem::{Problem, Reason};

/// `string content_type = 1`.
const CONTENT_TYPE: u32 = 1;
/// `bytes data = 2`.
const DATA: u32 = 2;

/// The caller's body as messages: of a stream each piece is one, else all of it.
pub(super) struct Wrapped {
    of: MessageDescriptor,
    streams: bool,
    /// Said with the first message.
    content_type: Option<String>,
    sent: bool,
    rest: BytesMut,
}

impl Wrapped {
    pub(super) fn new(plan: &Plan, headers: &HeaderMap) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Self {
            of: plan.input.clone(),
            streams: plan.client_streaming,
            content_type: content_type.map(str::to_owned),
            sent: false,
            rest: BytesMut::new(),
        }
    }

    fn send(&mut self, data: Bytes, out: &mut BytesMut) -> Result<(), Problem> {
        let mut message = DynamicMessage::new(self.of.clone());
        let content_type = self.content_type.take().unwrap_or_default();
        let put = message.try_set_field_by_number(CONTENT_TYPE, Value::String(content_type)).is_ok()
            && message.try_set_field_by_number(DATA, Value::Bytes(data)).is_ok();
        if !put {
            return Err(Problem::new(Reason::Unbindable, "the upstream's google.api.HttpBody is another one"));
        }
        self.sent = true;
        frame::put(&message, out)
    }
}

impl BodyMap for Wrapped {
    fn piece(&mut self, data: Bytes, out: &mut BytesMut) -> Result<(), Problem> {
        if self.streams {
            return self.send(data, out);
        }
        if self.rest.len() + data.len() > MAX_MESSAGE {
            return Err(Problem::new(
                Reason::BodyTooLarge,
                format!("the body has more than {} MiB", MAX_MESSAGE >> 20),
            ));
        }
        self.rest.extend_from_slice(&data);
        Ok(())
    }

    fn end(&mut self, _: Option<&HeaderMap>, out: &mut BytesMut) -> Result<Option<HeaderMap>, Problem> {
        // A stream of no messages is one, but a type may not get lost.
        if !self.streams || (!self.sent && self.content_type.is_some()) {
            let whole = self.rest.split().freeze();
            self.send(whole, out)?;
        }
        Ok(None)
    }
}

/// The type and content of a message.
pub(super) fn unwrapped(message: &DynamicMessage) -> (HeaderValue, Bytes) {
    let content_type = message.get_field_by_number(CONTENT_TYPE);
    let content_type = content_type.as_ref().and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    let content_type = content_type.and_then(|text| HeaderValue::from_str(text).ok());
    let data = message.get_field_by_number(DATA).and_then(|value| value.as_bytes().cloned()).unwrap_or_default();
    (content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")), data)
}
