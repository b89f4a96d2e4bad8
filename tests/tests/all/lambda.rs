//! Lambda functions that run, called by their URLs: what they answer, how they fail, and what AWS refuses.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::daemon::{Daemon, Options};
use harness::executor::Executor;
use harness::http::{self, Answer};
use harness::moto::{KEYS, Moto};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const UPSTREAM: &str = "aws-eu-west-1";

/// All that a test needs; what is dropped ends.
struct World {
    daemon: Daemon,
    executor: Executor,
    _moto: Moto,
}

/// Makes functions with these names; one with `stream` in it has a URL that streams, one with `web` takes and gives payload format 2.0.
fn script(names: &[&str]) -> String {
    format!(
        r#"
iam, functions = client("iam", "eu-west-1"), client("lambda", "eu-west-1")
role = iam.create_role(RoleName="runs", AssumeRolePolicyDocument="{{}}")["Role"]["Arn"]
import io, zipfile
code = io.BytesIO()
zipfile.ZipFile(code, "w").writestr("f.py", "")
for name in {names:?}:
    tags = {{"portolan:event": "api-gateway-v2", "portolan:reply": "api-gateway-v2"}} if "web" in name else {{}}
    functions.create_function(FunctionName=name, Runtime="python3.13", Role=role, Handler="f.f",
                              Code={{"ZipFile": code.getvalue()}}, Timeout=30, Publish=True, Tags=tags)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    if "stream" in name:
        functions.create_function_url_config(FunctionName=name, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM")
"#
    )
}

impl World {
    async fn start(names: &[&str]) -> World {
        World::with_secret(names, KEYS[1].1).await
    }

    async fn with_secret(names: &[&str], secret: &str) -> World {
        let moto = Moto::start().await;
        moto.boto(&script(names)).await;
        let executor = Executor::start(&moto).await;
        let own = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", &executor.url()),
            (KEYS[0].0, KEYS[0].1),
            (KEYS[1].0, secret),
        ];
        let environment = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options = Options { environment, ..Options::default() };
        let daemon = Daemon::launch(options, ["--source=aws", "--workers=1"]);
        daemon.ready().await;
        let world = World { daemon, executor, _moto: moto };
        for name in names {
            // What AWS says of a function comes with several calls; the URL's and the tags' are the last.
            let whole = || async {
                let function = world.daemon.function(UPSTREAM, &format!("{name}:live")).await?;
                let binding = &function["binding"];
                let wanted = (name.contains("stream"), name.contains("web"));
                let has = (binding["streaming"] == true, binding["event"] == "api-gateway-v2");
                if has == wanted { Ok(()) } else { Err(format!("{name}: {function}")) }
            };
            world.daemon.process.until(&format!("{name} is listed as it is"), whole).await;
        }
        world.executor.invoked().await;
        world
    }

    async fn send(&self, function: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let mut request = self.daemon.post(UPSTREAM, function).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        http::answer(request).await.unwrap_or_else(|error| panic!("{function}: {error}"))
    }
}

#[tokio::test]
async fn results_events_and_dry_runs() {
    let world = World::start(&["echo", "told"]).await;
    let payload = r#"{"a": [1, "ä", 1e400]}"#;
    let answer = world.send("echo", &[], payload).await;
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("content-type")),
        (200, payload, "application/json")
    );

    // What the caller says stays here, but for the trace that it is in; what is called is what the name says.
    let said = [
        ("x-amz-invocation-type", "Event"),
        ("authorization", "Bearer x"),
        ("cookie", "a=1"),
        ("x-mine", "1"),
        ("traceparent", "00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01"),
    ];
    for (function, qualifier) in [("told", Value::Null), ("told:live", json!("live"))] {
        let told = world.send(function, &said, "{}").await.json();
        assert_eq!(
            (&told["function"], &told["qualifier"], &told["type"]),
            (&json!("told"), &qualifier, &json!("RequestResponse"))
        );
        let mut names: Vec<_> = told["headers"].as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "content-length", "content-type", "host", "x-amz-date", "x-amzn-trace-id"]);
        assert_eq!(
            told["headers"]["x-amzn-trace-id"],
            "Root=1-4efaaf4d-1e8720b39541901950019ee5;Parent=53995c3f42cd8ad8;Sampled=1"
        );
    }

    let answer = world.send("echo", &[("prefer", "respond-async")], payload).await;
    assert_eq!(
        (answer.status, answer.header("preference-applied"), answer.text().as_str()),
        (202, "respond-async", "")
    );
    let answer = world.send("echo", &[("portolan-lambda-dry-run", "1")], payload).await;
    assert_eq!(answer.status, 204);
    let kinds: Vec<_> = world.executor.invoked().await.iter().map(|call| call["type"].clone()).collect();
    assert_eq!(kinds, ["RequestResponse", "RequestResponse", "RequestResponse", "Event", "DryRun"]);

    let answer = world.send("echo", &[("portolan-dry-run", "1")], payload).await;
    assert_eq!(answer.json()["headers"]["authorization"], "***", "{}", answer.text());
    assert!(!answer.text().contains(KEYS[0].1) && !answer.text().contains(KEYS[1].1));
    let answer = http::answer(world.daemon.post(UPSTREAM, "echo").body("text").header("content-type", "text/plain"))
        .await
        .unwrap();
    assert_eq!((answer.status, &*answer.reason()), (415, "unsupported-media-type"));
    assert_eq!(world.executor.invoked().await, [] as [Value; 0], "none of these was sent");
}

