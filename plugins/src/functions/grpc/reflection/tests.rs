//! Reflection against tonic's own server, and against ones that do what others do.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use catalog::model::{Digest, KindState, UpstreamId, UpstreamSpec};
use catalog::report::Finding;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use http::{Request, Response};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use prost_types::FileDescriptorSet;
use serde_json::Value as Json;
use tonic::body::Body;
use tonic::{Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest, ServerReflectionResponse,
    ServiceResponse,
};
use tonic_reflection::server::Builder;
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

use super::super::describe::describe;
use super::super::json;
use super::super::pools::BUILT_IN;
use super::super::probe::Reflection;
use super::super::testing::Proto;
use super::{File, Files};
use crate::fetch::{Fetch, FetchError, Fetched, Get};
use crate::probe::{Probe, ProbeError, Target};

/// What answers a request.
type Answer = Box<dyn Fn(Request<Body>) -> BoxFuture<'static, Result<Response<Body>, FetchError>> + Send + Sync>;

/// A network with one server. Remembers the paths that were asked for.
struct Net {
    answer: Answer,
    asked: Mutex<Vec<String>>,
}

impl Net {
    fn new(
        answer: impl Fn(Request<Body>) -> BoxFuture<'static, Result<Response<Body>, FetchError>> + Send + Sync + 'static,
    ) -> Self {
        Self { answer: Box::new(answer), asked: Mutex::default() }
    }

    /// A tower service under `/base`.
    fn of<S>(service: S) -> Self
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send,
    {
        Self::new(move |mut request| {
            let mut service = service.clone();
            *request.uri_mut() = request.uri().path().strip_prefix("/base").unwrap().parse().unwrap();
            Box::pin(async move { Ok(service.call(request).await.unwrap_or_else(|e| match e {})) })
        })
    }

    /// The same head for everything.
    fn saying(status: u16, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self::new(move |_| {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            let response = response.body(Body::empty()).unwrap();
            Box::pin(async move { Ok(response) })
        })
    }

    fn failing(error: FetchError) -> Self {
        Self::new(move |_| {
            let error = error.clone();
            Box::pin(async move { Err(error) })
        })
    }
}

impl Fetch for Net {
    fn tls(&self) -> BoxFuture<'_, Result<bool, FetchError>> {
        Box::pin(async { Ok(false) })
    }

    fn get<'a>(&'a self, _: Get<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async { Err(FetchError::Refused("not in this test".into())) })
    }

    fn exchange(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, FetchError>> {
        self.asked.lock().unwrap().push(request.uri().to_string());
        (self.answer)(request)
    }
}

/// A server that answers as it is told; every other question is an error.
#[derive(Clone, Default)]
struct Scripted {
    services: Vec<&'static str>,
    answers: HashMap<String, Vec<Vec<u8>>>,
    /// Ends the whole stream at a question that it has no answer to.
    abrupt: bool,
}

impl Scripted {
    fn answer(&self, request: MessageRequest) -> Result<MessageResponse, Status> {
        let key = match request {
            MessageRequest::ListServices(_) => {
                let service = self.services.iter().map(|name| ServiceResponse { name: (*name).into() }).collect();
                return Ok(MessageResponse::ListServicesResponse(ListServiceResponse { service }));
            }
            MessageRequest::FileByFilename(key) | MessageRequest::FileContainingSymbol(key) => key,
            _ => "?".into(),
        };
        match self.answers.get(&key) {
            Some(files) => Ok(MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                file_descriptor_proto: files.clone(),
            })),
            None if self.abrupt => Err(Status::not_found(format!("no {key} here"))),
            None => Ok(MessageResponse::ErrorResponse(ErrorResponse {
                error_code: 5,
                error_message: format!("no {key} here"),
            })),
        }
    }
}

#[tonic::async_trait]
impl ServerReflection for Scripted {
    type ServerReflectionInfoStream = BoxStream<'static, Result<ServerReflectionResponse, Status>>;

