//! Makes our answer of the upstream's.

use std::pin::{Pin, pin};

use http::{HeaderMap, Response, StatusCode, header, response};
use plugins::{Answer, Finish, Problem, Reason, Reply, Whole};
use tokio::task::JoinSet;

use super::collect::{Uncollected, collect};
use super::{forward, late};
use crate::body::{Body, BodyError, Held};
use crate::budget::Share;
use crate::limits;
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
        Answer::Whole { limit, finish } => {
            head.headers.remove(header::CONTENT_LENGTH);
            let share = plan.bound.collected.share();
            Answered::Later(Box::pin(async move {
                let finished = pin!(finished(head, body, limit, share, finish));
                passage.limit.within(finished).await.map_err(late)?
            }))
        }
    })
}

/// Told apart from a call that was refused: to call again is to run the function again.
fn no_room() -> Problem {
    Problem::new(Reason::Overloaded, "The function was called, and there is no room for its answer now")
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

/// What `finish` makes of an answer, once that is whole.
async fn finished(
    head: response::Parts,
    body: Body,
    limit: usize,
    mut share: Share,
    finish: Finish,
) -> Result<Response<Body>, Problem> {
    let collected = collect(body, limit, &mut share).await;
    let (body, trailers) = collected.map_err(|uncollected| match uncollected {
        Uncollected::TooLarge => {
            Problem::new(Reason::BadAnswer, format!("The upstream's answer is larger than {limit} bytes"))
        }
        Uncollected::NoRoom => no_room(),
        Uncollected::Broken(error) => broken(error),
    })?;
    let long = body.len() > limits::READ_IN_PLACE;
    let whole = Whole { head, body, trailers };
    // The share goes where the answer goes: a caller that leaves gives nothing back that is still held.
    let read = move || (finish(whole), share);
    let (answer, mut share) = match long {
        false => read(),
        true => {
            // A set, as it drops what has not begun when its caller leaves.
            let mut reading = JoinSet::new();
            reading.spawn_blocking(read);
            let read = reading.join_next().await.and_then(Result::ok);
            read.ok_or_else(|| Problem::new(Reason::Internal, "Reading the upstream's answer failed"))?
        }
    };
    let answer = answer?;
    match share.change(answer.body().len()) {
        true => Ok(answer.map(|bytes| Body::full(share.hold(bytes)))),
        false => Err(no_room()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Poll;

    use futures_util::poll;

    use super::*;
    use crate::budget::Budget;
    use crate::testing::run;

    #[test]
    fn an_answer_that_is_read_is_counted_though_its_caller_has_left() {
        run(async {
            let bytes = 2 * limits::READ_IN_PLACE;
            let part = Budget::new(bytes, bytes).part(&"pets".into());
            let (head, ()) = Response::new(()).into_parts();
            let (begun, has_begun) = mpsc::sync_channel(1);
            let (go_on, may_end) = mpsc::sync_channel::<()>(1);
            let finish = Box::new(move |whole: Whole| {
                begun.send(()).unwrap();
                // Until the test ends it.
                _ = may_end.recv();
                Ok(Response::new(whole.body))
            });
            let body = Body::full(vec![b' '; bytes].into());
            let mut finished = Box::pin(finished(head, body, bytes, part.share(), finish));
            assert!(matches!(poll!(finished.as_mut()), Poll::Pending));
            has_begun.recv().unwrap();
            drop(finished);
            assert!(!part.share().take(1), "its bytes are still held");
            drop(go_on);
            while !part.share().take(bytes) {
                std::thread::yield_now();
            }
        });
    }
}
