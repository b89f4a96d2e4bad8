//! Which endpoint gets a request, and over which connection.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::slice::from_ref;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use crate::limits;
use crate::testing::{Backend, CONNECTIONS, Given, Speaks, World, request, run, upstream};

/// Counts what it is asked.
async fn counting() -> (Backend, Rc<Cell<usize>>) {
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let backend = Backend::serve(Speaks::Http1, move |_| {
        count.update(|n| n + 1);
        async { Response::new(Full::<Bytes>::from("x")) }
    });
    (backend.await, asked)
}

#[test]
fn endpoints_take_turns_over_changes_of_the_catalog() {
    run(async {
        let (a, b) = (counting().await, counting().await);
        let given = Given { endpoints: vec![a.0.address, b.0.address], ..upstream("pets", a.0.address, json!({})) };
        let world = World::start(from_ref(&given)).await;
        for round in 0..10 {
            assert_eq!(world.get("/fn/pets/f").await.status, 200);
            // Each change publishes a snapshot.
            world.report(&[given.clone(), upstream("other", b.0.address, json!({"path": format!("/{round}")}))]).await;
        }
        assert_eq!((a.1.get(), b.1.get()), (5, 5));
    });
}

#[test]
fn callers_beyond_the_limit_wait() {
    run(async {
        let world = World::start(&[]).await;
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut caller = world.connect().await;
            caller.send(request(Method::GET, "/", &[], "")).await.unwrap();
            held.push(caller);
        }
        let mut waiting = world.connect().await;
        let mut asked = pin!(waiting.send(request(Method::GET, "/", &[], "")));
        assert!(timeout(Duration::from_secs(1), asked.as_mut()).await.is_err());
        held.pop();
        assert_eq!(asked.await.unwrap().status(), 404);
    });
}

#[test]
fn a_refused_connection_is_tried_elsewhere() {
    run(async {
        let (good, asked) = counting().await;
        let mut dead = Vec::new();
        for _ in 0..3 {
            dead.push(Backend::echo(Speaks::Http1).await.stop().await);
        }
        let world = |endpoints: Vec<_>| {
            let given = Given { endpoints, ..upstream("pets", good.address, json!({"intake": "stream"})) };
            async move { World::start(&[given]).await }
        };
        let two_dead = world(vec![dead[0], dead[1], good.address]).await;
        for n in 1..=6 {
            let reply = two_dead.ask(request(Method::POST, "/fn/pets/f", &[], "a body")).await;
            assert_eq!((reply.status.as_u16(), asked.get()), (200, n));
        }
        assert_eq!(world(dead.clone()).await.get("/fn/pets/f").await.problem(), "unreachable");
        assert_eq!(world(vec![]).await.get("/fn/pets/f").await.problem(), "no-endpoint");
    });
}

#[test]
fn what_was_sent_is_not_repeated() {
    run(async {
        let count = Rc::new(Cell::new(0));
        let asked = count.clone();
        let closing = move |mut stream: TcpStream, _| {
            let asked = asked.clone();
            async move {
                if stream.read(&mut [0; 1024]).await.unwrap_or(0) > 0 {
                    asked.update(|n| n + 1);
                }
            }
        };
        let backends = [Backend::raw(closing.clone()).await, Backend::raw(closing).await];
        let endpoints = backends.iter().map(|backend| backend.address).collect();
        let world = World::start(&[Given { endpoints, ..upstream("pets", backends[0].address, json!({})) }]).await;
        assert_eq!(world.get("/fn/pets/f").await.problem(), "reset");
        assert_eq!(count.get(), 1);
    });
}

#[test]
fn a_pooled_connection_that_was_closed_is_no_failure() {
    run(async {
        // Answers three requests and closes without a word.
        let backend = Backend::raw(|mut stream, _| async move {
            for _ in 0..3 {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx").await.unwrap();
            }
        });
        let backend = backend.await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        for n in 0..60 {
            assert_eq!(world.get("/fn/pets/f").await.status, 200, "request {n}");
        }
        assert_eq!(backend.accepted.get(), 20);
    });
}

#[test]
fn an_idle_connection_is_closed_with_its_endpoint_and_after_a_while() {
    run(async {
        let (a, b) = (counting().await.0, counting().await.0);
        let both = Given { endpoints: vec![a.address, b.address], ..upstream("pets", a.address, json!({})) };
        let world = World::start(from_ref(&both)).await;
        for _ in 0..4 {
            world.get("/fn/pets/f").await;
        }
        assert_eq!((a.open.get(), b.open.get()), (1, 1));
        world.report(&[Given { endpoints: vec![a.address], ..both }]).await;
        world.get("/fn/pets/f").await;
        sleep(Duration::from_secs(11)).await;
        assert_eq!((a.open.get(), b.open.get()), (1, 0), "its endpoint is gone");
        sleep(Duration::from_secs(100)).await;
        assert_eq!(a.open.get(), 0, "nobody has used it");
        world.get("/fn/pets/f").await;
        assert_eq!(a.accepted.get(), 2);
    });
}

