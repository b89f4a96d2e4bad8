//! Time limits, by a clock that stands still.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::limits;
use crate::testing::{Backend, Client, Given, Speaks, World, request, run, upstream};

/// After how many milliseconds a call with these headers is given up by an upstream that never answers.
async fn given_up(binding: Value, headers: &[(&str, &str)]) -> u128 {
    let backend = Backend::serve(Speaks::Http1, |_| std::future::pending::<Response<Full<Bytes>>>()).await;
    let world = World::start(&[upstream("pets", backend.address, binding)]).await;
    let begun = Instant::now();
    let reply = world.ask(request(Method::GET, "/fn/pets/f", headers, "")).await;
    assert_eq!(reply.problem(), "deadline");
    assert_eq!(reply.status, 504);
    begun.elapsed().as_millis()
}

#[test]
fn a_caller_shortens_the_deadline_and_never_lengthens_it() {
    run(async {
        for (binding, headers, expected) in [
            (json!({}), &[][..], 15_000),
            (json!({}), &[("request-timeout", "2")], 2_000),
            (json!({}), &[("request-timeout", "0.25")], 250),
            (json!({}), &[("grpc-timeout", "300m")], 300),
            (json!({}), &[("request-timeout", "60")], 15_000),
            (json!({"timeout": 100}), &[], 100_000),
            (json!({"timeout": 100}), &[("request-timeout", "60")], 60_000),
            (json!({"timeout": 1}), &[("request-timeout", "60")], 1_000),
            (json!({"streams": true}), &[], 300_000),
            (json!({"streams": true}), &[("request-timeout", "7")], 7_000),
        ] {
            let took = given_up(binding.clone(), headers).await;
            // The clock ticks in milliseconds.
            assert!((expected..=expected + 3).contains(&took), "{binding} {headers:?}: {took}");
        }
    });
}

#[test]
fn a_timeout_that_is_none_is_refused() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let reply = world.ask(request(Method::GET, "/fn/pets/f", &[("request-timeout", "soon")], "")).await;
        assert_eq!(reply.problem(), "invalid-arguments");
    });
}

#[test]
fn upstreams_are_told_how_long_they_have() {
    run(async {
        let http1 = Backend::echo(Speaks::Http1).await;
        let http2 = Backend::echo(Speaks::Http2(100)).await;
        for (backend, binding, headers, name, expected) in [
            (&http1, json!({}), &[][..], "request-timeout", json!("15")),
            (&http1, json!({}), &[("request-timeout", "2.5")], "request-timeout", json!("2.500")),
            (&http1, json!({}), &[("grpc-timeout", "2S")], "request-timeout", json!("2")),
            (&http1, json!({"streams": true}), &[], "request-timeout", Value::Null),
            (&http2, json!({"grpc": true}), &[("request-timeout", "2")], "grpc-timeout", json!("2000m")),
            (
                &http2,
                json!({"grpc": true, "streams": true}),
                &[("request-timeout", "2")],
                "grpc-timeout",
                json!("2000m"),
            ),
        ] {
            let world = World::start(&[upstream("pets", backend.address, binding.clone())]).await;
            let reply = world.ask(request(Method::GET, "/fn/pets/f", headers, "")).await;
            assert_eq!(reply.json()["headers"][name], expected, "{binding} {headers:?}");
        }
    });
}

/// An upstream that sends a piece every `pause`.
async fn dripping(content_type: &'static str, pause: Duration) -> Backend {
    Backend::serve(Speaks::Http1, move |_| async move {
        let pieces = stream::iter(0..10).then(move |_| async move {
            sleep(pause).await;
            Ok::<_, hyper::Error>(Frame::data(Bytes::from("x")))
        });
        Response::builder()
            .header("content-type", content_type)
            .body(BodyExt::boxed_unsync(StreamBody::new(pieces)))
            .unwrap()
    })
    .await
}

