//! FastAPI (OpenAPI 3.1) and flask-restx (Swagger 2.0).

use std::collections::BTreeSet;

use harness::daemon::Daemon;
use harness::http::{self, Answer};
use harness::python;
use harness::service::Service;
use serde_json::Value;

use super::registered;
use super::rest_cases::{Case, HARBOUR, SHOP};

/// What an answer through the gateway has of the service's own beside status and body.
const HEADERS: [&str; 6] = ["content-type", "location", "etag", "x-path", "x-reason", "allow"];

#[tokio::test]
async fn every_operation_answers_as_the_service_itself() {
    let (harbour, shop) = (python::fastapi().await, python::swagger2().await);
    let (_consul, daemon) = registered(&[("harbour", harbour.port), ("shop", shop.port)]).await;
    daemon.until_functions("harbour", named(&harbour.get("/openapi.json").await)).await;
    daemon.until_functions("shop", named(&shop.get("/swagger.json").await)).await;
    let mut different = compare(&daemon, "harbour", &harbour, HARBOUR).await;
    different.extend(compare(&daemon, "shop", &shop, SHOP).await);
    assert!(different.is_empty(), "{} calls differ:\n{}", different.len(), different.join("\n"));
}

/// Runs the cases, of which there has to be one for each function at least.
async fn compare(daemon: &Daemon, upstream: &str, service: &Service, cases: &[Case]) -> Vec<String> {
    let all = daemon.functions(upstream).await.unwrap();
    let called: BTreeSet<String> = cases.iter().map(|case| case.function.to_owned()).collect();
    assert_eq!(called, all, "{upstream}: each function has a case");
    let mut different = vec![];
    for case in cases {
        let through = http::answer(case.call(daemon.post(upstream, case.function))).await.unwrap();
        let direct = http::answer(case.directly(|path| service.url(path))).await.unwrap();
        if shown(&through) != shown(&direct) {
            different.push(format!(
                "{upstream}/{} {}:\n  through {:?}\n  direct  {:?}",
                case.function,
                case.arguments,
                shown(&through),
                shown(&direct)
            ));
        }
    }
    different
}

fn shown(answer: &Answer) -> (u16, Vec<(&'static str, String)>, String) {
    // The order of an object's members means nothing, and a service may answer in the order in which it was asked.
    let body =
        if answer.header("content-type") == "application/json" { answer.json().to_string() } else { answer.text() };
    let headers = HEADERS.into_iter().filter(|name| answer.headers.contains_key(*name));
    (answer.status, headers.map(|name| (name, answer.header(name).to_owned())).collect(), body)
}

/// The `operationId`s of a document: each operation of these services has one, and no two the same.
fn named(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().expect("paths");
    let items = paths.values().flat_map(|item| item.as_object().expect("a path item"));
    let operations = items.filter(|(method, _)| ["get", "put", "post", "delete", "patch"].contains(&method.as_str()));
    operations.map(|(_, operation)| operation["operationId"].as_str().expect("a name").to_owned()).collect()
}
