//! Real services behind a real Consul: every operation and every method is in the catalog under its name, and a call through
//! its URL returns what the service itself returns.

mod grpc;
pub(crate) mod grpc_cases;
mod grpc_streams;
mod rest;
mod rest_cases;

use harness::consul::Consul;
use harness::daemon::Daemon;
use serde_json::json;

/// A Consul that knows services by their name and port, and a daemon that follows it.
async fn registered(services: &[(&str, u16)]) -> (Consul, Daemon) {
    let consul = Consul::start().await;
    for (name, port) in services {
        consul.register(json!({"Name": name, "Address": "127.0.0.1", "Port": port})).await;
    }
    let daemon = Daemon::start([format!("--source=consul={}", consul.address()), "--workers=1".to_owned()]).await;
    (consul, daemon)
}
