//! Plans follow the catalog.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::testing::{Backend, Given, NAMESPACE, Speaks, World, request, run, upstream};

#[test]
fn a_change_is_seen_by_the_next_request() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[]).await;
        assert_eq!(world.get("/fn/pets/f").await.problem(), "unknown-upstream");
        for path in ["/v1", "/v2", "/v3"] {
            world.report(&[upstream("pets", backend.address, json!({"path": path}))]).await;
            assert_eq!(world.get("/fn/pets/f").await.json()["target"], path);
        }
        let mut moved = upstream("pets", backend.address, json!({"path": "/v3"}));
        moved.spec.host = Some("api.example:80".into());
        world.report(&[moved]).await;
        assert_eq!(world.get("/fn/pets/f").await.json()["headers"]["host"], "api.example:80");
    });
}

#[test]
fn a_permanent_id_is_a_name_too() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let snapshot = world.catalog.snapshot();
        let id = &snapshot.upstreams(None).next().unwrap().upstream.id;
        assert_eq!(world.get(&format!("/fn/{id}/f")).await.status, 200);
    });
}

#[test]
fn what_cannot_be_bound_says_so_until_it_changes() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({"no such field": 1}))]).await;
        for _ in 0..2 {
            let reply = world.get("/fn/pets/f").await;
            assert_eq!((reply.status.as_u16(), reply.problem()), (500, "unbindable".into()));
            assert!(reply.json()["detail"].as_str().unwrap().contains("no such field"));
        }
        let counted = "portolan_requests_total{upstream=\"pets\",function=\"f\",code=\"500\"} 2";
        assert!(world.metrics_text().contains(counted), "{}", world.metrics_text());
        world.report(&[upstream("pets", backend.address, json!({}))]).await;
        assert_eq!(world.get("/fn/pets/f").await.status, 200);
    });
}

#[test]
fn what_a_failure_is_remembered_by_is_held() {
    run(async {
        let world =
            World::start(&[upstream("pets", "127.0.0.1:1".parse().unwrap(), json!({"no such field": 1}))]).await;
        assert_eq!(world.get("/fn/pets/f").await.problem(), "unbindable");
        let function =
            Arc::downgrade(world.catalog.snapshot().upstream(NAMESPACE, "pets").unwrap().function("f").unwrap());
        world.report(&[]).await;
        assert_eq!(world.get("/fn/pets/f").await.problem(), "unknown-upstream");
        sleep(Duration::from_millis(1)).await;
        assert!(function.upgrade().is_some(), "another function could come to lie there");
    });
}

#[test]
fn a_kind_that_breaks_harms_its_own_calls_alone() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let functions = vec![("bad", json!({"panics": true})), ("good", json!({}))];
        let given = Given { functions, ..upstream("pets", backend.address, json!({})) };
        let world = World::start(&[given]).await;
        assert_eq!(world.get("/fn/pets/bad").await.problem(), "internal");
        assert_eq!(world.get("/fn/pets/good").await.status, 200);
    });
}

#[test]
fn many_first_calls_at_once_share_one_plan() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = Rc::new(World::start(&[upstream("pets", backend.address, json!({}))]).await);
        let asked = (0..100).map(|_| world.get("/fn/pets/f"));
        for reply in futures_util::future::join_all(asked).await {
            assert_eq!(reply.status, 200);
        }
        let metrics = world.metrics_text();
        assert!(
            metrics.contains("portolan_requests_total{upstream=\"pets\",function=\"f\",code=\"200\"} 100"),
            "{metrics}"
        );
    });
}

#[test]
fn input_that_does_not_fit_and_passes_is_counted() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({"unfit": true}))]).await;
        world.ask(request(Method::POST, "/fn/pets/f", &[], "{}")).await;
        assert!(world.metrics_text().contains("portolan_requests_reported_total{upstream=\"pets\",function=\"f\"} 1"));
    });
}

#[test]
fn stopping_lets_requests_finish_and_then_cuts_them_off() {
    run(async {
        for (takes, grace, expected) in [(3, 10, Some(200)), (20, 10, None)] {
            let slow = Backend::serve(Speaks::Http1, move |_| async move {
                sleep(Duration::from_secs(takes)).await;
                http::Response::new(http_body_util::Full::<bytes::Bytes>::from("x"))
            });
            let slow = slow.await;
            let world = World::start(&[upstream("pets", slow.address, json!({"timeout": 100}))]).await;
            let address = world.address;
            let (mut idle, mut busy) = (world.connect().await, world.connect().await);
            let first = idle.send(request(Method::GET, "/fn/pets/none", &[], "")).await.unwrap();
            assert_eq!(first.status(), 404);
            let asked = tokio::task::spawn_local(async move {
                busy.send(request(Method::GET, "/fn/pets/f", &[], "")).await.ok().map(|answer| answer.status().as_u16())
            });
            while slow.accepted.get() == 0 {
                tokio::task::yield_now().await;
            }
            world.stop(Duration::from_secs(grace)).await;
            assert_eq!(asked.await.unwrap(), expected);
            assert!(idle.send(request(Method::GET, "/fn/pets/f", &[], "")).await.is_err());
            assert!(tokio::net::TcpStream::connect(address).await.is_err());
        }
    });
}

#[test]
fn stopping_waits_for_no_caller_that_has_sent_everything() {
    run(async {
        let length = "Content-Length: 2\r\n\r\n{}";
        let chunked = "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        for (intake, body, within) in [
            ("json", length, 4),
            ("json", chunked, 4),
            ("stream", length, 4),
            ("stream", chunked, 4),
            ("map", length, 4),
            // What nobody reads is waited for, and not for ever.
            ("none", length, 25),
        ] {
            let slow = Backend::serve(Speaks::Http1, |_| async {
                sleep(Duration::from_secs(3)).await;
                http::Response::new(http_body_util::Full::<bytes::Bytes>::from("x"))
            });
            let slow = slow.await;
            let world = World::start(&[upstream("pets", slow.address, json!({"intake": intake}))]).await;
            let mut stream = TcpStream::connect(world.address).await.unwrap();
            let head = "POST /fn/pets/f HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            while slow.accepted.get() == 0 {
                tokio::task::yield_now().await;
            }
            let began = Instant::now();
            world.stop(Duration::from_secs(300)).await;
            let took = began.elapsed().as_secs();
            assert!((3..=within).contains(&took), "{intake} {body:?} {took}");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with('x'), "{answer}");
        }
    });
}
