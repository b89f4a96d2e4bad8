//! Makes our answer of the upstream's.

use std::pin::{Pin, pin};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use plugins::{Answer, Problem, Reason, Reply, Whole};

use super::{forward, late};
use crate::body::{Body, BodyError, Held};
use crate::passage::Passage;
use crate::plans::Plan;

/// Our answer.
pub(super) enum Answered<'a> {
    /// At once.
    Now(Response<Body>),
    /// When enough of the upstream's body is there.
    Later(Pin<Box<dyn Future<Output = Result<Response<Body>, Problem>> + 'a>>),
}

/// The bound call's second half.
pub(super) fn take<'a>(
    passage: &'a mut Passage,
    plan: &Plan,
    reply: Reply,
    response: Response<Body>,
) -> Result<Answered<'a>, Problem> {
    let (mut head, body) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Problem::new(Reason::BadAnswer, "The upstream changed the protocol without being asked to"));
    }
    if flows(&head.headers) && !plan.bound.streams {
        passage.limit_silence();
    }
    forward::strip_answer(&mut head.headers);
    Ok(match plan.bound.call.response(reply, &mut head) {
        Answer::Stream => Answered::Now(Response::from_parts(head, body)),
        Answer::Map(map) => {
            head.headers.remove(header::CONTENT_LENGTH);
            Answered::Now(Response::from_parts(head, body.mapped(map)))
        }
        Answer::Held(map) => Answered::Later(Box::pin(async move {
            let mut held = Held::new(body, map);
            passage.limit.within(pin!(held.first())).await.map_err(late)?.map_err(broken)?;
            head.headers.remove(header::CONTENT_LENGTH);
            Ok(held.open(head))
        })),
        Answer::Whole { limit, finish } => Answered::Later(Box::pin(async move {
            let (body, trailers) = passage.limit.within(pin!(collect(body, limit))).await.map_err(late)??;
            head.headers.remove(header::CONTENT_LENGTH);
            Ok(finish(Whole { head, body, trailers })?.map(Body::full))
        })),
    })
}

/// A map's own problem is the answer; anything else is the upstream's connection.
fn broken(error: BodyError) -> Problem {
    match error.downcast::<Problem>() {
        Ok(problem) => *problem,
        Err(_) => Problem::new(Reason::Reset, "The upstream's answer broke off"),
    }
}

/// Whether the upstream says that its answer goes on for as long as it likes.
fn flows(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    [&b"text/event-stream"[..], b"application/x-ndjson"].iter().any(|flowing| {
        let (essence, rest) = content_type.split_at(content_type.len().min(flowing.len()));
        essence.eq_ignore_ascii_case(flowing) && matches!(rest.first(), None | Some(b';' | b' ' | b'\t'))
    })
}

async fn collect(body: Body, limit: usize) -> Result<(Bytes, HeaderMap), Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => {
            let trailers = collected.trailers().cloned().unwrap_or_default();
            Ok((collected.to_bytes(), trailers))
        }
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Reason::BadAnswer, format!("The upstream's answer is larger than {limit} bytes")))
        }
        Err(error) => Err(broken(error)),
    }
}
