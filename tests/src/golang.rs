//! The gRPC services in Go.

use std::process::Command;

use crate::installed::named;
use crate::service::Service;

/// gRPC with reflection v1 and v1alpha, by grpc-go: `servers/grpc-go`.
pub async fn grpc() -> Service {
    Service::start("grpc-go", |port| {
        let mut command = Command::new(named("PORTOLAN_TEST_GRPC_GO"));
        command.args(["--port", &port.to_string()]);
        command
    })
    .await
}
