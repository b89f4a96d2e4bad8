//! The gRPC services, in Python and Go: both list their services by reflection, by the versions that each
//! has.

use harness::service::Service;
use harness::{golang, http, python};
use tokio_stream::{StreamExt as _, once};
use tonic::transport::Channel;
use tonic::{Code, Status};

const SERVICES: [&str; 2] = ["portolan.test.v1.EchoService", "portolan.test.v1.LibraryService"];

#[tokio::test]
async fn python_has_reflection_v1alpha_alone() {
    let service = python::grpc().await;
    assert_lists(&v1alpha(&service).await.unwrap());
    assert_eq!(v1(&service).await.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn go_has_reflection_v1_and_v1alpha() {
    let service = golang::grpc().await;
    assert_lists(&v1alpha(&service).await.unwrap());
    assert_lists(&v1(&service).await.unwrap());
}

fn assert_lists(names: &[String]) {
    for service in SERVICES {
        assert!(names.iter().any(|name| name == service), "no {service} among {names:?}");
    }
}

async fn channel(service: &Service) -> Channel {
    http::install_tls();
    let endpoint = Channel::from_shared(service.url("")).expect("a URL of loopback");
    endpoint.connect().await.expect("it listens already")
}

/// The listed services by one version of the protocol; the two differ in name alone.
macro_rules! listing {
    ($version:ident) => {
        async fn $version(service: &Service) -> Result<Vec<String>, Status> {
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

            let message_request = Some(MessageRequest::ListServices(String::new()));
            let request = ServerReflectionRequest { host: String::new(), message_request };
            let mut client = ServerReflectionClient::new(channel(service).await);
            let mut answers = client.server_reflection_info(once(request)).await?.into_inner();
            let answer = answers.next().await.expect("one answer to one question")?;
            match answer.message_response {
                Some(MessageResponse::ListServicesResponse(list)) => {
                    Ok(list.service.into_iter().map(|service| service.name).collect())
                }
                other => panic!("not a list of services: {other:?}"),
            }
        }
    };
}

listing!(v1);
listing!(v1alpha);
