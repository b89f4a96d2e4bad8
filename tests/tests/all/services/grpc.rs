//! gRPC servers of three stacks: grpcio (reflection v1alpha alone), grpc-go and tonic.

use std::collections::BTreeSet;

use harness::daemon::Daemon;
use harness::http::Answer;
use harness::rpc::client::{self, Outcome};
use harness::rpc::{self, status};
use harness::{golang, http, python, tonic_server};
use serde_json::{Value, json};

use super::grpc_cases::{cases, http_status};
use super::{grpc_streams, registered};

/// What is called in other ways than with cases: metadata, and raw bodies.
const APART: [&str; 3] = [
    "portolan.test.v1.EchoService/Metadata",
    "portolan.test.v1.EchoService/Raw",
    "portolan.test.v1.LibraryService/GetCover",
];

#[tokio::test]
async fn every_method_of_three_stacks_answers_as_the_service_itself() {
    let (grpcio, go, tonic) = (python::grpc().await, golang::grpc().await, tonic_server::start().await);
    let stacks = [("grpcio", grpcio.port), ("grpc-go", go.port), ("tonic", tonic.address.port())];
    let (_consul, daemon) = registered(&stacks).await;
    let called: BTreeSet<String> =
        cases().into_iter().map(|(function, _)| function).chain(APART.map(str::to_owned)).collect();
    assert_eq!(called, rpc::methods().into_iter().collect(), "each method is called");
    let mut different = vec![];
    for (stack, port) in stacks {
        daemon.until_functions(stack, rpc::methods()).await;
        let channel = client::connect(port).await;
        for (function, messages) in cases() {
            let direct = client::call(&channel, &function, &messages).await;
            let through = through(&daemon, stack, &function, &messages).await;
            if let Err(why) = same(&through, &direct, &function) {
                different.push(format!("{stack}/{function} {}: {why}", json!(messages)));
            }
        }
        different.extend(grpc_streams::as_events(&daemon, stack).await.err());
        metadata_goes_both_ways(&daemon, stack).await;
        raw_bodies_stay_raw(&daemon, stack).await;
        a_deadline_reaches_the_service(&daemon, stack).await;
    }
    assert!(different.is_empty(), "{} calls differ:\n{}", different.len(), different.join("\n"));
}

async fn through(daemon: &Daemon, stack: &str, function: &str, messages: &[Value]) -> Answer {
    if rpc::method(function).is_client_streaming() {
        let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
        let request = daemon.post(stack, function).header("content-type", "application/x-ndjson").body(lines);
        return http::answer(request).await.unwrap();
    }
    daemon.call(stack, function, &messages[0]).await
}

fn same(through: &Answer, direct: &Outcome, function: &str) -> Result<(), String> {
    let streams = rpc::method(function).is_server_streaming();
    let error = direct.end.as_ref().err().map(|error| (http_status(error.code()), status::to_problem(error)));
    let (wanted, kind, found) = match (streams, error) {
        (true, Some((_, error))) if !direct.messages.is_empty() => {
            let mut lines = direct.messages.clone();
            lines.push(json!({"@error": error}));
            ((200, json!(lines)), "application/x-ndjson", lines_of(&through.text()))
        }
        (_, Some((status, error))) => ((status, error), "application/json", through.json()),
        (true, None) => ((200, json!(direct.messages)), "application/x-ndjson", lines_of(&through.text())),
        (false, None) => ((200, direct.messages[0].clone()), "application/json", through.json()),
    };
    let (found, wanted) = ((through.status, normal(found)), (wanted.0, normal(wanted.1)));
    if through.header("content-type").split(';').next() != Some(kind) {
        return Err(format!("its type is {}, not {kind}: {}", through.header("content-type"), through.text()));
    }
    if found == wanted {
        Ok(())
    } else {
        Err(format!("\n  through {} {}\n  direct  {} {}", found.0, found.1, wanted.0, wanted.1))
    }
}

fn lines_of(text: &str) -> Value {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect()
}

/// With all numbers as doubles: `1` and `1.0` are the same number.
fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, normal(value))).collect(),
        other => other,
    }
}

async fn metadata_goes_both_ways(daemon: &Daemon, stack: &str) {
    let asked = json!({
        "initial": [{"key": "x-first", "text": "1"}, {"key": "x-first-bin", "binary": "AP8="}],
        "trailing": [{"key": "x-last", "text": "2"}, {"key": "x-last-bin", "binary": "/w=="}],
    });
    let request = daemon.post(stack, APART[0]).json(&asked);
    let request =
        request.header("x-one", "a").header("x-one", "b").header("x-two-bin", "AQI").header("request-timeout", "7");
    let answer = http::answer(request).await.unwrap();
    let (reply, header) = (answer.json(), |name: &str| answer.header(name).trim_end_matches('=').to_owned());
    assert_eq!(answer.status, 200, "{stack}: {}", answer.text());
    let received = reply["received"].as_array().expect("entries");
    for entry in [
        json!({"key": "x-one", "text": "a"}),
        json!({"key": "x-one", "text": "b"}),
        json!({"key": "x-two-bin", "binary": "AQI="}),
    ] {
        assert!(received.contains(&entry), "{stack}: no {entry} in {reply}");
    }
    let left: f64 = reply["timeLeft"].as_str().and_then(|left| left.strip_suffix('s')?.parse().ok()).unwrap_or(-1.0);
    assert!(left > 0.0 && left <= 7.0, "{stack}: {reply}");
    assert_eq!((header("x-first"), header("x-first-bin")), ("1".into(), "AP8".into()), "{stack}: {:?}", answer.headers);
    let trailers = (header("grpc-trailer-x-last"), header("grpc-trailer-x-last-bin"));
    assert_eq!(trailers, ("2".into(), "/w".into()), "{stack}: {:?}", answer.headers);
}

async fn raw_bodies_stay_raw(daemon: &Daemon, stack: &str) {
    let request = daemon.post(stack, APART[1]).header("content-type", "text/x-cargo; charset=utf-8").body("žluť");
    let answer = http::answer(request).await.unwrap();
    let seen = (answer.status, answer.header("content-type").to_owned(), answer.text());
    assert_eq!(seen, (200, "text/x-cargo; charset=utf-8".to_owned(), "žluť".to_owned()), "{stack}");
    let name = json!({"name": "shelves/classics/books/odyssey"});
    let cover = daemon.call(stack, APART[2], &name).await;
    assert_eq!((cover.status, cover.header("content-type")), (200, "image/png"), "{stack}: {}", cover.text());
    assert_eq!(&*cover.body, b"\x89PNG\r\n\x1a\n", "{stack}");
}

async fn a_deadline_reaches_the_service(daemon: &Daemon, stack: &str) {
    let service = "portolan.test.v1.EchoService";
    let given_up = || async {
        let stats = daemon.call(stack, &format!("{service}/WaitStats"), &json!({})).await.json();
        (stats["waiting"].as_i64().unwrap_or(0), stats["givenUp"].as_i64().unwrap_or(0))
    };
    let before = given_up().await.1;
    let wait = daemon.post(stack, &format!("{service}/Wait")).json(&json!({"never": true}));
    let answer = http::answer(wait.header("request-timeout", "0.3")).await.unwrap();
    assert_eq!(answer.status, 504, "{stack}: {}", answer.text());
    daemon
        .process
        .until(&format!("{stack} sees that nobody waits"), || async {
            let now = given_up().await;
            if now == (0, before + 1) { Ok(()) } else { Err(format!("{now:?}")) }
        })
        .await;
}
