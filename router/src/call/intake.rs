//! Takes a request's body as its function wants it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use plugins::{Content, Intake, Problem, Reason};

use super::late;
use crate::body::Body;
use crate::limits;
use crate::passage::Passage;

/// A body, taken.
pub(super) enum Taken {
    /// None.
    Nothing,
    /// Collected.
    Whole(Bytes),
    /// Left to flow.
    Flowing(Incoming),
}

impl Taken {
    /// As the bound call sees it.
    pub(super) fn content(&self) -> Content<'_> {
        match self {
            Self::Nothing => Content::None,
            Self::Whole(bytes) => Content::Json(bytes),
            Self::Flowing(_) => Content::Stream,
        }
    }

    /// Whether it is too large to be checked.
    pub(super) fn unchecked(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.len() > limits::CHECKED_BODY)
    }

    /// What flows through.
    pub(super) fn into_body(self) -> Body {
        match self {
            Self::Nothing => Body::Empty,
            Self::Whole(bytes) => Body::full(bytes),
            Self::Flowing(incoming) => Body::Incoming(incoming),
        }
    }
}

/// Takes `body` as `intake` says, within the passage's limit.
pub(super) async fn take(
    passage: &mut Passage,
    intake: Intake,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Taken, Problem> {
    match intake {
        Intake::None => Ok(Taken::Nothing),
        Intake::Stream | Intake::Map => Ok(Taken::Flowing(body)),
        Intake::Arguments if body.is_end_stream() => Ok(Taken::Nothing),
        Intake::Arguments => {
            refuse_coded(headers)?;
            passage.limit.within(Box::pin(collect(body)).as_mut()).await.map_err(late)?.map(Taken::Whole)
        }
    }
}

async fn collect(body: Incoming) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("A JSON body may have {} MiB; other types are streamed", limits::COLLECTED_BODY >> 20);
        Problem::new(Reason::BodyTooLarge, detail)
    };
    if body.size_hint().lower() > limits::COLLECTED_BODY as u64 {
        return Err(too_large());
    }
    match Limited::new(body, limits::COLLECTED_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::new(Reason::MalformedBody, "The body broke off")),
    }
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
