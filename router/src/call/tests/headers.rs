//! Which headers arrive, on either side.

use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::testing::{Backend, Given, Reply, Speaks, World, request, run, upstream};

/// What the upstream sees of a request with these headers.
async fn seen(binding: Value, method: Method, headers: &[(&str, &str)], body: &str) -> Value {
    let backend = Backend::echo(Speaks::Http1).await;
    let world = World::start(&[upstream("echo", backend.address, binding)]).await;
    let reply = world.ask(request(method, "/fn/echo/f?a=1", headers, body)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut seen = reply.json();
    // The address differs from run to run.
    assert_eq!(seen["headers"]["host"], backend.address.to_string());
    seen["headers"]["host"] = "(the endpoint)".into();
    seen
}

#[test]
fn what_concerns_one_connection_or_us_stays_here() {
    run(async {
        let headers = [
            ("accept", "application/json"),
            ("authorization", "Bearer caller"),
            ("connection", "keep-alive, x-hop"),
            ("cookie", "a=1"),
            ("expect", "nothing"),
            ("forwarded", "for=10.0.0.9"),
            ("if-none-match", "\"e\""),
            ("keep-alive", "timeout=5"),
            ("portolan-token", "s3cret"),
            ("portolan-whatever", "1"),
            ("proxy-authorization", "Basic x"),
            ("range", "bytes=0-1"),
            ("te", "trailers"),
            ("trailer", "x-t"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("upgrade", "websocket"),
            ("user-agent", "curl/8"),
            ("x-forwarded-for", "10.0.0.9"),
            ("x-forwarded-for", "10.0.0.8"),
            ("x-forwarded-host", "forged.example"),
            ("x-forwarded-proto", "https"),
            ("x-hop", "1"),
            ("x-mine", "1"),
            ("x-request-id", "mine-1"),
        ];
        insta::assert_json_snapshot!(seen(json!({"path": "/p"}), Method::GET, &headers, "").await);
    });
}

#[test]
fn a_body_that_stays_here_takes_its_description_along() {
    run(async {
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("content-language", "de"),
            ("content-disposition", "inline"),
            ("if-match", "\"e\""),
            ("range", "bytes=0-1"),
            ("x-request-id", "mine-1"),
        ];
        insta::assert_json_snapshot!(seen(json!({}), Method::POST, &headers, "{\"a\": 1}").await);
        let stream = json!({"intake": "stream"});
        insta::assert_json_snapshot!(seen(stream, Method::POST, &headers, "as it is").await);
    });
}

#[test]
fn what_the_binding_sets_wins() {
    run(async {
        let binding = json!({
            "headers": [["x-mine", "a"], ["x-mine", "b"], ["accept", "text/plain"], ["x-request-id", "bound"]],
            "passes": "without-credentials",
        });
        let headers = [("accept", "*/*"), ("x-mine", "caller"), ("authorization", "Bearer caller"), ("cookie", "a=1")];
        let headers = seen(binding, Method::GET, &headers, "").await["headers"].clone();
        assert_eq!(headers["x-mine"], "a | b");
        assert_eq!(headers["accept"], "text/plain");
        assert_eq!(headers["x-request-id"], "bound");
        assert_eq!((&headers["authorization"], &headers["cookie"]), (&Value::Null, &Value::Null));
    });
}

#[test]
fn where_a_header_is_a_command_only_the_bindings_own_go() {
    run(async {
        let binding = json!({"headers": [["x-mine", "a"]], "passes": "nothing", "intake": "whole"});
        let headers = [
            ("x-amz-invocation-type", "Event"),
            ("authorization", "Bearer caller"),
            ("content-type", "text/plain"),
            ("request-timeout", "3"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        let seen = seen(binding, Method::POST, &headers, "not JSON").await;
        let names: Vec<_> = seen["headers"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((names, &seen["body"]), (vec!["content-length", "host", "x-mine"], &json!("not JSON")));
    });
}

#[test]
fn what_is_asked_of_the_binding_goes_no_further() {
    run(async {
        let headers = [("portolan-log-tail", "1"), ("portolan-lambda-dry-run", "1"), ("portolan-other", "1")];
        let seen = seen(json!({}), Method::GET, &headers, "").await;
        let ours: Vec<_> =
            seen["headers"].as_object().unwrap().keys().filter(|name| name.starts_with("portolan")).collect();
        assert!(ours.is_empty(), "{ours:?}");
    });
}

#[test]
fn cookies_arrive_as_one_field() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("echo", backend.address, json!({}))]).await;
        let mut caller = world.connect_http2().await;
        let asked = Request::get("http://localhost/fn/echo/f").header("cookie", "a=1").header("cookie", "b=2; c=3");
        let answer = caller.send_request(asked.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(Reply::whole(answer).await.unwrap().json()["headers"]["cookie"], "a=1; b=2; c=3");
    });
}

