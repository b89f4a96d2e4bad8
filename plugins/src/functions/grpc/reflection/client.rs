//! The reflection protocol on top of a probe's [`Fetch`].
//!
//! `v1` and `v1alpha` differ in the name of the service alone, so one set of messages serves both.

use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri, header};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::MAX_BYTES;
use crate::fetch::{Fetch, FetchError};

/// The most streams of one look. One is enough unless the server ends it at a question that it does not like.
const MAX_STREAMS: usize = 32;

/// A version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    V1,
    V1Alpha,
}

impl Version {
    /// As it stands in the service's name, and in a probe's note.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1Alpha => "v1alpha",
        }
    }
}

/// Why a server says nothing of itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReflectionError {
    /// The network.
    #[error(transparent)]
    Fetch(FetchError),
    /// What answers is not gRPC.
    #[error("not gRPC: {0}")]
    NotGrpc(String),
    /// It is gRPC without this version of reflection.
    #[error("without reflection")]
    Unimplemented,
    /// It refused, or broke the protocol.
    #[error("reflection failed: {0}")]
    Answered(String),
    /// More than a limit.
    #[error("{0}")]
    TooMuch(String),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// The file that declares a symbol.
    Symbol(String),
    /// A file by its name.
    File(String),
}

/// Asks one server.
pub(crate) struct Client<'a> {
    fetch: &'a dyn Fetch,
    /// The path under which all of the server lies.
    base: &'a str,
}

impl<'a> Client<'a> {
    /// Asks by way of `fetch`, under the path `base`.
    pub(crate) fn new(fetch: &'a dyn Fetch, base: &'a str) -> Self {
        Self { fetch, base }
    }

    /// The names of all services.
    pub(crate) async fn services(&self, version: Version) -> Result<Vec<String>, ReflectionError> {
        let (answers, ended) = self.ask(version, vec![MessageRequest::ListServices(String::new())]).await?;
        match answers.into_iter().next() {
            Some(MessageResponse::ListServicesResponse(list)) => Ok(list.service.into_iter().map(|s| s.name).collect()),
            Some(MessageResponse::ErrorResponse(e)) if e.error_code == Code::Unimplemented as i32 => {
                Err(ReflectionError::Unimplemented)
            }
            Some(MessageResponse::ErrorResponse(e)) => Err(ReflectionError::Answered(e.error_message)),
            Some(_) => Err(ReflectionError::Answered("another answer than asked for".into())),
            None => Err(ended.map_or_else(|| ReflectionError::Answered("no answer".into()), refusal)),
        }
    }

    /// The serialized files that answer each question, in its order, or why there are none.
    pub(crate) async fn files(
        &self,
        version: Version,
        questions: Vec<Question>,
    ) -> Result<Vec<Result<Vec<Bytes>, String>>, ReflectionError> {
        let mut found = Vec::with_capacity(questions.len());
        for _ in 0..MAX_STREAMS {
            let rest: Vec<_> = questions[found.len()..].iter().cloned().map(Question::message).collect();
            if rest.is_empty() {
                return Ok(found);
            }
            let (answers, ended) = self.ask(version, rest).await?;
            found.extend(answers.into_iter().map(|answer| match answer {
                MessageResponse::FileDescriptorResponse(files) => {
                    Ok(files.file_descriptor_proto.into_iter().map(Bytes::from).collect())
                }
                MessageResponse::ErrorResponse(e) => Err(e.error_message),
                _ => Err("another answer than asked for".into()),
            }));
            if found.len() < questions.len() {
                // The question that ended the stream; the ones after it are asked again.
                found.push(Err(ended.map_or_else(|| "no answer".into(), |status| status.message().into())));
            }
        }
        found.resize(questions.len(), Err(format!("not asked for in more than {MAX_STREAMS} streams")));
        Ok(found)
    }

