//! What a gRPC server says of itself by reflection.

use std::sync::Arc;

use bytes::Bytes;
use catalog::model::{Description, UpstreamId, UpstreamSpec};
use catalog::report::Finding;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use plugins::functions::grpc::Grpc;
use plugins::{Arguments, Caller, Content, Fetch, FetchError, Fetched, FunctionKind as _, Get, ProbeError, Target};
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic::body::Body;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest, ServerReflectionResponse,
    ServiceResponse,
};

use super::{block_on, bound};

/// Begins the bytes of an answer that goes to the client as it is; all others are a serialized `FileDescriptorSet`.
const RAW: u8 = 0;

/// Looks at a server that answers with these bytes. It must be described the same way again; each method can be bound and given
/// no arguments, or the reason is said.
pub fn descriptors(bytes: &[u8]) {
    let server = match bytes.split_first() {
        Some((&RAW, answer)) => Server::Raw(Bytes::copy_from_slice(answer)),
        _ => match FileDescriptorSet::decode(bytes) {
            Ok(set) => Server::Files(set.file),
            Err(_) => return,
        },
    };
    let Ok(description) = look(&server) else { return };
    let again = look(&server).expect("it answered before");
    assert_eq!(format!("{description:?}"), format!("{again:?}"), "seen twice, it is two things");
    let Some(description) = description else { return };
    for described in &description.functions {
        match bound::bind(&Grpc, described, &description) {
            Err(error) => assert!(error.0.len() > 2, "{} does not say why", described.origin),
            Ok(call) => {
                let headers = HeaderMap::new();
                let content = Content::Json(b"{}");
                let method = http::Method::POST;
                let given = Arguments {
                    method: &method,
                    query: None,
                    headers: &headers,
                    content,
                    unchecked: false,
                    caller: Caller::default(),
                };
                // Required fields may be missing.
                let _ = call.request(given);
            }
        }
    }
}

fn look(server: &Server) -> Result<Option<Description>, ProbeError> {
    let spec = Arc::new(UpstreamSpec::default());
    let target = Target { id: UpstreamId::from("fuzzed"), spec, known: None, document_paths: [].into() };
    let probe = Grpc.probe().expect("gRPC is found by looking");
    Ok(match block_on(probe.probe(&target, server))? {
        Finding::Found { description, .. } => Some(*description),
        _ => None,
    })
}

/// A network with one server.
enum Server {
    /// Answers every request with this body.
    Raw(Bytes),
    /// Answers with the files asked for.
    Files(Vec<FileDescriptorProto>),
}

impl Fetch for Server {
    fn tls(&self) -> BoxFuture<'_, Result<bool, FetchError>> {
        Box::pin(async { Ok(false) })
    }

    fn get<'a>(&'a self, _: Get<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async { Err(FetchError::Refused("there are no documents".into())) })
    }

    fn exchange(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, FetchError>> {
        Box::pin(async move {
            let body = match self {
                Self::Raw(body) => body.clone(),
                Self::Files(files) => {
                    let asked = request.into_body().collect().await;
                    let asked = asked.map_err(|error| FetchError::Protocol(error.to_string()))?.to_bytes();
                    messages(&asked).map(|asked| frame(&answer(files, asked))).collect::<Vec<_>>().concat().into()
                }
            };
            let end =
                http_body::Frame::trailers([(GRPC_STATUS, http::HeaderValue::from_static("0"))].into_iter().collect());
            let frames = [Ok::<_, tonic::Status>(http_body::Frame::data(body)), Ok(end)];
            let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
            let response = Response::builder().header(http::header::CONTENT_TYPE, "application/grpc").body(body);
            response.map_err(|error| FetchError::Protocol(error.to_string()))
        })
    }
}

const GRPC_STATUS: http::HeaderName = http::HeaderName::from_static("grpc-status");

/// The questions in a request's body, which our own client made.
fn messages(mut body: &[u8]) -> impl Iterator<Item = MessageRequest> {
    std::iter::from_fn(move || {
        let (head, rest) = body.split_first_chunk::<5>()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (message, rest) = rest.split_at(length);
        body = rest;
        ServerReflectionRequest::decode(message).expect("our client asks well").message_request
    })
}

fn frame(answer: &MessageResponse) -> Vec<u8> {
    let answer = ServerReflectionResponse { message_response: Some(answer.clone()), ..Default::default() };
    let message = answer.encode_to_vec();
    [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat()
}

fn answer(files: &[FileDescriptorProto], asked: MessageRequest) -> MessageResponse {
    let found: Vec<_> = match asked {
        MessageRequest::ListServices(_) => {
            let full = |file: &FileDescriptorProto, name: &str| match file.package() {
                "" => name.to_owned(),
                package => format!("{package}.{name}"),
            };
            let names =
                files.iter().flat_map(|file| file.service.iter().map(move |service| full(file, service.name())));
            let service = names.map(|name| ServiceResponse { name }).collect();
            return MessageResponse::ListServicesResponse(ListServiceResponse { service });
        }
        // All at once, as servers may.
        MessageRequest::FileContainingSymbol(_) => files.iter().collect(),
        MessageRequest::FileByFilename(name) => files.iter().filter(|file| file.name() == name).collect(),
        _ => Vec::new(),
    };
    match found.is_empty() {
        true => MessageResponse::ErrorResponse(ErrorResponse { error_code: 5, error_message: "no such file".into() }),
        false => MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
            file_descriptor_proto: found.into_iter().map(|file| file.encode_to_vec()).collect(),
        }),
    }
}
