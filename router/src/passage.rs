//! A passage: one request from its head to the end of its answer. It holds the time limit, and when it is dropped, however that
//! comes about, it is counted and logged.

use std::cell::Cell;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Uri};
use http_body::{Frame, SizeHint};
use jiff::Timestamp;
use plugins::{Problem, Reason};
use tokio::time::Instant;

use crate::body::{Body, BodyError};
use crate::call::target;
use crate::connection::Caller;
use crate::limits;
use crate::log::{Line, milliseconds};
use crate::metrics::Tally;
use crate::plans::Bound;
use crate::timers::Limit;

/// The status of a request whose caller left before there was an answer (as nginx has it).
const LEFT: u16 = 499;

/// One request on its way.
pub(crate) struct Passage {
    pub(crate) caller: Rc<Caller>,
    pub(crate) limit: Limit,
    /// Where it is counted, once it is known what it calls.
    pub(crate) tally: Option<Arc<Tally>>,
    /// The end that the caller set.
    pub(crate) asked_end: Option<Instant>,
    /// The status of the answer, once there is one.
    pub(crate) status: u16,
    /// Its body, where that is streamed.
    upload: Option<Rc<Upload>>,
    begun: Instant,
    note: Option<Box<Note>>,
}

/// What only the access log wants to know.
struct Note {
    time: Timestamp,
    peer: SocketAddr,
    method: Method,
    uri: Uri,
    id: HeaderValue,
    bytes: u64,
    endpoint: Option<SocketAddr>,
    problem: Option<Reason>,
}

impl Passage {
    /// A request begins.
    pub(crate) fn begin(caller: Rc<Caller>, head: &http::request::Parts, id: &HeaderValue) -> Self {
        let begun = Instant::now();
        let worker = &caller.worker;
        caller.begin();
        let note = worker.log.is_on().then(|| {
            Box::new(Note {
                time: Timestamp::now(),
                peer: caller.exchange.peer,
                method: head.method.clone(),
                uri: head.uri.clone(),
                id: id.clone(),
                bytes: 0,
                endpoint: None,
                problem: None,
            })
        });
        let limit = Limit::new(&worker.timers, begun + limits::DEADLINE);
        caller.expect_until(begun + limits::DEADLINE);
        Self { caller, limit, tally: None, asked_end: None, status: LEFT, upload: None, begun, note }
    }

    /// Limits it as the function's calls are limited, or to less where the caller asks for that; for a stream that is until its body is
    /// taken.
    pub(crate) fn limit_as(&mut self, bound: &Bound, asked: Option<Duration>) {
        self.asked_end = asked.and_then(|asked| self.begun.checked_add(asked));
        let usual = self.begun + bound.timeout.unwrap_or(limits::DEADLINE);
        self.limit.change(self.asked_end.map_or(usual, |asked| asked.min(usual)));
        self.announce();
    }

    /// From now on it is a stream: what is limited is silence, and the whole only where the caller asks for that.
    pub(crate) fn limit_silence(&mut self) {
        self.limit.limit_silence(self.asked_end);
        self.announce();
    }

    /// Tells the connection how long this may go on.
    fn announce(&self) {
        if let Some(until) = self.limit.until() {
            self.caller.expect_until(until);
        }
    }

    /// The time that is left, where it is limited as a whole.
    pub(crate) fn left(&self) -> Option<Duration> {
        // Before anything had to wait no time has passed that is worth asking the clock for.
        let now = if self.limit.has_waited() { Instant::now() } else { self.begun };
        self.limit.end().map(|end| end.saturating_duration_since(now))
    }

    /// What hears of its body from now on.
    pub(crate) fn upload(&mut self) -> Rc<Upload> {
        let upload = Upload {
            caller: self.caller.clone(),
            life: self.limit.life(),
            awaited: Cell::new(false),
            problem: Cell::new(None),
        };
        self.upload.insert(Rc::new(upload)).clone()
    }

    /// What its body did that it ends with `reason`: a body that is wrong is why the upstream's connection broke, and one that is waited
    /// for is why there is no answer. On a stream both sides may be waited for, and that says nothing.
    pub(crate) fn fault_of_body(&self, reason: Reason) -> Option<Problem> {
        let upload = self.upload.as_ref()?;
        let late =
            || (reason == Reason::Deadline && upload.awaited.get() && !self.limit.is_for_silence()).then(slow_body);
        upload.problem.take().or_else(late)
    }

