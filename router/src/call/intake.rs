//! Takes a request's body as its function wants it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use hyper::body::{Body as _, Incoming};
use plugins::{BodyMap, Content, Intake, Problem, Reason};

use super::collect::{Uncollected, collect};
use crate::body::Body;
use crate::budget::Share;
use crate::limits;
use crate::passage::{Passage, broken_off, slow_body};
use crate::plans::Bound;

/// A body, taken.
pub(super) enum Taken {
    /// None.
    Nothing,
    /// Collected, with its share of what all may hold.
    Whole { bytes: Bytes, share: Share, json: bool },
    /// Left to flow.
    Flowing(Incoming),
}

impl Taken {
    /// As the bound call sees it.
    pub(super) fn content(&self) -> Content<'_> {
        match self {
            Self::Nothing => Content::None,
            Self::Whole { bytes, json: true, .. } => Content::Json(bytes),
            Self::Whole { bytes, .. } => Content::Whole(bytes),
            Self::Flowing(_) => Content::Stream,
        }
    }

    /// Whether it is too large to be checked.
    pub(super) fn unchecked(&self) -> bool {
        matches!(self, Self::Whole { bytes, .. } if bytes.len() > limits::CHECKED_BODY)
    }

    /// Itself, as the body that is sent.
    pub(super) fn sent(self, passage: &mut Passage) -> Body {
        match self {
            Self::Flowing(incoming) if !incoming.is_end_stream() => Body::Uploaded(incoming, passage.upload()),
            other => other.into_body(),
        }
    }

    /// The same through `map`.
    pub(super) fn mapped(self, map: Box<dyn BodyMap>, passage: &mut Passage) -> Body {
        self.into_body().uploaded(map, passage.upload())
    }

    fn into_body(self) -> Body {
        match self {
            Self::Nothing => Body::Empty,
            Self::Whole { bytes, share, .. } => Body::full(share.hold(bytes)),
            Self::Flowing(incoming) => Body::Incoming(incoming),
        }
    }

    /// The body that was made of it. What was collected ends here; its share goes on with what is sent, for as long as that is held.
    pub(super) fn replaced(self, bytes: Bytes) -> Result<Body, Problem> {
        let Self::Whole { bytes: text, mut share, .. } = self else { return Ok(Body::full(bytes)) };
        drop(text);
        if !share.change(bytes.len()) {
            return Err(overloaded());
        }
        Ok(Body::full(share.hold(bytes)))
    }
}

/// Takes `body` as `intake` says, within the passage's limit.
pub(super) async fn take(
    passage: &mut Passage,
    bound: &Bound,
    intake: Intake,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Taken, Problem> {
    match intake {
        Intake::None => Ok(Taken::Nothing),
        Intake::Stream | Intake::Map => Ok(Taken::Flowing(body)),
        Intake::Arguments { .. } | Intake::Whole { .. } if body.is_end_stream() => Ok(Taken::Nothing),
        Intake::Arguments { limit } | Intake::Whole { limit } => {
            let json = matches!(intake, Intake::Arguments { .. });
            if json {
                refuse_coded(headers)?;
            }
            let mut collecting = Box::pin(collected(body, limit, bound.collected.share(), json));
            let taken = passage.limit.within(collecting.as_mut()).await.map_err(|_| slow_body())??;
            passage.caller.was_read();
            Ok(taken)
        }
    }
}

async fn collected(body: Incoming, limit: usize, mut share: Share, json: bool) -> Result<Taken, Problem> {
    let too_large = || {
        let detail = format!("A {} may have {} KiB here", if json { "JSON body" } else { "body" }, limit >> 10);
        Problem::new(Reason::BodyTooLarge, detail)
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    match collect(body, limit, &mut share).await {
        Ok((bytes, _)) => Ok(Taken::Whole { bytes, share, json }),
        Err(Uncollected::TooLarge) => Err(too_large()),
        Err(Uncollected::NoRoom) => Err(overloaded()),
        Err(Uncollected::Broken(_)) => Err(broken_off()),
    }
}

fn overloaded() -> Problem {
    Problem::new(Reason::Overloaded, "Too many bodies are held at once")
}

/// Arguments are read, and not decoded first (RFC 9110, 15.5.16 has the answer's header).
fn refuse_coded(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(coding) if coding != "identity" => {
            let problem = Problem::new(
                Reason::UnsupportedMediaType,
                "Arguments cannot be read from a body with a content coding",
            );
            Err(problem.with(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")))
        }
        _ => Ok(()),
    }
}
