//! The sample services in Python.

use std::process::Command;

use crate::installed::{named, source};
use crate::service::Service;

/// OpenAPI 3.1 at `/openapi.json`, by FastAPI: `servers/fastapi_service.py`.
pub async fn fastapi() -> Service {
    Service::start("fastapi", |port| python("fastapi_service.py", port)).await
}

/// Swagger 2.0 at `/swagger.json`, by flask-restx, over HTTP/1.0: `servers/swagger2_service.py`.
pub async fn swagger2() -> Service {
    Service::start("swagger2", |port| python("swagger2_service.py", port)).await
}

/// gRPC with reflection v1alpha alone, by grpcio: `servers/grpc_server.py`.
pub async fn grpc() -> Service {
    Service::start("grpc-python", |port| {
        let mut command = python("grpc_server.py", port);
        command.env("PYTHONPATH", named("PORTOLAN_TEST_PROTOS").join("python"));
        command
    })
    .await
}

fn python(script: &str, port: u16) -> Command {
    let mut command = Command::new(named("PORTOLAN_TEST_PYTHON"));
    command.arg(source(script)).args(["--port", &port.to_string()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    command
}
