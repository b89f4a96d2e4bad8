//! Length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message"): a flag, a length of four bytes, the message.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::MAX_MESSAGE;
use crate::problem::{Problem, Reason};

/// The flag and the length.
pub(super) const PREFIX: usize = 5;

/// A message as it is sent.
pub(super) fn framed(message: &DynamicMessage) -> Result<Bytes, Problem> {
    let mut out = BytesMut::new();
    put(message, &mut out)?;
    Ok(out.freeze())
}

/// Appends a message as it is sent.
pub(super) fn put(message: &DynamicMessage, out: &mut BytesMut) -> Result<(), Problem> {
    let length = message.encoded_len();
    if length > MAX_MESSAGE {
        let limit = MAX_MESSAGE >> 20;
        return Err(Problem::new(Reason::BodyTooLarge, format!("the message has more than {limit} MiB")));
    }
    out.reserve(PREFIX + length);
    out.put_u8(0);
    // At most MAX_MESSAGE.
    out.put_u32(length as u32);
    message.encode_raw(out);
    Ok(())
}

/// Reads a message of an answer.
pub(super) fn decoded(of: &MessageDescriptor, message: Bytes) -> Result<DynamicMessage, Problem> {
    DynamicMessage::decode(of.clone(), message).map_err(|e| bad(format!("a message is not a {}: {e}", of.full_name())))
}

/// An answer that is not what gRPC says.
pub(super) fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Reason::BadAnswer, detail)
}

/// Takes messages out of a body that comes in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Frames(BytesMut);

impl Frames {
    /// More of the body.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    /// The next message, where it is whole.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(mut prefix) = self.0.get(..PREFIX) else { return Ok(None) };
        let (flag, length) = (prefix.get_u8(), prefix.get_u32() as usize);
        match flag {
            0 => {}
            1 => return Err(bad("a message is compressed, which was not asked for")),
            _ => return Err(bad("a message does not begin as one")),
        }
        if length > MAX_MESSAGE {
            return Err(bad(format!("a message has more than {} MiB", MAX_MESSAGE >> 20)));
        }
        if self.0.len() < PREFIX + length {
            return Ok(None);
        }
        self.0.advance(PREFIX);
        Ok(Some(self.0.split_to(length).freeze()))
    }

    /// Whether nothing is left over.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