#[tokio::test]
async fn failures_are_told_apart() {
    let world = World::start(&["error", "busy", "denied", "broken", "unknown", "slow", "echo"]).await;
    let answer = world.send("error", &[("portolan-log-tail", "1")], "{}").await;
    assert_eq!((answer.status, &*answer.reason()), (502, "function-failed"));
    assert_eq!(answer.json()["error"]["errorType"], "ValueError");
    assert!(answer.json()["log"].as_str().unwrap().contains("hello from the log"), "{}", answer.text());
    for (function, status, reason) in [
        ("busy", 429, "throttled"),
        ("denied", 502, "credentials-refused"),
        ("broken", 502, "upstream-failed"),
        ("unknown", 404, "unknown-function"),
    ] {
        let answer = world.send(function, &[], "{}").await;
        assert_eq!((answer.status, &*answer.reason()), (status, reason), "{}", answer.text());
        assert!(!answer.text().contains("arn:"), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), if status == 429 { "3" } else { "" });
    }
    assert_eq!(world.executor.invoked().await.len(), 5, "nothing is repeated");
    let answer = world.send("slow", &[("request-timeout", "0.5")], "{}").await;
    assert_eq!((answer.status, &*answer.reason()), (504, "deadline"));
    let answer = world.send("echo", &[], "{").await;
    assert_eq!((answer.status, &*answer.reason()), (400, "malformed-body"));
    let answer = world.send("echo", &[("portolan-log-tail", "1")], "{}").await;
    let log = STANDARD.decode(answer.header("portolan-log")).unwrap();
    assert!(String::from_utf8_lossy(&log).contains("hello from the log"));
}

#[tokio::test]
async fn payloads_of_six_megabytes() {
    let world = World::start(&["echo", "big"]).await;
    let payload = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let answer = world.send("echo", &[], payload(6 << 20)).await;
    assert_eq!((answer.status, answer.body.len()), (200, 6 << 20));
    assert_eq!(world.send("big", &[], "{}").await.body.len(), 6_000_002);
    let answer = world.send("echo", &[("prefer", "respond-async")], payload(1 << 20)).await;
    assert_eq!(answer.status, 202);
    assert_eq!(world.executor.invoked().await.len(), 3);
    for (header, bytes) in [("", (6 << 20) + 1), ("Prefer: respond-async\r\n", (1 << 20) + 1)] {
        let answer = refused(&world, header, bytes).await;
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body-too-large"), "{answer}");
    }
    assert_eq!(world.executor.invoked().await, [] as [Value; 0], "it is checked before it is sent");
}

/// What is answered to the head of a request whose body would have so many bytes: nobody has to send them to hear that.
async fn refused(world: &World, header: &str, bytes: usize) -> String {
    let address = world.daemon.gateway.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /fn/{UPSTREAM}/echo HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{header}Content-Length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn streams_come_as_they_are_sent() {
    let world = World::start(&["stream", "stream-error", "stream-web"]).await;
    let answer = world.send("stream", &[], r#"{"pieces": 3}"#).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "piece 0\npiece 1\npiece 2\n"));
    let answer = world.send("stream", &[], r#"{"pieces": 0}"#).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    let answer = world.send("stream-error", &[("portolan-log-tail", "1")], r#"{"pieces": 0}"#).await;
    assert_eq!((answer.status, &*answer.reason()), (502, "function-failed"));
    assert_eq!(answer.json()["error"]["errorMessage"], "it broke off", "{}", answer.text());
    assert!(answer.json()["log"].as_str().unwrap().contains("hello from the log"));
    let broken = world.daemon.post(UPSTREAM, "stream-error").json(&json!({"pieces": 2}));
    http::answer(broken).await.expect_err("what broke off is never ended cleanly");
    let answer = http::answer(http::client().put(world.daemon.url(UPSTREAM, "stream-web"))).await.unwrap();
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("content-type")),
        (202, "streamed PUT", "text/plain")
    );
    assert_eq!(answer.header("set-cookie"), format!("s=1; Path=/fn/{UPSTREAM}/"));
    let answer = world.send("stream", &[("prefer", "respond-async")], r#"{"pieces": 1}"#).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn requests_in_the_shape_of_api_gateway() {
    let world = World::start(&["web"]).await;
    let url = format!("{}?a=1&a=2", world.daemon.url(UPSTREAM, "web"));
    let request = http::client()
        .delete(url)
        .header("cookie", "c=1")
        .header("x-mine", "2")
        .header("content-type", "image/x")
        .body(vec![255]);
    let answer = http::answer(request).await.unwrap();
    assert_eq!((answer.status, answer.header("x-count")), (201, "2"), "{}", answer.text());
    assert_eq!(answer.header("set-cookie"), format!("a=1; Path=/fn/{UPSTREAM}/"));
    let event = answer.json();
    assert_eq!(event["requestContext"]["http"]["method"], "DELETE");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(
        (&event["rawPath"], &event["rawQueryString"], &event["cookies"]),
        (&json!("/"), &json!("a=1&a=2"), &json!(["c=1"]))
    );
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"], &event["headers"]["x-mine"]),
        (&json!("/w=="), &json!(true), &json!("2"))
    );
    let answer =
        http::answer(http::client().get(format!("{}?malformed", world.daemon.url(UPSTREAM, "web")))).await.unwrap();
    assert_eq!((answer.status, &*answer.reason()), (502, "bad-answer"));
}

#[tokio::test]
async fn keys_that_are_refused_are_our_fault() {
    let world = World::with_secret(&["echo"], "another-secret").await;
    let answer = world.send("echo", &[], "{}").await;
    assert_eq!((answer.status, &*answer.reason()), (502, "credentials-refused"), "{}", answer.text());
    assert!(!answer.text().contains("another-secret") && !world.daemon.process.output().contains("another-secret"));
    world.daemon.terminate(Duration::from_secs(30)).await;
}
