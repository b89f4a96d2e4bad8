//! The three gRPC stacks answer alike: a test of calls through Portolan may run against each of them.

use harness::rpc::client::{self, Outcome};
use harness::rpc::status;
use harness::{golang, python, tonic_server};
use serde_json::json;

use crate::services::grpc_cases::cases;

#[tokio::test]
async fn three_stacks_answer_alike() {
    let (grpcio, go, tonic) = (python::grpc().await, golang::grpc().await, tonic_server::start().await);
    let channels = [
        ("grpcio", client::connect(grpcio.port).await),
        ("grpc-go", client::connect(go.port).await),
        ("tonic", client::connect(tonic.address.port()).await),
    ];
    for (function, messages) in cases() {
        let mut first = None;
        for (stack, channel) in &channels {
            let found = shown(&client::call(channel, &function, &messages).await);
            let first = first.get_or_insert_with(|| found.clone());
            assert_eq!(found, *first, "{function} {} by {stack} and by grpcio", json!(messages));
        }
    }
}

fn shown(outcome: &Outcome) -> String {
    let end = outcome.end.as_ref().err().map(status::to_problem);
    format!("{} {}", json!(outcome.messages), json!(end))
}
