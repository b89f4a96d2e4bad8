//! What kind of answer a head begins.

use std::sync::Arc;

use http::{StatusCode, header, response};

use super::frame::{PREFIX, bad};
use super::status::Status;
use super::{MAX_MESSAGE, Plan, metadata, stream, unary};
use crate::call::{Answer, Reply, Whole};

/// The most of a body that nobody reads.
const MAX_UNREAD: usize = 64 << 10;

/// How the answer that begins with `head` is mapped.
pub(super) fn of(plan: &Arc<Plan>, reply: Reply, head: &mut response::Parts) -> Answer {
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_grpc =
        kind.strip_prefix("application/grpc").is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']));
    if let Some(status) = Status::of(&head.headers) {
        return ended(plan, status, reply);
    }
    if !is_grpc || head.status != StatusCode::OK {
        let problem =
            bad(format!("the upstream answers {} with type {kind:?}, which is not gRPC", head.status.as_u16()));
        return Answer::Whole { limit: MAX_UNREAD, finish: Box::new(move |_| Err(problem)) };
    }
    let plan = Arc::clone(plan);
    if plan.server_streaming {
        metadata::strip(&mut head.headers);
        return Answer::Held(Box::new(stream::Streamed::new(plan, reply)));
    }
    Answer::Whole { limit: PREFIX + MAX_MESSAGE, finish: Box::new(move |whole| unary::finish(&plan, whole)) }
}

/// An answer that is over with its head ("Trailers-Only").
fn ended(plan: &Arc<Plan>, status: Status, reply: Reply) -> Answer {
    let plan = Arc::clone(plan);
    let finish = move |whole: Whole| {
        let mut head = whole.head;
        let trailers = metadata::split_trailers(&mut head.headers);
        if !status.is_ok() {
            return Ok(status.answer(&plan, head, &trailers));
        }
        if !plan.server_streaming {
            return Err(bad("the upstream says OK and answers nothing"));
        }
        metadata::strip(&mut head.headers);
        metadata::append_trailers(&trailers, &mut head.headers);
        head.status = StatusCode::OK;
        head.headers.insert(header::CONTENT_TYPE, stream::content_type(reply));
        Ok(http::Response::from_parts(head, bytes::Bytes::new()))
    };
    Answer::Whole { limit: MAX_UNREAD, finish: Box::new(finish) }
}