    /// Where it is tried.
    pub(crate) fn note_endpoint(&mut self, endpoint: SocketAddr) {
        if let Some(note) = &mut self.note {
            note.endpoint = Some(endpoint);
        }
    }

    /// Why it fails.
    pub(crate) fn note_problem(&mut self, reason: Reason) {
        self.caller.worker.metrics.count_problem(reason);
        if let Some(note) = &mut self.note {
            note.problem = Some(reason);
        }
    }

    /// Why its answer breaks off.
    fn note_end(&mut self, reason: Reason) {
        self.note_problem(self.fault_of_body(reason).map_or(reason, |problem| problem.reason));
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        self.caller.end();
        let worker = &self.caller.worker;
        self.tally.as_ref().unwrap_or(&worker.no_function).count(self.status, took);
        let Some(note) = &self.note else { return };
        // Names that the catalog does not have are whatever the caller likes.
        let target = self.tally.as_ref().and_then(|_| target::parse(note.uri.path()).ok());
        worker.log.write(&Line {
            time: note.time,
            peer: note.peer.ip().to_canonical(),
            method: note.method.as_str(),
            path: note.uri.path(),
            status: self.status,
            bytes: note.bytes,
            duration_ms: milliseconds(took),
            upstream: target.as_ref().map(|t| &*t.upstream),
            function: target.as_ref().map(|t| &*t.function),
            endpoint: note.endpoint,
            request_id: note.id.to_str().unwrap_or_default(),
            problem: note.problem.map(|reason| reason.row().name),
        });
    }
}

/// A body that ends before it is whole.
pub(crate) fn broken_off() -> Problem {
    Problem::new(Reason::MalformedBody, "The body broke off")
}

/// A body that did not come within the limit.
pub(crate) fn slow_body() -> Problem {
    Problem::new(Reason::SlowBody, "The body did not come within the time that the call has")
}

/// What becomes of a request's body while it is sent.
pub(crate) struct Upload {
    caller: Rc<Caller>,
    /// Where signs of life are noted, if silence is limited.
    life: Option<Rc<Cell<Instant>>>,
    /// Whether the upstream would take more than the caller has sent.
    awaited: Cell<bool>,
    problem: Cell<Option<Problem>>,
}

impl Upload {
    /// Hears of the next piece of it, and whether that is the last. A problem stays here: the upstream's connection would make another
    /// of it.
    pub(crate) fn hear<T>(
        &self,
        piece: Poll<Result<T, BodyError>>,
        is_last: impl FnOnce(&T) -> bool,
    ) -> Poll<Result<T, BodyError>> {
        self.awaited.set(piece.is_pending());
        let piece = ready!(piece);
        if piece.as_ref().is_ok_and(is_last) {
            self.caller.was_read();
        }
        if let Some(life) = &self.life {
            let now = Instant::now();
            life.set(now);
            self.caller.expect_until(now + limits::STREAM_SILENCE);
        }
        Poll::Ready(piece.map_err(|error| {
            let problem = error.downcast().map_or_else(|_| broken_off(), |problem| *problem);
            let told = problem.to_string().into();
            self.problem.set(Some(problem));
            told
        }))
    }
}

/// An answer's body, with the passage that ends with it.
pub(crate) struct Last {
    body: Body,
    passage: Passage,
}

impl Last {
    pub(crate) fn new(body: Body, passage: Passage) -> Self {
        Self { body, passage }
    }
}

impl http_body::Body for Last {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self { body, passage } = &mut *self;
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if passage.limit.is_for_silence() {
                    passage.limit_silence();
                }
                if let (Some(note), Some(data)) = (&mut passage.note, frame.data_ref()) {
                    note.bytes += data.len() as u64;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                passage.note_end(Reason::Reset);
                tracing::debug!(%error, "an answer broke off");
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => passage.limit.poll_over(cx).map(|_| {
                passage.note_end(Reason::Deadline);
                Some(Err("the answer was not over in time".into()))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
