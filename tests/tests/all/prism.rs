//! Real documents, each operation called against Prism, which checks requests by the document: what Portolan makes of arguments
//! that a function's `input` allows is valid by the document that it was read from.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use harness::daemon::Daemon;
use harness::echo::{self, Served};
use harness::http::{self, Answer, client};
use harness::installed::named;
use harness::sample::Sampler;
use harness::service::Service;
use harness::{prism, process};
use serde_json::{Map, Value, json};

/// What is called, of the corpus: Swagger 2.0 in both forms, OpenAPI 3.0 and 3.1.
const DOCUMENTS: [&str; 7] = [
    "docker.com/canary-docker-swagger.json",
    "jupyter.org/api.yaml",
    "adyen.com/AccountService.json",
    "adyen.com/BalancePlatformService.json",
    "listennotes.com/listennotes.com.json",
    "soundcloud.com/soundcloud.com.json",
    "azure.com/cdn.json",
];

/// The fewest operations that have to be called.
const OPERATIONS: usize = 200;

/// Operations, as `METHOD /path` of a document, whose valid calls Prism refuses, and why.
const PRISM_CANNOT: [(&str, &str); 3] = [
    ("docker.com/canary-docker-swagger.json POST /containers/create", NO_CONTENT_TYPE),
    ("docker.com/canary-docker-swagger.json POST /exec/{id}/start", NO_CONTENT_TYPE),
    (
        "docker.com/canary-docker-swagger.json POST /build",
        "its parameter Content-type allows application/tar alone, which it does not consume",
    ),
];

const NO_CONTENT_TYPE: &str = "its parameter Content-Type is required, also where no body is, which is not";

