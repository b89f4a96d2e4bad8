//! A gRPC service that describes itself: a greeter, with server reflection. Its messages and descriptors are written here, so that
//! building it needs no protobuf compiler.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::method_options::IdempotencyLevel;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    MethodOptions, ServiceDescriptorProto,
};
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// The most greetings that one call streams.
const MAX_TIMES: u32 = 100;

#[derive(Clone, PartialEq, prost::Message)]
struct HelloRequest {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    times: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HelloReply {
    #[prost(string, tag = "1")]
    message: String,
}

/// The service as a tonic server takes it.
#[derive(Clone, Debug)]
pub(super) struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "demo.Greeter";
}

fn greet(request: &HelloRequest) -> Result<HelloReply, Status> {
    if request.name.is_empty() {
        return Err(Status::invalid_argument("a name is needed"));
    }
    Ok(HelloReply { message: format!("Hello, {}!", request.name) })
}

struct SayHello;

impl UnaryService<HelloRequest> for SayHello {
    type Response = HelloReply;
    type Future = BoxFuture<'static, Result<Response<HelloReply>, Status>>;

    fn call(&mut self, request: Request<HelloRequest>) -> Self::Future {
        Box::pin(async move { greet(request.get_ref()).map(Response::new) })
    }
}

struct SayHellos;

impl ServerStreamingService<HelloRequest> for SayHellos {
    type Response = HelloReply;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<HelloReply, Status>> + Send>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<HelloRequest>) -> Self::Future {
        Box::pin(async move {
            let times = request.get_ref().times.clamp(1, MAX_TIMES) as usize;
            let reply = greet(request.get_ref())?;
            let replies = std::iter::repeat_n(Ok(reply), times);
            Ok(Response::new(Box::pin(stream::iter(replies)) as Self::ResponseStream))
        })
    }
}

impl tower::Service<http::Request<tonic::body::Body>> for Greeter {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<HelloReply, HelloRequest>::default());
            Ok(match request.uri().path() {
                "/demo.Greeter/SayHello" => grpc.unary(SayHello, request).await,
                "/demo.Greeter/SayHellos" => grpc.server_streaming(SayHellos, request).await,
                _ => Status::unimplemented("there is no such method").into_http(),
            })
        })
    }
}

/// What reflection says of it.
pub(super) fn descriptors() -> FileDescriptorSet {
    let field = |name: &str, number, kind: Type| FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        ..Default::default()
    };
    let message = |name: &str, field| DescriptorProto { name: Some(name.into()), field, ..Default::default() };
    let method = |name: &str, streaming| MethodDescriptorProto {
        name: Some(name.into()),
        input_type: Some(".demo.HelloRequest".into()),
        output_type: Some(".demo.HelloReply".into()),
        server_streaming: Some(streaming),
        options: Some(MethodOptions {
            idempotency_level: Some(IdempotencyLevel::NoSideEffects.into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("demo/greeter.proto".into()),
        package: Some("demo".into()),
        message_type: vec![
            message("HelloRequest", vec![field("name", 1, Type::String), field("times", 2, Type::Uint32)]),
            message("HelloReply", vec![field("message", 1, Type::String)]),
        ],
        service: vec![ServiceDescriptorProto {
            name: Some("Greeter".into()),
            method: vec![method("SayHello", false), method("SayHellos", true)],
            ..Default::default()
        }],
        syntax: Some("proto3".into()),
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }
}