#[test]
fn an_upstream_that_nobody_calls_loses_its_connections_too() {
    run(async {
        let backend = counting().await.0;
        let given = upstream("pets", backend.address, json!({}));
        let world = World::start(from_ref(&given)).await;
        world.get("/fn/pets/f").await;
        world.report(&[Given { endpoints: vec![], ..given }]).await;
        sleep(Duration::from_secs(11)).await;
        assert_eq!(backend.open.get(), 0);
    });
}

#[test]
fn an_endpoint_that_another_upstream_has_too_keeps_its_connections() {
    run(async {
        let backend = counting().await.0;
        let given = ["a", "b"].map(|name| upstream(name, backend.address, json!({})));
        let world = World::start(&given).await;
        world.get("/fn/a/f").await;
        world.get("/fn/b/f").await;
        world.report(&[given[0].clone(), Given { endpoints: vec![], ..given[1].clone() }]).await;
        assert_eq!(world.get("/fn/b/f").await.problem(), "no-endpoint");
        sleep(Duration::from_secs(11)).await;
        world.get("/fn/a/f").await;
        assert_eq!((backend.accepted.get(), backend.open.get()), (1, 1));
        world.report(&[]).await;
        sleep(Duration::from_secs(11)).await;
        assert_eq!(backend.open.get(), 0);
    });
}

/// A gRPC-like server that answers when it is told to, and counts the streams that wait.
async fn holding(streams: u32) -> (Backend, Rc<Cell<usize>>, Rc<Notify>) {
    let (waiting, go) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
    let (count, gate) = (waiting.clone(), go.clone());
    let backend = Backend::serve(Speaks::Http2(streams), move |request: Request<_>| {
        let (count, gate) = (count.clone(), gate.clone());
        async move {
            assert_eq!(request.uri().authority().unwrap().as_str(), request.headers()["expected-authority"]);
            count.update(|n| n + 1);
            gate.notified().await;
            Response::new(Full::<Bytes>::from("x"))
        }
    });
    (backend.await, waiting, go)
}

#[test]
fn streams_share_connections_up_to_the_peers_limit() {
    run(async {
        let (backend, waiting, go) = holding(10).await;
        let binding = json!({"grpc": true, "headers": [["expected-authority", backend.address.to_string()]]});
        let world = Rc::new(World::start(&[upstream("pets", backend.address, binding)]).await);
        let ask = |n: usize| {
            let world = world.clone();
            (0..n).map(move |_| {
                let world = world.clone();
                tokio::task::spawn_local(async move { world.get("/fn/pets/f").await.status.as_u16() })
            })
        };
        // The first learns the limit.
        let mut asked: Vec<_> = ask(1).collect();
        while waiting.get() < 1 {
            yield_now().await;
        }
        asked.extend(ask(24));
        while waiting.get() < 25 {
            yield_now().await;
        }
        assert_eq!(backend.accepted.get(), 3);
        go.notify_waiters();
        for asked in asked {
            assert_eq!(asked.await.unwrap(), 200);
        }
        sleep(Duration::from_secs(100)).await;
        assert_eq!(backend.open.get(), 0, "idle ones are closed");
    });
}

#[test]
fn an_endpoint_that_is_silent_costs_all_who_try_it_one_timeout() {
    run(async {
        let silent = Backend::raw(|stream, _| async move {
            std::future::pending::<()>().await;
            drop(stream);
        });
        let (silent, good) = (silent.await, Backend::echo(Speaks::Http2(100)).await);
        let endpoints = vec![silent.address, good.address];
        let given = Given { endpoints, ..upstream("pets", good.address, json!({"grpc": true})) };
        let world = World::start(&[given]).await;
        let begun = Instant::now();
        for reply in join_all((0..20).map(|_| world.get("/fn/pets/f"))).await {
            assert_eq!(reply.status, 200);
        }
        assert_eq!((begun.elapsed().as_secs(), silent.accepted.get()), (limits::CONNECT_TIMEOUT.as_secs(), 1));
    });
}

#[test]
fn http2_connections_that_end_are_opened_again() {
    run(async {
        let backend = Backend::echo(Speaks::Http2(100)).await;
        let address = backend.address;
        let world = World::start(&[upstream("pets", address, json!({"grpc": true}))]).await;
        assert_eq!(world.get("/fn/pets/f").await.status, 200);
        assert_eq!(world.get("/fn/pets/f").await.status, 200);
        assert_eq!(backend.accepted.get(), 1);
        // Its end sends GOAWAY or resets; either way nothing of the next request is lost.
        backend.stop().await;
        assert_eq!(world.get("/fn/pets/f").await.problem(), "unreachable");
    });
}