    /// One stream. Returns the answers that came, and what ended it if that was an error.
    async fn ask(
        &self,
        version: Version,
        questions: Vec<MessageRequest>,
    ) -> Result<(Vec<MessageResponse>, Option<Status>), ReflectionError> {
        let failure = Mutex::new(None);
        let wire = Wire { fetch: self.fetch, base: self.base, failure: &failure };
        let mut grpc =
            Grpc::with_origin(wire, Uri::from_static("http://reflection")).max_decoding_message_size(MAX_BYTES);
        let path = match version {
            Version::V1 => "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            Version::V1Alpha => "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        };
        let count = questions.len();
        let requests = questions
            .into_iter()
            .map(|question| ServerReflectionRequest { host: String::new(), message_request: Some(question) });
        let request = tonic::Request::new(stream::iter(requests.collect::<Vec<_>>()));
        let codec = ProstCodec::<ServerReflectionRequest, ServerReflectionResponse>::default();
        let begun = grpc.streaming(request, PathAndQuery::from_static(path), codec).await;
        let failed = || failure.lock().ok().and_then(|mut failure| failure.take());
        let mut stream = match begun {
            Ok(response) => response.into_inner(),
            Err(status) => return failed().map_or(Ok((Vec::new(), Some(status))), Err),
        };
        let (mut answers, mut bytes) = (Vec::new(), 0);
        while answers.len() < count {
            match stream.message().await {
                Ok(Some(answer)) => answers.extend(answer.message_response),
                Ok(None) => return Ok((answers, None)),
                Err(status) => return Ok((answers, Some(status))),
            }
            if let Some(MessageResponse::FileDescriptorResponse(files)) = answers.last() {
                bytes += files.file_descriptor_proto.iter().map(Vec::len).sum::<usize>();
            }
            if bytes > MAX_BYTES {
                return Err(ReflectionError::TooMuch(format!("more than {} MiB of descriptors", MAX_BYTES >> 20)));
            }
        }
        Ok((answers, None))
    }
}

impl Question {
    fn message(self) -> MessageRequest {
        match self {
            Self::Symbol(name) => MessageRequest::FileContainingSymbol(name),
            Self::File(name) => MessageRequest::FileByFilename(name),
        }
    }
}

fn refusal(status: Status) -> ReflectionError {
    match status.code() {
        Code::Unimplemented => ReflectionError::Unimplemented,
        code => ReflectionError::Answered(format!("{code:?}: {}", status.message())),
    }
}

/// [`Fetch::exchange`] as tonic's clients want it. What is not gRPC at all stops here, with its reason beside it.
struct Wire<'a> {
    fetch: &'a dyn Fetch,
    base: &'a str,
    failure: &'a Mutex<Option<ReflectionError>>,
}

impl<'a> tower::Service<Request<Body>> for Wire<'a> {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'a, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (fetch, failure) = (self.fetch, self.failure);
        let path = format!("{}{}", self.base, request.uri().path());
        let stop = move |error: ReflectionError| {
            let status = Status::unavailable(error.to_string());
            if let Ok(mut failure) = failure.lock() {
                *failure = Some(error);
            }
            status
        };
        Box::pin(async move {
            *request.uri_mut() = path.parse().map_err(|_| Status::internal("the base path is not a path"))?;
            match fetch.exchange(request).await {
                Ok(response) => match not_grpc(&response) {
                    Some(error) => Err(stop(error)),
                    None => Ok(response),
                },
                // Something answers there, and it does not speak HTTP/2.
                Err(FetchError::Protocol(cause)) => Err(stop(ReflectionError::NotGrpc(cause))),
                Err(error) => Err(stop(ReflectionError::Fetch(error))),
            }
        })
    }
}

/// Why `response` is not one of gRPC, by its status and type.
fn not_grpc(response: &Response<Body>) -> Option<ReflectionError> {
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if kind.starts_with("application/grpc") || headers.contains_key("grpc-status") {
        return None;
    }
    let status = response.status();
    let said = format!("HTTP {} with type {kind:?}", status.as_u16());
    let passing = status.is_server_error()
        && status != StatusCode::NOT_IMPLEMENTED
        && status != StatusCode::HTTP_VERSION_NOT_SUPPORTED;
    let asks = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS);
    // A gateway in trouble or a guard says nothing of what is behind it.
    Some(if passing || asks { ReflectionError::Answered(said) } else { ReflectionError::NotGrpc(said) })
}
