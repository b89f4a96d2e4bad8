//! The gRPC test services by tonic, with reflection v1 and v1alpha. What each method does stands in the `.proto` files.
//!
//! Nothing is generated: messages are known by the descriptor set alone.

mod echo;
mod library;
mod metadata;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Response, Status};
use tower::Service;

use self::echo::Echo;
use self::library::Library;
use crate::rpc;

/// A running server; it stops when this is dropped.
pub struct TonicServer {
    /// Where it listens.
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

type Unary = Result<Response<DynamicMessage>, Status>;
type Messages = futures_util::stream::BoxStream<'static, Result<DynamicMessage, Status>>;
type Streaming = tonic::Streaming<DynamicMessage>;

/// Serves on a free port.
pub async fn start() -> TonicServer {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let descriptors = rpc::descriptors();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(&descriptors)
            .with_service_name(EchoService::NAME)
            .with_service_name(LibraryService::NAME)
    };
    let router = tonic::transport::Server::builder()
        .add_service(reflection().build_v1().expect("protoc wrote it"))
        .add_service(reflection().build_v1alpha().expect("protoc wrote it"))
        .add_service(EchoService(Arc::default()))
        .add_service(LibraryService(Arc::new(Library::new())));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        router.serve_with_incoming(TcpListenerStream::new(listener)).await.expect("tonic's server does not fail");
    });
    TonicServer { address, _tasks: tasks }
}

#[derive(Clone)]
struct EchoService(Arc<Echo>);

#[derive(Clone)]
struct LibraryService(Arc<Library>);

impl NamedService for EchoService {
    const NAME: &'static str = "portolan.test.v1.EchoService";
}

impl NamedService for LibraryService {
    const NAME: &'static str = "portolan.test.v1.LibraryService";
}

macro_rules! service {
    ($service:ident) => {
        impl Service<http::Request<Body>> for $service {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                let service = Arc::clone(&self.0);
                Box::pin(async move {
                    let name = request.uri().path().trim_start_matches('/').to_owned();
                    Ok(match rpc::methods().contains(&name) {
                        true => with_trailing(service.answer(rpc::method(&name), request).await),
                        false => Status::unimplemented("there is no such method").into_http(),
                    })
                })
            }
        }
    };
}

service!(EchoService);
service!(LibraryService);

fn grpc(method: &MethodDescriptor) -> tonic::server::Grpc<rpc::ByDescriptor> {
    tonic::server::Grpc::new(rpc::ByDescriptor(method.input()))
}

/// Metadata for after the answer: tonic has no place for it, so it goes along as an extension of the answer.
#[derive(Clone, Default)]
struct Trailing(MetadataMap);

fn with_trailing(answer: http::Response<Body>) -> http::Response<Body> {
    let (mut head, body) = answer.into_parts();
    let Some(Trailing(more)) = head.extensions.remove() else { return http::Response::from_parts(head, body) };
    let more = more.into_headers();
    let body = body.map_frame(move |frame| match frame.into_trailers() {
        Ok(mut trailers) => {
            trailers.extend(more.clone());
            http_body::Frame::trailers(trailers)
        }
        Err(frame) => frame,
    });
    http::Response::from_parts(head, Body::new(body))
}
