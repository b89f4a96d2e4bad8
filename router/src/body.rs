//! A body on its way through a worker, in either direction: as it comes, mapped piece by piece, or whole.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use plugins::{BodyMap, HeldMap};

use crate::passage::Upload;
use crate::transport::Lease;

/// Why a body broke off.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body.
#[derive(Default)]
pub(crate) enum Body {
    /// None.
    #[default]
    Empty,
    /// Whole.
    Full(Bytes),
    /// As its sender sends it.
    Incoming(Incoming),
    /// A request's, as its sender sends it: the upload hears what becomes of it.
    Uploaded(Incoming, Rc<Upload>),
    /// An upstream's, with the connection that carries it.
    Leased(Incoming, Option<Lease>),
    /// Mapped piece by piece.
    Mapped(Box<Mapped>),
}

impl Body {
    /// `bytes`, or nothing.
    pub(crate) fn full(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }

    /// An upstream's body. A connection whose answer is over already goes back at once.
    pub(crate) fn leased(incoming: Incoming, lease: Lease) -> Self {
        if !http_body::Body::is_end_stream(&incoming) {
            return Self::Leased(incoming, Some(lease));
        }
        lease.over();
        Self::Empty
    }

    /// This body through `map`.
    pub(crate) fn mapped(self, map: Box<dyn BodyMap>) -> Self {
        Self::Mapped(Box::new(Mapped { inner: self, map: Some(map), out: Output::default(), upload: None }))
    }

    /// The same for a request's body: `upload` hears what becomes of it.
    pub(crate) fn uploaded(self, map: Box<dyn BodyMap>, upload: Rc<Upload>) -> Self {
        Self::Mapped(Box::new(Mapped { inner: self, map: Some(map), out: Output::default(), upload: Some(upload) }))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(_) => match std::mem::take(&mut *self) {
                Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                _ => Poll::Ready(None),
            },
            Self::Incoming(incoming) => poll(incoming, cx),
            Self::Uploaded(incoming, upload) => {
                let piece = poll(incoming, cx).map(Option::transpose);
                // Where its length is known nobody asks for what comes after the last piece.
                let is_last = |piece: &Option<_>| piece.is_none() || http_body::Body::is_end_stream(incoming);
                upload.hear(piece, is_last).map(Result::transpose)
            }
            Self::Leased(incoming, lease) => {
                let frame = ready!(poll(incoming, cx));
                let over = match &frame {
                    None => true,
                    Some(Ok(_)) => http_body::Body::is_end_stream(incoming),
                    Some(Err(_)) => {
                        lease.take();
                        false
                    }
                };
                if over && let Some(lease) = lease.take() {
                    lease.over();
                }
                Poll::Ready(frame)
            }
            Self::Mapped(mapped) => mapped.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) | Self::Mapped(_) => false,
            Self::Incoming(incoming) | Self::Uploaded(incoming, _) | Self::Leased(incoming, _) => {
                http_body::Body::is_end_stream(incoming)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Incoming(incoming) | Self::Uploaded(incoming, _) | Self::Leased(incoming, _) => {
                http_body::Body::size_hint(incoming)
            }
            Self::Mapped(_) => SizeHint::default(),
        }
    }
}

fn poll(incoming: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
    http_body::Body::poll_frame(Pin::new(incoming), cx).map_err(Into::into)
}

/// A body and what maps it.
pub(crate) struct Mapped {
    inner: Body,
    /// Gone at the end of the input.
    map: Option<Box<dyn BodyMap>>,
    out: Output,
    /// Hears of it where it is a request's.
    upload: Option<Rc<Upload>>,
}

/// What a map has put out and was not taken yet.
#[derive(Default)]
struct Output {
    data: BytesMut,
    trailers: Option<HeaderMap>,
}

impl Mapped {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if !self.out.data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(self.out.data.split().freeze()))));
            }
            let Some(map) = &mut self.map else {
                return Poll::Ready(self.out.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            };
            let stepped = step(&mut self.inner, &mut **map, &mut self.out, cx);
            let over = match &self.upload {
                Some(upload) => upload.hear(stepped, |over| *over),
                None => stepped,
            };
            if ready!(over)? {
                self.map = None;
            }
        }
    }
}

/// Gives the next piece of `inner` to `map`. `true`: that was its end.
fn step<M: BodyMap + ?Sized>(
    inner: &mut Body,
    map: &mut M,
    out: &mut Output,
    cx: &mut Context<'_>,
) -> Poll<Result<bool, BodyError>> {
    let frame = ready!(http_body::Body::poll_frame(Pin::new(inner), cx)).transpose()?;
    let trailers = match frame.map(Frame::into_data) {
        Some(Ok(data)) => {
            map.piece(data, &mut out.data)?;
            return Poll::Ready(Ok(false));
        }
        Some(Err(frame)) => frame.into_trailers().ok(),
        None => None,
    };
    out.trailers = map.end(trailers.as_ref(), &mut out.data)?;
    Poll::Ready(Ok(true))
}

/// A mapped body whose map has the last word on the head.
pub(crate) struct Held {
    inner: Body,
    map: Box<dyn HeldMap>,
    out: Output,
    over: bool,
}

impl Held {
    pub(crate) fn new(inner: Body, map: Box<dyn HeldMap>) -> Self {
        Self { inner, map, out: Output::default(), over: false }
    }

    /// Until there is output, or there will be none.
    pub(crate) async fn first(&mut self) -> Result<(), BodyError> {
        while self.out.data.is_empty() && !self.over {
            self.over = poll_fn(|cx| step(&mut self.inner, &mut *self.map, &mut self.out, cx)).await?;
        }
        Ok(())
    }

    /// The answer with this head, or another one instead of it.
    pub(crate) fn open(mut self, mut head: response::Parts) -> Response<Body> {
        if let Some(whole) = self.map.open(&mut head) {
            return whole.map(Body::full);
        }
        let map = (!self.over).then_some(self.map as Box<dyn BodyMap>);
        Response::from_parts(
            head,
            Body::Mapped(Box::new(Mapped { inner: self.inner, map, out: self.out, upload: None })),
        )
    }
}
