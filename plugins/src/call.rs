//! A bound call: everything about one function that its requests have in common, as data. Its work is two synchronous halves;
//! the router's worker does the I/O between them.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, response};

use crate::filter::Exchange;
use crate::problem::Problem;

/// One function, ready to be called; shared by all workers.
pub trait BoundCall: Send + Sync + fmt::Debug {
    /// How the request's body is to be taken, known from its head alone; `has_body` says that one follows, which HTTP/2 does not say in
    /// a header. Also where a method is refused (405 with `Allow`).
    fn intake(&self, method: &Method, headers: &HeaderMap, has_body: bool) -> Result<Intake, Problem>;

    /// The first half: from the caller's arguments to what is sent. A dry run is this alone.
    fn request(&self, arguments: Arguments<'_>) -> Result<Outgoing, Problem>;

    /// The second half: from the head of the upstream's answer to the head of ours (changed in place) and how the body is mapped.
    fn response(&self, reply: Reply, head: &mut response::Parts) -> Answer;

    /// What carries it.
    fn carrier(&self) -> Carrier;

    /// The methods that may call it, as `Allow` lists them.
    fn allow(&self) -> &'static str;

    /// The headers that are credentials of this function, whoever sets them: they are never shown.
    fn secret_headers(&self) -> &[HeaderName] {
        &[]
    }

    /// How long it may take where the caller says nothing; `None` is the router's default.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Whether its answers go on for as long as the upstream likes: then the limit is on silence, not on the whole.
    fn streams(&self) -> bool {
        false
    }
}

/// How a request's body is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intake {
    /// There is none, or none that matters.
    None,
    /// Collected, to be read as JSON arguments.
    Arguments {
        /// In bytes; more is a [`crate::Reason::BodyTooLarge`]. Read, a text may take sixteen times as much memory.
        limit: usize,
    },
    /// Collected as it is, whatever its type and coding.
    Whole {
        /// In bytes; more is a [`crate::Reason::BodyTooLarge`].
        limit: usize,
    },
    /// Not touched: it is the body, and goes through as it comes.
    Stream,
    /// Goes through [`OutgoingBody::Map`] piece by piece.
    Map,
}

/// What a caller sent, as a binding sees it.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    /// The method.
    pub method: &'a Method,
    /// All after `?`, still encoded.
    pub query: Option<&'a str>,
    /// The headers that may pass: without hop-by-hop ones and `Portolan-*`, but with [`FOR_BINDINGS`].
    pub headers: &'a HeaderMap,
    /// The body.
    pub content: Content<'a>,
    /// Set where input was too large to be checked: it passes and is counted.
    pub unchecked: bool,
    /// Who sent it.
    pub caller: Caller<'a>,
}

/// Headers by which a caller asks something of a binding, and that no upstream is sent.
pub static FOR_BINDINGS: [HeaderName; 2] =
    [HeaderName::from_static("portolan-log-tail"), HeaderName::from_static("portolan-lambda-dry-run")];

/// Who calls, for functions that are told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// What the listener knows.
    pub exchange: Option<&'a Exchange>,
    /// The host that was asked, where the request's target says it (HTTP/2) and no header.
    pub authority: Option<&'a str>,
    /// The request's id.
    pub request_id: Option<&'a HeaderValue>,
}

/// The body, as [`Intake`] asked for it.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Nothing.
    None,
    /// A whole JSON text.
    Json(&'a [u8]),
    /// Whole, of whatever type.
    Whole(&'a [u8]),
    /// A stream that the router keeps.
    Stream,
}

/// What is sent to the upstream. Of the caller's headers those go too that `passes` says; `headers` here win.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The path and query on the upstream.
    pub path: PathAndQuery,
    /// Headers that the binding sets.
    pub headers: HeaderMap,
    /// Which headers of the caller go along.
    pub passes: Passes,
    /// The body.
    pub body: OutgoingBody,
    /// Handed to [`BoundCall::response`].
    pub reply: Reply,
    /// Where in `path` credentials stand, as byte ranges in ascending order. In headers they are the values that
    /// [`HeaderValue::is_sensitive`](http::HeaderValue::is_sensitive) says, and those of [`BoundCall::secret_headers`].
    pub secrets: Vec<Range<usize>>,
    /// What the check of the arguments said.
    pub fit: Fit,
}

impl Outgoing {
    /// What stands for a credential where it is shown.
    pub const HIDDEN: &'static str = "***";