#[tokio::test]
async fn calls_are_valid_by_their_documents() {
    let folder = process::folder("resources");
    let mut mocks = vec![];
    for (number, document) in DOCUMENTS.iter().enumerate() {
        mocks.push(Mock::start(&format!("prism-{number}"), document, folder.path()).await);
    }
    let hosts: Vec<String> = mocks.iter().map(|mock| mock.documents.address.to_string()).collect();
    let config = folder.path().join("portolan.config");
    std::fs::write(&config, json!({"discovery": {"allowedHosts": hosts}}).to_string()).unwrap();
    let flags = [format!("--config={}", config.display()), format!("--resources={}", folder.path().display())];
    let daemon = Daemon::start(flags).await;
    let (count, mut wrong) = (AtomicUsize::new(0), vec![]);
    for mock in &mocks {
        daemon
            .process
            .until(&format!("{} is read", mock.document), || async {
                let upstream = daemon.upstream(&mock.name).await?;
                if upstream["discovery"]["state"] == "found" { Ok(()) } else { Err(upstream.to_string()) }
            })
            .await;
        let functions = daemon.list(&format!("/api/v1/functions?view=full&upstream={}", mock.name)).await.unwrap();
        for function in &functions {
            count.fetch_add(1, Ordering::Relaxed);
            wrong.extend(mock.check(function).await.err());
        }
    }
    let count = count.into_inner();
    assert!(wrong.is_empty(), "{} of {count} operations:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= OPERATIONS, "only {count} operations");
}

/// A Prism for one document, and the upstream that it is.
struct Mock {
    name: String,
    document: &'static str,
    /// Prism does not serve the document itself.
    documents: Served,
    _prism: Service,
}

impl Mock {
    async fn start(name: &str, document: &'static str, resources: &Path) -> Mock {
        let file = named("PORTOLAN_TEST_DOCUMENTS").join(document);
        let text = std::fs::read_to_string(&file).unwrap();
        let documents = echo::serve(Router::new().route("/document", get(async move || text))).await;
        let prism = prism::mock(&file).await;
        let resource = json!({
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Upstream",
            "metadata": {
                "name": name, "namespace": "gloo-system",
                "annotations": {"portolan.dev/openapi": documents.url("/document")},
            },
            // Prism knows paths without the part that servers have in common.
            "spec": {"static": {"hosts": [{"addr": "127.0.0.1", "port": prism.port}]}, "rest": {"basePath": "/"}},
        });
        std::fs::write(resources.join(format!("{name}.yaml")), resource.to_string()).unwrap();
        Mock { name: name.to_owned(), document, documents, _prism: prism }
    }

    /// Calls a function with all arguments that it has, and with those that it needs.
    async fn check(&self, function: &Value) -> Result<(), String> {
        let place = |field: &str| function["binding"][field].as_str().unwrap_or_default();
        let operation = format!("{} {} {}", self.document, place("method"), place("path"));
        if PRISM_CANNOT.iter().any(|(known, _)| *known == operation) {
            return Ok(());
        }
        for optional in [true, false] {
            let arguments = arguments(function, optional).map_err(|why| format!("{operation}: {why}"))?;
            let call = client().post(function["callUrl"].as_str().unwrap()).json(&arguments);
            let answer = http::answer(call.header("authorization", "Bearer token")).await.unwrap();
            if let Some(why) = refused(&answer) {
                return Err(format!("{operation} with {arguments}: {why}"));
            }
        }
        Ok(())
    }
}

/// Arguments that `input` allows, each under the place where it goes.
fn arguments(function: &Value, optional: bool) -> Result<Value, String> {
    let input = &function["input"];
    let validator = jsonschema::validator_for(input).map_err(|error| format!("`input` is no schema: {error}"))?;
    let mut last = String::new();
    // Alternatives that exclude each other are tried one after the other, and all of them without what is optional.
    for (optional, choice) in (0..4).map(|choice| (optional, choice)).chain((0..4).map(|choice| (false, choice))) {
        let arguments = one(function, &Sampler::new(input, optional, choice), optional);
        match validator.validate(&arguments) {
            Ok(()) => return Ok(arguments),
            Err(error) => last = format!("{error} at {} of {arguments}", error.instance_path()),
        }
    }
    Err(format!("no valid arguments were made: {last}"))
}

fn one(function: &Value, sampler: &Sampler<'_>, optional: bool) -> Value {
    let properties = &function["input"]["properties"];
    let mut arguments = Map::new();
    for parameter in function["binding"]["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
        let form = format!("${place}");
        let schema = &properties[&form]["properties"][name];
        // A credential, which every call needs, is no parameter of the document's.
        let needed = parameter["required"] == true || schema["writeOnly"] == true;
        if schema.is_null() || !(optional || needed) {
            continue;
        }
        let values = arguments.entry(form).or_insert_with(|| json!({}));
        values[name] = sampler.value(schema);
    }
    let body = &function["binding"]["body"];
    if body.is_object() && (optional || body["required"] == true) {
        arguments.insert("$body".to_owned(), sampler.value(&properties["$body"]));
    }
    Value::Object(arguments)
}

/// What Prism, or Portolan, has against a request.
fn refused(answer: &Answer) -> Option<String> {
    if !answer.reason().is_empty() {
        return Some(format!("Portolan: {}", answer.text()));
    }
    let violations: Value = serde_json::from_str(answer.header("sl-violations")).unwrap_or_default();
    let of_request = |violation: &&Value| violation["location"][0] == "request" && violation["severity"] == "Error";
    if let Some(violation) = violations.as_array().into_iter().flatten().find(of_request) {
        return Some(format!("Prism: {violation}"));
    }
    let problem = answer.json();
    let kind = problem["type"].as_str()?.strip_prefix("https://stoplight.io/prism/errors#")?;
    // Others are of Prism's own making: an answer that it cannot invent.
    let requests = ["UNPROCESSABLE_ENTITY", "UNAUTHORIZED", "INVALID_CONTENT_TYPE", "METHOD", "PATH", "SERVER"];
    requests.iter().any(|part| kind.contains(part)).then(|| format!("Prism: {problem}"))
}
