//! Calls a gRPC service directly, with no Portolan between.

use http::uri::PathAndQuery;
use serde_json::Value;
use tokio_stream::StreamExt as _;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::{ByDescriptor, from_json, method, to_json};

/// What a call brought: all messages, and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// The messages as JSON.
    pub messages: Vec<Value>,
    /// How it ended: well, or not.
    pub end: Result<(), Status>,
    /// What came before the first message.
    pub initial: MetadataMap,
    /// What came after the last.
    pub trailing: MetadataMap,
}

/// A connection to `127.0.0.1:PORT`.
pub async fn connect(port: u16) -> Channel {
    crate::http::install_tls();
    let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL of loopback");
    endpoint.connect().await.expect("it listens already")
}

/// Calls a method, named as its function is, with these messages.
pub async fn call(channel: &Channel, function: &str, messages: &[Value]) -> Outcome {
    let method = method(function);
    let requests: Vec<_> = messages.iter().map(|json| from_json(method.input(), json)).collect();
    let path: PathAndQuery = format!("/{function}").parse().expect("names are plain");
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.expect("it is connected");
    let stream = tokio_stream::iter(requests);
    let answer = grpc.streaming(Request::new(stream), path, ByDescriptor(method.output())).await;
    let mut outcome =
        Outcome { messages: vec![], end: Ok(()), initial: MetadataMap::new(), trailing: MetadataMap::new() };
    let mut answers = match answer {
        Ok(answer) => {
            outcome.initial = answer.metadata().clone();
            answer.into_inner()
        }
        Err(status) => {
            outcome.end = Err(status);
            return outcome;
        }
    };
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(message) => outcome.messages.push(to_json(&message)),
            Err(status) => {
                outcome.end = Err(status);
                return outcome;
            }
        }
    }
    outcome.trailing = answers.trailers().await.ok().flatten().unwrap_or_default();
    outcome
}
