//! A function kind for tests: its binding says in JSON what its calls do.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use catalog::model::{Function, Kind, Materials, UpstreamSpec};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, response};
use plugins::{
    Answer, Arguments, BindError, BodyMap, BoundCall, Carrier, Content, Fit, FunctionKind, HeldMap, Intake, Keyring,
    Outgoing, OutgoingBody, Passes, Probe, Problem, Reason, Reply, Whole,
};
use serde::{Deserialize, Deserializer};

/// The one kind.
pub(crate) static KINDS: &[&dyn FunctionKind] = &[&Test];

/// The longest JSON body that a function takes, in bytes.
pub(crate) const JSON_LIMIT: usize = 2 << 20;

pub(super) fn kind() -> Kind {
    Kind::new("test")
}

struct Test;

impl FunctionKind for Test {
    fn kind(&self) -> Kind {
        kind()
    }

    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    fn bind(
        &self,
        function: &Function,
        _: &Materials,
        _: &UpstreamSpec,
        _: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError> {
        let call: Call = serde_json::from_str(function.binding.get()).map_err(|error| BindError(error.to_string()))?;
        match call.panics {
            true => panic!("a kind that breaks"),
            false => Ok(Arc::new(call)),
        }
    }
}

/// What a function does. Everything has a usual value: `{}` forwards to `/`, with the query and a JSON body.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Call {
    /// Without one the caller's.
    method: Option<String>,
    path: Option<String>,
    /// `json`, else `stream`, `map`, `any` (what there is) or `none`.
    intake: Option<String>,
    /// `stream`, else `map`, `held`, `whole` or `long` (whole up to [`JSON_LIMIT`]).
    answer: Option<String>,
    grpc: bool,
    streams: bool,
    /// In seconds.
    timeout: Option<u64>,
    headers: Vec<(String, String)>,
    /// A header that is a credential.
    secret: Option<String>,
    /// Headers that are credentials when the caller sends them.
    #[serde(deserialize_with = "names")]
    secrets: Vec<HeaderName>,
    passes: Option<String>,
    unfit: bool,
    panics: bool,
}

impl BoundCall for Call {
    fn intake(&self, method: &Method, _: &HeaderMap, has_body: bool) -> Result<Intake, Problem> {
        if method == Method::DELETE {
            let problem = Problem::new(Reason::MethodNotAllowed, "Not with DELETE");
            return Err(problem.with(header::ALLOW, HeaderValue::from_static(self.allow())));
        }
        Ok(match self.intake.as_deref().unwrap_or("json") {
            "json" => Intake::Arguments { limit: JSON_LIMIT },
            "stream" => Intake::Stream,
            "map" => Intake::Map,
            "whole" => Intake::Whole { limit: JSON_LIMIT },
            "any" if has_body => Intake::Stream,
            _ => Intake::None,
        })
    }

    fn request(&self, arguments: Arguments<'_>) -> Result<Outgoing, Problem> {
        if arguments.query == Some("refuse") {
            return Err(Problem::new(Reason::InvalidArguments, "Not like this"));
        }
        let path = self.path.as_deref().unwrap_or("/");
        let path = arguments.query.map_or(path.to_owned(), |query| format!("{path}?{query}"));
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        if let Some(name) = &self.secret {
            let mut value = HeaderValue::from_static("s3cret");
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(name).unwrap(), value);
        }
        let body = match (arguments.content, self.intake.as_deref()) {
            (Content::None, _) => OutgoingBody::Empty,
            (Content::Whole(bytes), _) => OutgoingBody::Full(Bytes::copy_from_slice(bytes)),
            (Content::Json(bytes), _) => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                OutgoingBody::Full(Bytes::copy_from_slice(bytes))
            }
            (Content::Stream, Some("map")) => OutgoingBody::Map(Box::new(Upper::default())),
            (Content::Stream, _) => OutgoingBody::Stream,
        };
        Ok(Outgoing {
            method: self.method.as_ref().map_or(arguments.method.clone(), |m| m.parse().unwrap()),
            path: PathAndQuery::try_from(path).unwrap(),
            headers,
            passes: match self.passes.as_deref() {
                Some("nothing") => Passes::Nothing,
                Some("without-credentials") => Passes::WithoutCredentials,
                _ => Passes::All,
            },
            body,
            reply: Reply::Usual,
            secrets: Vec::new(),
            fit: match arguments.unchecked {
                true => Fit::Unchecked,
                false if self.unfit => Fit::Unfit,
                false => Fit::Fits,
            },
        })
    }

    fn response(&self, _: Reply, _: &mut response::Parts) -> Answer {
        match self.answer.as_deref() {
            Some("map") => Answer::Map(Box::new(Upper::default())),
            Some("held") => Answer::Held(Box::new(Upper::default())),
            Some("long") => Answer::Whole { limit: JSON_LIMIT, finish: Box::new(finish) },
            Some("whole") => Answer::Whole { limit: 100, finish: Box::new(finish) },
            _ => Answer::Stream,
        }
    }

    fn carrier(&self) -> Carrier {
        if self.grpc { Carrier::Grpc } else { Carrier::Http1 }
    }

    fn allow(&self) -> &'static str {
        "GET, HEAD, POST, OPTIONS"
    }

    fn secret_headers(&self) -> &[HeaderName] {
        &self.secrets
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout.map(Duration::from_secs)
    }

    fn streams(&self) -> bool {
        self.streams
    }
}

fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<HeaderName>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    Ok(names.iter().map(|name| name.parse().unwrap()).collect())
}

fn finish(whole: Whole) -> Result<Response<Bytes>, Problem> {
    if whole.body.starts_with(b"bad") {
        return Err(Problem::new(Reason::BadAnswer, "It is bad"));
    }
    let mut text = format!("{} bytes and {} trailers", whole.body.len(), whole.trailers.len());
    if std::thread::current().name() == Some("tokio-rt-worker") {
        text += ", not on the worker";
    }
    Ok(Response::from_parts(whole.head, text.into()))
}

/// Writes in capitals; `!` is a problem. Held, an answer that is empty becomes another one.
#[derive(Default)]
struct Upper {
    seen: bool,
}

impl BodyMap for Upper {
    fn piece(&mut self, data: Bytes, out: &mut BytesMut) -> Result<(), Problem> {
        if data.contains(&b'!') {
            return Err(Problem::new(Reason::BadAnswer, "An exclamation mark"));
        }
        self.seen |= !data.is_empty();
        out.extend_from_slice(&data.to_ascii_uppercase());
        Ok(())
    }

    fn end(&mut self, trailers: Option<&HeaderMap>, out: &mut BytesMut) -> Result<Option<HeaderMap>, Problem> {
        if self.seen {
            out.extend_from_slice(b".");
        }
        Ok(trailers.cloned())
    }
}

impl HeldMap for Upper {
    fn open(&mut self, head: &mut response::Parts) -> Option<Response<Bytes>> {
        if !self.seen {
            let mut whole = Response::new(Bytes::from_static(b"nothing"));
            *whole.status_mut() = StatusCode::NOT_FOUND;
            return Some(whole);
        }
        head.status = StatusCode::ACCEPTED;
        None
    }
}