    async fn server_reflection_info(
        &self,
        request: tonic::Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<tonic::Response<Self::ServerReflectionInfoStream>, Status> {
        let this = self.clone();
        let answers = request.into_inner().map(move |asked| {
            let message_response = Some(this.answer(asked?.message_request.ok_or_else(|| Status::internal("empty"))?)?);
            Ok(ServerReflectionResponse { message_response, ..Default::default() })
        });
        let answers = answers.scan(false, |over, answer| {
            let ended = std::mem::replace(over, answer.is_err());
            futures_util::future::ready((!ended).then_some(answer))
        });
        Ok(tonic::Response::new(answers.boxed()))
    }
}

fn shop() -> Proto {
    Proto::new("shop.proto", "shop")
        .import("lib/money.proto")
        .message("Order", &["string id = 1", ".lib.Money price = 2", ".google.protobuf.Timestamp placed_at = 3"])
        .service("Orders", &["Get(Order) Order", "Watch(Order) stream Order"])
}

fn money() -> Proto {
    Proto::new("lib/money.proto", "lib").message("Money", &["int64 units = 1"])
}

fn health() -> Proto {
    Proto::new("health.proto", "grpc.health.v1").message("Check", &[]).service("Health", &["Check(Check) Check"])
}

/// A server's whole set, with the well-known files.
fn encoded_set() -> Vec<u8> {
    let mut file: Vec<_> = BUILT_IN.file_descriptor_protos().cloned().collect();
    file.extend([money().0, shop().0, health().0]);
    FileDescriptorSet { file }.encode_to_vec()
}

fn target(known: Option<KindState>) -> Target {
    let spec = Arc::new(UpstreamSpec { base_path: "/base".into(), ..UpstreamSpec::default() });
    Target { id: UpstreamId::from("shop"), spec, known, document_paths: Arc::new([]) }
}

async fn look(net: &Net, known: Option<KindState>) -> Result<Finding, ProbeError> {
    Reflection.probe(&target(known), net).await
}

/// Names and complaints of what is found.
async fn found(net: &Net) -> (Vec<String>, Vec<String>) {
    match look(net, None).await {
        Ok(Finding::Found { description, .. }) => {
            assert_eq!(description.attachments.len(), 1);
            let set = description.attachments[0].clone();
            prost_reflect::DescriptorPool::decode(set).expect("the attachment makes a pool");
            (description.functions.into_iter().map(|f| f.name).collect(), description.complaints)
        }
        other => panic!("{other:?}"),
    }
}

const ALL: [&str; 3] = ["grpc.health.v1.Health/Check", "shop.Orders/Get", "shop.Orders/Watch"];

#[tokio::test]
async fn both_versions_are_spoken() {
    let set = encoded_set();
    let v1 = Builder::configure().register_encoded_file_descriptor_set(&set).build_v1().unwrap();
    let net = Net::of(v1);
    let (mut names, complaints) = found(&net).await;
    names.sort();
    assert_eq!((names, complaints), (ALL.map(String::from).to_vec(), vec![]));
    let asked = net.asked.lock().unwrap().clone();
    assert!(
        asked.iter().all(|uri| uri == "/base/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
        "{asked:?}"
    );
    assert_eq!(asked.len(), 3, "one stream for the list, one for the services, one for imports");

    let alpha = Builder::configure().register_encoded_file_descriptor_set(&set).build_v1alpha().unwrap();
    let net = Net::of(tower::service_fn(move |request: Request<Body>| {
        let mut alpha = alpha.clone();
        async move {
            match request.uri().path().contains("v1alpha") {
                true => tower::Service::call(&mut alpha, request).await,
                false => Ok(Status::unimplemented("").into_http()),
            }
        }
    }));
    let Ok(Finding::Found { digest, hint, tls, .. }) = look(&net, None).await else { panic!("nothing is found") };
    assert_eq!((hint.as_deref(), tls, net.asked.lock().unwrap().len()), (Some("v1alpha"), false, 4));
    let known = KindState { tls, digest, hint, complaints: Vec::new() };
    assert!(matches!(look(&net, Some(known.clone())).await, Ok(Finding::Unchanged { .. })));
    assert_eq!(net.asked.lock().unwrap().len(), 7, "the version that answered is asked first");
    let changed = KindState { digest: Digest::of([]), ..known };
    assert!(matches!(look(&net, Some(changed)).await, Ok(Finding::Found { .. })));
}

#[tokio::test]
async fn a_missing_file_costs_what_needs_it() {
    let mut server = Scripted {
        services: vec!["grpc.reflection.v1.ServerReflection", "shop.Orders", "gone.Service", "grpc.health.v1.Health"],
        ..Default::default()
    };
    server.answers.insert("shop.Orders".into(), vec![shop().bytes()]);
    server.answers.insert("grpc.health.v1.Health".into(), vec![health().bytes()]);
    for abrupt in [false, true] {
        server.abrupt = abrupt;
        let (names, complaints) = found(&Net::of(ServerReflectionServer::new(server.clone()))).await;
        assert_eq!(names, ["grpc.health.v1.Health/Check"]);
        let of = |text: &str| complaints.iter().filter(|c| c.contains(text)).count();
        assert_eq!(
            (of("gone.Service"), of("lib/money.proto is imported"), of("shop.proto cannot be used"), complaints.len()),
            (1, 1, 1, 4),
            "{complaints:#?}"
        );
    }
    server.answers.insert("lib/money.proto".into(), vec![money().bytes()]);
    let (names, complaints) = found(&Net::of(ServerReflectionServer::new(server.clone()))).await;
    assert_eq!(
        (names, complaints.len()),
        (vec!["shop.Orders/Get".into(), "shop.Orders/Watch".into(), "grpc.health.v1.Health/Check".into()], 1)
    );
}

#[tokio::test]
async fn an_import_that_is_not_needed_may_be_missing() {
    let mut server = Scripted { services: vec!["grpc.health.v1.Health"], ..Default::default() };
    let mut file = health().import("google/api/annotations.proto");
    file.0.public_dependency = vec![7, 0];
    server.answers.insert("grpc.health.v1.Health".into(), vec![file.bytes()]);
    let (names, complaints) = found(&Net::of(ServerReflectionServer::new(server))).await;
    assert_eq!(names, ["grpc.health.v1.Health/Check"]);
    assert_eq!(
        complaints,
        ["google/api/annotations.proto is imported, but not to be had: no google/api/annotations.proto here"]
    );
}

#[tokio::test]
async fn descriptors_that_lie_cost_themselves() {
    let mut server = Scripted { services: vec!["a.A", "b.B", "c.C", "grpc.health.v1.Health"], ..Default::default() };
    server.answers.insert("a.A".into(), vec![b"\xff\xff\xff".to_vec()]);
    // Imports itself, and declares options that are none.
    let lying = Proto::new("b.proto", "google.protobuf")
        .import("b.proto")
        .message("ServiceOptions", &["string deprecated = 33"]);
    server.answers.insert("b.B".into(), vec![lying.service("B", &[]).bytes()]);
    server.answers.insert("c.C".into(), vec![Proto::new("c.proto", "c").service("C", &["Get(None) None"]).bytes()]);
    server.answers.insert("grpc.health.v1.Health".into(), vec![health().bytes()]);
    let (names, complaints) = found(&Net::of(ServerReflectionServer::new(server))).await;
    assert_eq!(names, ["grpc.health.v1.Health/Check"], "{complaints:#?}");
}

/// A map's entry without a key, without a value, or with a key that is a message.
#[tokio::test]
async fn maps_that_lie_cost_themselves() {
    for change in 0..4 {
        let mut file = Proto::new("m.proto", "m").message("M", &["map<string, M> all = 1"]).service("S", &["Get(M) M"]);
        let entry = &mut file.0.message_type[0].nested_type[0];
        match change {
            0 => drop(entry.field.remove(0)),
            1 => drop(entry.field.pop()),
            2 => {
                entry.field[0] = prost_types::FieldDescriptorProto {
                    name: Some("key".into()),
                    number: Some(1),
                    ..entry.field[1].clone()
                }
            }
            _ => entry.field[0].number = Some(7),
        }
        let mut server = Scripted { services: vec!["m.S"], ..Default::default() };
        server.answers.insert("m.S".into(), vec![file.bytes()]);
        let net = Net::of(ServerReflectionServer::new(server));
        let (names, complaints) = found(&net).await;
        assert!(names.is_empty() && complaints.len() == 1, "{change}: {names:?} {complaints:?}");
    }
}

#[tokio::test]
async fn what_is_not_grpc_is_not_this() {
    for (status, headers) in [
        (404, &[("content-type", "text/plain")][..]),
        (415, &[]),
        (200, &[("content-type", "text/html")]),
        (301, &[("location", "/")]),
        (200, &[("content-type", "application/grpc"), ("grpc-status", "12")]),
    ] {
        let finding = look(&Net::saying(status, headers), None).await;
        assert!(matches!(finding, Ok(Finding::NotThis)), "{status} {headers:?}: {finding:?}");
    }
    let finding = look(&Net::failing(FetchError::Protocol("HTTP/1.1".into())), None).await;
    assert!(matches!(finding, Ok(Finding::NotThis)), "{finding:?}");
}

#[tokio::test]
async fn trouble_is_not_an_answer() {
    for (status, headers, said) in [
        (503, &[("content-type", "text/plain")][..], "reflection failed: HTTP 503 with type \"text/plain\""),
        (401, &[], "reflection failed: HTTP 401 with type \"\""),
        (
            200,
            &[("content-type", "application/grpc"), ("grpc-status", "16"), ("grpc-message", "no%20token")],
            "reflection failed: Unauthenticated: no token",
        ),
    ] {
        let error = look(&Net::saying(status, headers), None).await.unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    let error = look(&Net::saying(200, &[("content-type", "application/grpc")]), None).await.unwrap_err();
    assert!(error.to_string().contains("missing grpc-status"), "{error}");
    let error = look(&Net::failing(FetchError::Timeout(5)), None).await.unwrap_err();
    assert!(matches!(error, ProbeError::Fetch(FetchError::Timeout(5))), "{error}");
}

#[tokio::test]
async fn too_much_is_refused() {
    let mut server = Scripted { services: vec!["a.A"], ..Default::default() };
    let chain = (0..super::MAX_FILES + 1).map(|at| Proto::new(&format!("{at}.proto"), "a").bytes()).collect();
    server.answers.insert("a.A".into(), chain);
    let error = look(&Net::of(ServerReflectionServer::new(server)), None).await.unwrap_err();
    assert!(error.to_string().contains("more than 4096 files"), "{error}");

    let values: Vec<_> = (0..super::MAX_DECLARATIONS as i32).map(|at| (format!("V{at}"), at)).collect();
    let values: Vec<_> = values.iter().map(|(name, at)| (name.as_str(), *at)).collect();
    let mut server = Scripted { services: vec!["a.A"], ..Default::default() };
    server.answers.insert("a.A".into(), vec![Proto::new("a.proto", "a").enumeration("E", &values).bytes()]);
    let error = look(&Net::of(ServerReflectionServer::new(server)), None).await.unwrap_err();
    assert!(error.to_string().contains("more than 100000 declarations"), "{error}");
}

proptest! {
    /// Whatever a server sends for descriptors, what comes out of them is whole: a pool that can be made again, functions that are
    /// in it, and messages that can be read and written.
    #[test]
    fn broken_descriptors_make_whole_descriptions(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
        which in 0..5usize,
        wire in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let [old, all] = super::super::testing::files();
        let mut raws = [shop(), money(), health(), old, all].map(|file| file.bytes());
        for (at, length, byte) in changes {
            let raw = &mut raws[which];
            let at = at.index(raw.len());
            match byte % 3 {
                0 => raw[at] = byte,
                1 => raw.truncate(at + 1),
                // Copies a piece to another place.
                _ => {
                    let from = length.index(raw.len());
                    let piece = raw[from..(from + usize::from(byte % 16)).min(raw.len())].to_vec();
                    raw.splice(at..at, piece);
                }
            }
        }
        let mut files = Files::default();
        raws.into_iter().filter_map(|raw| File::read(raw.into()).ok()).for_each(|file| files.add(file));
        let services = ["shop.Orders", "grpc.health.v1.Health", "test.Echo"].map(String::from);
        let description = describe(&services, &files, files.assemble(), Vec::new());
        let pool = prost_reflect::DescriptorPool::decode(description.attachments[0].clone()).unwrap();
        for function in &description.functions {
            let (service, method) = function.name.split_once('/').unwrap();
            let service = pool.get_service_by_name(service).unwrap();
            let method = service.methods().find(|m| m.name() == method).unwrap();
            let input = method.input();
            let members = input.fields().map(|field| (field.json_name().to_owned(), Json::from("1")));
            let _ = json::read(&input, &Json::Object(members.collect()));
            let message = DynamicMessage::decode(method.output(), wire.as_slice());
            let _ = message.map(|message| json::Writer::new(json::Types(&[&pool]), &mut Vec::new()).message(&message));
        }
    }
}
