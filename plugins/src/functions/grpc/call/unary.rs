//! The answer to a call that has one message for an answer.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::super::json::{Types, Writer};
use super::super::pools::BUILT_IN;
use super::frame::{Frames, bad, decoded};
use super::status::Status;
use super::{Plan, metadata, raw, rpc_errors};
use crate::call::Whole;
use crate::problem::{Problem, Reason};

/// The answer that a whole one of the upstream becomes.
pub(super) fn finish(plan: &Plan, whole: Whole) -> Result<Response<Bytes>, Problem> {
    let Whole { mut head, body, trailers } = whole;
    let status = Status::of(&trailers)
        .ok_or_else(|| Problem::new(Reason::Reset, "the upstream's answer ends without saying how"))?;
    if !status.is_ok() {
        return Ok(status.answer(plan, head, &trailers));
    }
    let mut frames = Frames::default();
    frames.push(&body);
    let message = frames.next()?.ok_or_else(|| bad("the upstream says OK and its message is not whole"))?;
    if !frames.is_empty() {
        return Err(bad("the upstream answers more than one message"));
    }
    let message = decoded(&plan.output, message)?;
    metadata::strip(&mut head.headers);
    metadata::append_trailers(&trailers, &mut head.headers);
    head.status = StatusCode::OK;
    let (content_type, body) = match plan.gives_raw() {
        true => raw::unwrapped(&message),
        false => (HeaderValue::from_static("application/json"), json(plan, &message)?.into()),
    };
    head.headers.insert(header::CONTENT_TYPE, content_type);
    Ok(Response::from_parts(head, body))
}

/// A message in JSON.
pub(super) fn json(plan: &Plan, message: &prost_reflect::DynamicMessage) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::with_capacity(256);
    let types = [&plan.pool, &BUILT_IN, &rpc_errors::POOL];
    Writer::new(Types(&types), &mut out)
        .message(message)
        .map_err(|e| bad(format!("a message has no JSON form: {e}")))?;
    Ok(out)
}