/// How many pieces arrive in how many seconds; `Err` if it is cut off then.
async fn received(given: Given, headers: &[(&str, &str)]) -> (u64, Result<usize, usize>) {
    let world = World::start(&[given]).await;
    let begun = Instant::now();
    let mut client = world.connect().await;
    let mut answer = client.send(request(Method::GET, "/fn/pets/f", headers, "")).await.unwrap();
    let mut pieces = 0;
    loop {
        match answer.frame().await {
            Some(Ok(_)) => pieces += 1,
            Some(Err(_)) => return (begun.elapsed().as_secs(), Err(pieces)),
            None => return (begun.elapsed().as_secs(), Ok(pieces)),
        }
    }
}

#[test]
fn the_deadline_is_for_the_whole_answer_and_silence_is_for_streams() {
    run(async {
        let second = Duration::from_secs(1);
        for (content_type, binding, pause, headers, expected) in [
            ("text/plain", json!({}), second, &[][..], (10, Ok(10))),
            ("text/plain", json!({}), 2 * second, &[], (15, Err(7))),
            ("text/plain", json!({"streams": true}), 100 * second, &[], (1000, Ok(10))),
            ("text/plain", json!({"streams": true}), 100 * second, &[("request-timeout", "250")], (250, Err(2))),
            ("text/plain", json!({"streams": true}), limits::STREAM_SILENCE + second, &[], (300, Err(0))),
            ("text/event-stream", json!({}), 100 * second, &[], (1000, Ok(10))),
            ("application/x-ndjson; charset=utf-8", json!({}), 100 * second, &[], (1000, Ok(10))),
        ] {
            let backend = dripping(content_type, pause).await;
            let got = received(upstream("pets", backend.address, binding.clone()), headers).await;
            assert_eq!(got, expected, "{content_type} {binding} {pause:?} {headers:?}");
        }
    });
}

#[test]
fn a_caller_that_goes_on_sending_is_not_silent() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let binding = json!({"streams": true, "intake": "map"});
        let world = World::start(&[upstream("pets", backend.address, binding)]).await;
        for (pause, expected) in [(limits::STREAM_SILENCE * 2 / 3, 200), (limits::STREAM_SILENCE * 3 / 2, 504)] {
            let pieces = stream::iter(0..4).then(move |_| async move {
                sleep(pause).await;
                Ok::<_, hyper::Error>(Frame::data(Bytes::from("x")))
            });
            let asked = Request::post("/fn/pets/f").header("host", "localhost");
            let asked = asked.body(BodyExt::boxed_unsync(StreamBody::new(pieces))).unwrap();
            let answer = Client::new(&world).await.send(asked).await.unwrap();
            assert_eq!(answer.status(), expected, "{pause:?}");
        }
    });
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        for binding in [json!({}), json!({"streams": true}), json!({"intake": "stream"}), json!({"intake": "map"})] {
            let world = World::start(&[upstream("pets", backend.address, binding)]).await;
            let begun = Instant::now();
            let head =
                "POST /fn/pets/f HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc";
            assert!(world.raw(head).await.starts_with("HTTP/1.1 408"));
            assert_eq!(begun.elapsed().as_secs(), 15);
            assert!(world.metrics_text().contains("portolan_problems_total{reason=\"slow-body\",blame=\"caller\"} 1"));
        }
    });
}

#[test]
fn a_head_that_does_not_end_is_not_waited_for() {
    run(async {
        let world = World::start(&[]).await;
        for begin in ["", "PR", "GET /fn/pets/f HTTP/1.1\r\nHost: loc"] {
            let begun = Instant::now();
            assert_eq!(world.raw(begin).await, "", "{begin}");
            let took = begun.elapsed().as_secs();
            assert!((30..=50).contains(&took), "{begin:?}: {took} s");
        }
    });
}

#[test]
fn an_idle_connection_of_a_caller_is_closed_after_a_while() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let mut client = world.connect().await;
        for _ in 0..5 {
            let answer = client.send(request(Method::GET, "/fn/pets/f", &[], "")).await.unwrap();
            answer.into_body().collect().await.unwrap();
            sleep(Duration::from_secs(25)).await;
        }
        sleep(Duration::from_secs(60)).await;
        assert!(client.send(request(Method::GET, "/fn/pets/f", &[], "")).await.is_err());
    });
}
