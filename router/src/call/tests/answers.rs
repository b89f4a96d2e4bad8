//! Answers that are odd, and protocols.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::testing::{Backend, Speaks, World, request, run, upstream};

/// What a caller is told when the upstream sends `bytes` and closes.
async fn told(bytes: &'static [u8]) -> String {
    let backend = Backend::raw(move |mut stream, _| async move {
        _ = stream.read(&mut [0; 1024]).await;
        stream.write_all(bytes).await.unwrap();
    });
    let backend = backend.await;
    let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
    let reply = world.get("/fn/pets/f").await;
    match reply.status.as_u16() {
        502 => reply.problem(),
        status => format!("{status} {}", reply.text()),
    }
}

#[test]
fn odd_answers_are_the_upstreams_fault() {
    run(async {
        for (bytes, expected) in [
            (&b""[..], "reset"),
            (b"HTTP/1.1 200", "reset"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "bad-answer"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "bad-answer"),
            (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "bad-answer"),
            (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na", "200 a"),
            (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "200 until the end"),
            (b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "302 "),
        ] {
            assert_eq!(told(bytes).await, expected, "{}", String::from_utf8_lossy(bytes));
        }
    });
}

#[test]
fn a_head_request_gets_the_head() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({"intake": "none"}))]).await;
        for _ in 0..3 {
            let reply = world.ask(request(Method::HEAD, "/fn/pets/f", &[], "")).await;
            assert_eq!((reply.status.as_u16(), reply.text()), (200, ""));
            assert!(reply.header("content-length").unwrap().parse::<usize>().unwrap() > 0);
        }
        assert_eq!(backend.accepted.get(), 1, "its connection is used again");
    });
}

#[test]
fn http2_with_prior_knowledge_is_served_on_the_same_port() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({"path": "/p"}))]).await;
        let mut sender = world.connect_http2().await;
        let asked = (0..50).map(|n| {
            let uri = format!("http://localhost:8080/fn/pets/f?n={n}");
            sender.send_request(Request::get(uri).body(Full::<Bytes>::default()).unwrap())
        });
        for (n, answer) in futures_util::future::join_all(asked).await.into_iter().enumerate() {
            let body = answer.unwrap().into_body().collect().await.unwrap().to_bytes();
            let seen: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(seen["target"], format!("/p?n={n}"));
            assert_eq!(seen["headers"]["x-forwarded-host"], "localhost:8080");
        }
    });
}

#[test]
fn a_foreign_authority_over_http2_is_refused() {
    run(async {
        let world = World::start(&[]).await;
        let mut sender = world.connect_http2().await;
        let asked = Request::get("http://evil.example/fn/pets/f").body(Full::<Bytes>::default()).unwrap();
        let answer: Response<_> = sender.send_request(asked).await.unwrap();
        assert_eq!(answer.status(), 403);
    });
}

#[test]
fn old_and_careful_callers_are_served() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        assert!(world.raw("GET /fn/pets/f HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200"));
        let head = "POST /fn/pets/f HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"{}").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("expect"), "{answer}");
        let two = "GET /fn/pets/f?1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /fn/pets/f?2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        assert_eq!(world.raw(two).await.matches("HTTP/1.1 200").count(), 2, "pipelined");
    });
}