#[test]
fn the_upstream_is_asked_by_its_own_name() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let port = backend.address.port();
        let mut given = upstream("echo", backend.address, json!({}));
        for (host, expected) in
            [("api.example", format!("api.example:{port}")), ("api.example:99", "api.example:99".into())]
        {
            given.spec.host = Some(host.into());
            let world = World::start(&[given.clone()]).await;
            assert_eq!(world.get("/fn/echo/f").await.json()["headers"]["host"], expected);
        }
        let world = World::start(&[given]).await;
        let raw =
            world.raw("GET http://localhost:1/fn/echo/f HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n").await;
        assert!(raw.contains("\"x-forwarded-host\":\"localhost:1\""), "the absolute form goes first: {raw}");
    });
}

/// What a caller gets of an answer with these headers.
async fn got(headers: &'static [(&'static str, &'static str)]) -> Reply {
    let backend = Backend::serve(Speaks::Http1, move |_| async move {
        let answer = headers.iter().fold(Response::builder(), |answer, (name, value)| answer.header(*name, *value));
        answer.body(Full::<bytes::Bytes>::from("hello")).unwrap()
    });
    let backend = backend.await;
    let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
    world.ask(request(Method::GET, "/fn/pets/f", &[("x-request-id", "mine-1")], "")).await
}

#[test]
fn an_answer_passes_but_for_its_connection() {
    run(async {
        let reply = got(&[
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("content-type", "text/plain"),
            ("etag", "\"e\""),
            ("keep-alive", "timeout=5"),
            ("location", "https://elsewhere.example/"),
            ("set-cookie", "sid=1; Domain=api.example; Path=/; HttpOnly; SameSite=Lax"),
            ("set-cookie", "b=2; domain=x;path=/v1"),
            ("x-request-id", "theirs"),
        ])
        .await;
        let mut all: Vec<_> =
            reply.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        all.retain(|line| !line.starts_with("date: "));
        all.sort();
        insta::assert_snapshot!(all.join("\n"));
        assert_eq!(reply.text(), "hello");
    });
}

#[test]
fn what_the_upstream_says_of_caching_holds() {
    run(async {
        assert_eq!(got(&[("cache-control", "max-age=60")]).await.header("cache-control"), Some("max-age=60"));
    });
}

#[test]
fn cookies_belong_to_the_upstream_as_it_was_asked_for() {
    run(async {
        let cookie = |_| async {
            Response::builder().header("set-cookie", "a=1; Path=/x").body(Full::<bytes::Bytes>::default()).unwrap()
        };
        let backend = Backend::serve(Speaks::Http1, cookie).await;
        let world =
            World::start(&[Given { endpoints: vec![backend.address], ..upstream("pets", backend.address, json!({})) }])
                .await;
        for (path, expected) in [
            ("/fn/pets/f", "/fn/pets/"),
            ("/fn/pets@gloo-system/f", "/fn/pets@gloo-system/"),
            ("/fn/p%65ts/f", "/fn/p%65ts/"),
        ] {
            let expected = format!("a=1; Path={expected}");
            assert_eq!(world.get(path).await.header("set-cookie"), Some(&*expected));
        }
    });
}

#[test]
fn a_request_id_is_made_passed_on_and_returned() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("echo", backend.address, json!({}))]).await;
        let reply = world.get("/fn/echo/f").await;
        let id = reply.header("x-request-id").unwrap();
        assert_eq!(id.len(), 32);
        assert_eq!(reply.json()["headers"]["x-request-id"], id);
        assert_ne!(world.get("/fn/echo/f").await.header("x-request-id"), Some(id));
    });
}
