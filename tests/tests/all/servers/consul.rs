//! Consul: checks, ACLs, data centres, and data that outlive it.

use harness::consul::{Consul, Options};
use harness::echo::Echo;
use harness::wait;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

#[tokio::test]
async fn a_service_has_the_health_that_its_checks_have() {
    let consul = Consul::start().await;
    let echo = Echo::start().await;
    let checks = json!([
        {"CheckID": "ttl", "TTL": "1h"},
        {"CheckID": "http", "HTTP": echo.url("/health"), "Interval": "1s"},
    ]);
    consul.register(json!({"Name": "ship", "ID": "ship-1", "Port": 1, "Checks": checks})).await;
    passing(&consul, "ship", 0).await;
    consul.report("ttl", "passing").await;
    passing(&consul, "ship", 1).await;
    consul.report("ttl", "critical").await;
    passing(&consul, "ship", 0).await;
    assert_eq!(echo.seen()[0].target, "/health");
    consul.deregister("ship-1").await;
    wait::until("the service is gone", wait::SOON, || async {
        let services = consul.try_get("/v1/catalog/services", "").await?;
        if services.get("ship").is_none() { Ok(()) } else { Err(services.to_string()) }
    })
    .await;
}

async fn passing(consul: &Consul, service: &str, wanted: usize) {
    let path = format!("/v1/health/service/{service}?passing=1");
    wait::until(&format!("{wanted} instances of {service} pass"), wait::SOON, || async {
        let found = consul.try_get(&path, "").await?;
        if found.as_array().is_some_and(|all| all.len() == wanted) { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_token_without_rights_sees_an_empty_list() {
    let consul = Consul::with(Options { acl: true, ..Options::default() }).await;
    consul.register(json!({"Name": "ship"})).await;
    let rules = r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#;
    let token = consul.new_token(rules).await;
    let seen = || async {
        let services = consul.try_get("/v1/catalog/services", &token.secret).await?;
        if services.get("ship").is_some() { Ok(services) } else { Err(services.to_string()) }
    };
    wait::until("the token sees the service", wait::SOON, seen).await;
    consul.allow(&token, "").await;
    wait::until("a list that is empty, and 200", wait::SOON, || async {
        let services = consul.try_get("/v1/catalog/services", &token.secret).await?;
        if services == json!({}) { Ok(()) } else { Err(services.to_string()) }
    })
    .await;
    consul.revoke(&token).await;
    wait::until("the token is unknown", wait::SOON, || async {
        match consul.try_get("/v1/catalog/services", &token.secret).await {
            Err(error) if error.contains("ACL not found") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn two_data_centres_know_each_other() {
    let one = Consul::start().await;
    let two = Consul::with(Options { datacenter: "dc2", join: Some(&one), ..Options::default() }).await;
    two.register(json!({"Name": "ferry"})).await;
    wait::until("the service of dc2 is seen from dc1", wait::SOON, || async {
        let services = one.try_get("/v1/catalog/services?dc=dc2", "").await?;
        services.get("ferry").map(|_| ()).ok_or(services.to_string())
    })
    .await;
}

#[tokio::test]
async fn kept_data_are_there_after_a_kill() {
    let mut consul = Consul::with(Options { kept: true, ..Options::default() }).await;
    consul.put("/v1/kv/cargo", Value::String("grain".to_owned())).await;
    consul.restart().await;
    assert_eq!(consul.get("/v1/kv/cargo?raw").await, "grain");
}

#[tokio::test]
async fn connections_are_limited() {
    let consul = Consul::with(Options { connections: Some(2), ..Options::default() }).await;
    let held = Mutex::new(Vec::new());
    wait::until("one connection more is refused", wait::SOON, || async {
        held.lock().await.push(TcpStream::connect(consul.address()).await.unwrap());
        consul.try_get("/v1/status/leader", "").await.err().ok_or("it was answered")
    })
    .await;
    drop(held);
    wait::until("it answers again", wait::SOON, || consul.try_get("/v1/status/leader", "")).await;
}