    /// The path and query with [`Outgoing::HIDDEN`] for each credential.
    pub fn shown_path(&self) -> String {
        let path = self.path.as_str();
        let mut shown = String::with_capacity(path.len());
        let mut from = 0;
        for secret in &self.secrets {
            shown.push_str(path.get(from..secret.start).unwrap_or_default());
            shown.push_str(Self::HIDDEN);
            from = secret.end;
        }
        shown + path.get(from..).unwrap_or_default()
    }
}

/// Which of the caller's headers go to the upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Passes {
    /// All that may pass, and what we say of the caller: `X-Forwarded-*`, `X-Request-Id`, the time that is left.
    #[default]
    All,
    /// The same without `Authorization` and `Cookie`.
    WithoutCredentials,
    /// None, and nothing that we say: what is sent is what the binding sets (clouds, where a header is a command).
    Nothing,
}

/// What the check of the arguments against the schema said of a request that goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fit {
    /// They fit.
    #[default]
    Fits,
    /// They do not, and the upstream's `validation` is `report`.
    Unfit,
    /// They were not looked at, as that would take too long.
    Unchecked,
    /// They were not to be looked at: `validation` is `off`, or there is no schema.
    Unasked,
}

/// The body that is sent. Unless it is the caller's own ([`OutgoingBody::Stream`]), the caller's `Content-*` headers describe a body
/// that stays here, and do not go along.
pub enum OutgoingBody {
    /// None.
    Empty,
    /// This.
    Full(Bytes),
    /// The caller's own, as it comes.
    Stream,
    /// The caller's own, mapped piece by piece.
    Map(Box<dyn BodyMap>),
}

impl fmt::Debug for OutgoingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream => f.write_str("Stream"),
            Self::Map(_) => f.write_str("Map"),
        }
    }
}

/// The shape of the answer, chosen from the caller's `Accept` when the request is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reply {
    /// The kind's usual one.
    #[default]
    Usual,
    /// `text/event-stream`.
    EventStream,
    /// An answer before the call is done, as `Prefer: respond-async` asks.
    Queued,
}

/// What carries a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Carrier {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, with prior knowledge or by ALPN; the deadline goes along as `grpc-timeout`.
    Grpc,
}

/// How an upstream's answer becomes ours.
pub enum Answer {
    /// The body goes through as it comes.
    Stream,
    /// The body is mapped piece by piece.
    Map(Box<dyn BodyMap>),
    /// The same, but the head waits for the map's first output: what ends before it can still be answered with its own status.
    Held(Box<dyn HeldMap>),
    /// The body is collected, at most `limit` bytes, and decides the whole answer.
    Whole {
        /// In bytes; more is a [`crate::Reason::BadAnswer`].
        limit: usize,
        /// What makes the answer of it; what is long is read on another thread.
        finish: Finish,
    },
}

/// Makes an answer of an upstream's.
pub type Finish = Box<dyn FnOnce(Whole) -> Result<Response<Bytes>, Problem> + Send>;

/// An upstream's answer, collected.
#[derive(Debug)]
pub struct Whole {
    /// Its head as [`BoundCall::response`] left it.
    pub head: response::Parts,
    /// Its body.
    pub body: Bytes,
    /// Its trailers.
    pub trailers: HeaderMap,
}

/// Maps a streamed body piece by piece.
pub trait BodyMap {
    /// One piece of input; what is ready goes to `out`. An error is the answer while no head was sent, and resets the stream after it.
    fn piece(&mut self, data: Bytes, out: &mut BytesMut) -> Result<(), Problem>;

    /// The input is over; `trailers` are the upstream's. Returns our own trailers.
    fn end(&mut self, trailers: Option<&HeaderMap>, out: &mut BytesMut) -> Result<Option<HeaderMap>, Problem>;
}

/// A map that has the last word on the head of its answer.
///
/// The caller feeds it like any [`BodyMap`] while nothing was put out. Once there is output, or after [`BodyMap::end`] where there
/// was none, it calls [`HeldMap::open`], sends what that leaves, and goes on as with [`Answer::Map`]. A problem before that is the answer.
pub trait HeldMap: BodyMap {
    /// Called once. Changes the head, or gives a whole answer to send instead; then the rest of the input is dropped.
    fn open(&mut self, head: &mut response::Parts) -> Option<Response<Bytes>>;
}
