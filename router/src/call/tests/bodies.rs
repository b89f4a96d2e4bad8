//! Bodies: collected, streamed with backpressure, mapped; and what happens when somebody leaves.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::limits;
use crate::testing::{
    Backend, COLLECTED, COLLECTED_PER_UPSTREAM, Client, JSON_LIMIT, Reply, Speaks, World, request, run, upstream,
};

/// More than all buffers between a sender and a receiver that does not read: sockets, HTTP, and ours.
const LARGE: usize = 64 << 20;

#[test]
fn json_is_collected_up_to_a_limit() {
    run(async {
        let size = |request: Request<Incoming>| async {
            Response::new(Full::<Bytes>::from(
                request.into_body().collect().await.unwrap().to_bytes().len().to_string(),
            ))
        };
        let backend = Backend::serve(Speaks::Http1, size).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let post = |size: usize| world.ask(request(Method::POST, "/fn/pets/f", &[], &" ".repeat(size)));
        assert_eq!(post(limits::CHECKED_BODY).await.text(), limits::CHECKED_BODY.to_string());
        assert!(!world.metrics_text().contains("unchecked_total{"));
        assert_eq!(post(limits::CHECKED_BODY + 1).await.text(), (limits::CHECKED_BODY + 1).to_string());
        assert!(world.metrics_text().contains("portolan_requests_unchecked_total{upstream=\"pets\",function=\"f\"} 1"));
        assert_eq!(post(JSON_LIMIT + 1).await.problem(), "body-too-large");
        let coded = world.ask(request(Method::POST, "/fn/pets/f", &[("content-encoding", "gzip")], "x")).await;
        assert_eq!(
            (coded.problem(), coded.header("accept-encoding")),
            ("unsupported-media-type".into(), Some("identity"))
        );
    });
}

#[test]
fn an_answer_before_the_body_reaches_who_sends_it_all_first() {
    run(async {
        let world = World::start(&[upstream("pets", "127.0.0.1:9".parse().unwrap(), json!({}))]).await;
        tokio::time::resume();
        let piece = vec![b' '; 1 << 20];
        for (path, expected) in [("/fn/pets/f", "HTTP/1.1 413"), ("/fn/pets/none", "HTTP/1.1 404")] {
            let mut stream = TcpStream::connect(world.address).await.unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
                limits::LINGER_BYTES / 2
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            for _ in 0..limits::LINGER_BYTES / 2 / piece.len() {
                stream.write_all(&piece).await.unwrap();
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(expected), "{answer}");
        }
    });
}

#[test]
fn who_never_stops_sending_is_cut_off() {
    run(async {
        let world = World::start(&[]).await;
        tokio::time::resume();
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream
            .write_all(b"POST /fn/pets/f HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        let piece = vec![b' '; 1 << 20];
        let mut sent = 0;
        while stream.write_all(&piece).await.is_ok() {
            sent += piece.len();
            assert!(sent < limits::LINGER_BYTES + LARGE);
        }
        // Who is silent instead is cut off in time.
        tokio::time::pause();
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(b"POST /fn/pets/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        sleep(limits::SWEEP * (limits::LINGER_SWEEPS + 2)).await;
        assert!(stream.write_all(b"123").await.is_ok());
        settle().await;
        assert!(stream.write_all(b"456").await.is_err(), "it is closed");
    });
}

#[test]
fn all_bodies_together_are_limited() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&["a", "b", "c"].map(|name| upstream(name, backend.address, json!({})))).await;
        let text = " ".repeat(1 << 20);
        let (count, part) = (COLLECTED / text.len(), COLLECTED_PER_UPSTREAM / text.len());
        let mut held = Vec::new();
        // Each stops one byte before its end, so that it is held.
        let mut hold = async |name, count| {
            let length = text.len() + 1;
            let head =
                format!("POST /fn/{name}/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{text}");
            for _ in 0..count {
                let mut stream = TcpStream::connect(world.address).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
                held.push(stream);
            }
            settle().await;
        };
        let post = async |name| world.ask(request(Method::POST, &format!("/fn/{name}/f"), &[], "{}")).await;
        hold("a", part).await;
        assert_eq!(post("a").await.problem(), "overloaded");
        assert_eq!(post("b").await.status, 200, "one upstream leaves room for the others");
        hold("b", count - part).await;
        assert_eq!(post("c").await.problem(), "overloaded");
        assert_eq!(world.get("/fn/c/f").await.status, 200);
        drop(held);
        settle().await;
        for name in ["a", "b", "c"] {
            assert_eq!(post(name).await.status, 200);
        }
    });
}

#[test]
fn answers_that_are_collected_count_too() {
    run(async {
        let text = " ".repeat(1 << 20);
        // One byte before the end it stops, where it is asked to.
        let backend = Backend::raw(move |mut stream: TcpStream, _| {
            let text = text.clone();
            async move {
                let mut asked = [0; 1 << 10];
                while let Ok(read @ 1..) = stream.read(&mut asked).await {
                    let stops = asked[..read].windows(5).any(|piece| piece == b"?stop");
                    let length = text.len() + usize::from(stops);
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                    _ = stream.write_all((head + &text).as_bytes()).await;
                }
            }
        })
        .await;
        let long = json!({"answer": "long", "timeout": 100});
        let world = Rc::new(World::start(&["a", "b"].map(|name| upstream(name, backend.address, long.clone()))).await);
        let expected = format!("{} bytes and 0 trailers, not on the worker", 1 << 20);
        assert_eq!(world.get("/fn/a/f").await.text(), expected);
        tokio::time::resume();
        let mut held = tokio::task::JoinSet::new();
        for _ in 0..COLLECTED_PER_UPSTREAM >> 20 {
            let world = world.clone();
            held.spawn_local(async move { _ = world.get("/fn/a/f?stop").await });
        }
        settle().await;
        let refused = world.get("/fn/a/f").await;
        assert_eq!(refused.problem(), "overloaded");
        assert_eq!(refused.json()["detail"], "The function was called, and there is no room for its answer now");
        assert_eq!(world.get("/fn/b/f").await.text(), expected, "one upstream leaves room for the others");
        held.shutdown().await;
        settle().await;
        assert_eq!(world.get("/fn/a/f").await.text(), expected);
    });
}

#[test]
fn a_body_that_was_sent_is_no_longer_held() {
    run(async {
        // Reads everything, and answers what is short.
        let backend = Backend::serve(Speaks::Http1, |request: Request<Incoming>| async {
            if request.into_body().collect().await.unwrap().to_bytes().len() > 2 {
                std::future::pending::<()>().await;
            }
            Response::new(Full::<Bytes>::default())
        });
        let backend = backend.await;
        let world = Rc::new(World::start(&[upstream("pets", backend.address, json!({"timeout": 100}))]).await);
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..2 * COLLECTED / (1 << 20) {
            let world = world.clone();
            let text = " ".repeat(1 << 20);
            asked
                .spawn_local(async move { world.ask(request(Method::POST, "/fn/pets/f", &[], &text)).await.problem() });
            settle().await;
        }
        assert_eq!(world.ask(request(Method::POST, "/fn/pets/f", &[], "{}")).await.status, 200);
        while let Some(reason) = asked.join_next().await {
            assert_eq!(reason.unwrap(), "deadline");
        }
    });
}

#[test]
fn a_body_is_noticed_whatever_its_head_says() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({"intake": "any"}))]).await;
        let mut client = Client::new(&world).await;
        for pieces in [&["a ", "body"][..], &[]] {
            let frames =
                stream::iter(pieces.iter().map(|piece| Ok::<_, hyper::Error>(Frame::data(Bytes::from(*piece)))));
            let asked = Request::post("/fn/pets/f").header("host", "localhost").body(StreamBody::new(frames)).unwrap();
            let reply = Reply::whole(client.send(asked).await.unwrap()).await.unwrap();
            assert_eq!(reply.json()["body"], pieces.concat());
        }
        // Between the frames of a body there is nothing but the socket, for which a clock that jumps does not wait.
        tokio::time::resume();
        let mut http2 = world.connect_http2().await;
        let uri = format!("http://{}/fn/pets/f", world.address);
        for body in ["a body", ""] {
            let asked = Request::post(&uri).body(Full::from(body)).unwrap();
            let reply = Reply::whole(http2.send_request(asked).await.unwrap()).await.unwrap();
            assert_eq!(reply.json()["body"], body, "{}", reply.text());
        }
    });
}

#[test]
fn a_chunked_body_is_limited_too() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let piece = Bytes::from(vec![b' '; 1 << 20]);
        let pieces = stream::iter((0..40).map(move |_| Ok::<_, hyper::Error>(Frame::data(piece.clone()))));
        let mut client = Client::new(&world).await;
        let asked = Request::post("/fn/pets/f").header("host", "localhost").body(StreamBody::new(pieces)).unwrap();
        let reply = Reply::whole(client.send(asked).await.unwrap()).await.unwrap();
        assert_eq!(reply.problem(), "body-too-large");
    });
}

/// A body that counts what was taken of it.
fn endless(
    taken: &Rc<Cell<usize>>,
) -> StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, hyper::Error>> + use<>> {
    let (taken, piece) = (taken.clone(), Bytes::from(vec![b'x'; 64 << 10]));
    StreamBody::new(stream::iter(0..).map(move |_: u64| {
        taken.update(|n| n + piece.len());
        Ok(Frame::data(piece.clone()))
    }))
}

/// Lets everything happen that can without time passing.
async fn settle() {
    for _ in 0..20_000 {
        yield_now().await;
    }
}

#[test]
fn an_upload_waits_for_its_reader() {
    run(async {
        // Answers nothing and reads nothing.
        let backend = Backend::raw(|stream, _| async move {
            std::future::pending::<()>().await;
            drop(stream);
        });
        let backend = backend.await;
        let world = World::start(&[upstream("pets", backend.address, json!({"intake": "stream"}))]).await;
        let taken = Rc::new(Cell::new(0));
        let mut client = Client::new(&world).await;
        let asked = Request::post("/fn/pets/f").header("host", "localhost").body(endless(&taken)).unwrap();
        let sending = tokio::task::spawn_local(async move { client.send(asked).await });
        settle().await;
        assert!(taken.get() < LARGE, "{} bytes were taken of a body that nobody reads", taken.get());
        assert_eq!(backend.open.get(), 1);
        sending.abort();
    });
}

#[test]
fn a_download_waits_for_its_reader_and_ends_when_it_leaves() {
    run(async {
        let sent = Rc::new(Cell::new(0));
        let count = sent.clone();
        let backend = Backend::serve(Speaks::Http1, move |_| {
            let body = endless(&count);
            async { Response::new(body) }
        });
        let backend = backend.await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let mut client = world.connect().await;
        let mut answer = client.send(request(Method::GET, "/fn/pets/f", &[], "")).await.unwrap();
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap()[0], b'x');
        settle().await;
        assert!(sent.get() < LARGE, "{} bytes were sent to a reader that does not read", sent.get());
        drop((answer, client));
        settle().await;
        assert_eq!(backend.open.get(), 0, "the upstream's connection goes with its reader");
    });
}

#[test]
fn an_answer_that_nobody_reads_is_not_kept() {
    run(async {
        for (binding, seconds) in [(json!({}), 60), (json!({"streams": true}), 360)] {
            let backend = Backend::serve(Speaks::Http1, |_| async { Response::new(endless(&Rc::default())) }).await;
            let world = World::start(&[upstream("pets", backend.address, binding)]).await;
            let mut client = world.connect().await;
            let answer = client.send(request(Method::GET, "/fn/pets/f", &[], "")).await.unwrap();
            settle().await;
            assert_eq!(backend.open.get(), 1);
            sleep(Duration::from_secs(seconds)).await;
            assert_eq!(backend.open.get(), 0);
            drop(answer);
        }
    });
}

#[test]
fn a_caller_that_leaves_before_the_answer_takes_the_request_along() {
    run(async {
        let backend = Backend::serve(Speaks::Http1, |_| std::future::pending::<Response<Full<Bytes>>>()).await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let mut client = world.connect().await;
        let asking =
            tokio::task::spawn_local(async move { client.send(request(Method::GET, "/fn/pets/f", &[], "")).await });
        settle().await;
        assert_eq!(backend.open.get(), 1);
        asking.abort();
        settle().await;
        assert_eq!(backend.open.get(), 0);
        assert!(world.metrics_text().contains("code=\"499\"} 1"));
    });
}

#[test]
fn a_body_that_breaks_off_breaks_off_here_too() {
    run(async {
        let backend = Backend::raw(|mut stream, _| async move {
            _ = stream.read(&mut [0; 1024]).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await.unwrap();
        });
        let backend = backend.await;
        let world = World::start(&[upstream("pets", backend.address, json!({}))]).await;
        let mut client = world.connect().await;
        let answer = client.send(request(Method::GET, "/fn/pets/f", &[], "")).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.into_body().collect().await.is_err());
    });
}

#[test]
fn bodies_are_mapped_both_ways() {
    run(async {
        let backend = Backend::echo(Speaks::Http1).await;
        let world = World::start(&[upstream("pets", backend.address, json!({"intake": "map"}))]).await;
        let reply = world.ask(request(Method::POST, "/fn/pets/f", &[], "hello")).await;
        assert_eq!(reply.json()["body"], "HELLO.");

        let hello = |request: Request<Incoming>| async move {
            Response::new(Full::<Bytes>::from(request.uri().query().unwrap_or_default().to_owned()))
        };
        let backend = Backend::serve(Speaks::Http1, hello).await;
        for (answer, query, status, expected) in [
            ("map", "hello", 200, "HELLO."),
            ("map", "", 200, ""),
            ("held", "hello", 202, "HELLO."),
            ("held", "", 404, "nothing"),
            ("whole", "hello", 200, "5 bytes and 0 trailers"),
        ] {
            let world = World::start(&[upstream("pets", backend.address, json!({"answer": answer}))]).await;
            let reply = world.get(&format!("/fn/pets/f?{query}")).await;
            assert_eq!((reply.status.as_u16(), reply.text()), (status, expected), "{answer} {query}");
        }
        for (answer, query, expected) in [("held", "oh!", "bad-answer"), ("whole", "bad", "bad-answer")] {
            let world = World::start(&[upstream("pets", backend.address, json!({"answer": answer}))]).await;
            assert_eq!(world.get(&format!("/fn/pets/f?{query}")).await.problem(), expected, "{answer} {query}");
        }
        let world = World::start(&[upstream("pets", backend.address, json!({"answer": "whole"}))]).await;
        assert_eq!(world.get(&format!("/fn/pets/f?{}", "x".repeat(101))).await.problem(), "bad-answer");
    });
}

#[test]
fn what_is_wrong_with_a_body_on_its_way_is_said() {
    run(async {
        for (speaks, grpc) in [(Speaks::Http1, false), (Speaks::Http2(100), true)] {
            let backend = Backend::echo(speaks).await;
            let binding = json!({"intake": "map", "grpc": grpc});
            let world = World::start(&[upstream("pets", backend.address, binding)]).await;
            let reply = world.ask(request(Method::POST, "/fn/pets/f", &[], "oh!")).await;
            assert_eq!(
                (reply.problem(), &reply.json()["detail"]),
                ("bad-answer".into(), &json!("An exclamation mark"))
            );
        }
    });
}

/// No chunk begins like that.
const MALFORMED: &str = "5\r\nhello\r\nZZ\r\n";

#[test]
fn a_malformed_body_is_its_senders_fault() {
    run(async {
        let head =
            "POST /fn/pets/f HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (intake, speaks, grpc) in [
            ("json", Speaks::Http1, false),
            ("stream", Speaks::Http1, false),
            ("stream", Speaks::Http2(100), true),
            ("map", Speaks::Http1, false),
        ] {
            let backend = Backend::echo(speaks).await;
            let world =
                World::start(&[upstream("pets", backend.address, json!({"intake": intake, "grpc": grpc}))]).await;
            let answer = world.raw(&format!("{head}{MALFORMED}")).await;
            assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("malformed-body"), "{intake}: {answer}");
        }
    });
}

#[test]
fn a_malformed_body_is_its_senders_fault_once_the_answer_has_begun_too() {
    run(async {
        let mirror = |request: Request<Incoming>| async { Response::new(request.into_body()) };
        let backend = Backend::serve(Speaks::Http1, mirror).await;
        for intake in ["stream", "map"] {
            let world = World::start(&[upstream("pets", backend.address, json!({"intake": intake}))]).await;
            let mut stream = TcpStream::connect(world.address).await.unwrap();
            let head =
                "POST /fn/pets/f HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = [0; 4096];
            let read = stream.read(&mut answer).await.unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
            stream.write_all(MALFORMED.as_bytes()).await.unwrap();
            _ = stream.read_to_end(&mut Vec::new()).await;
            let metrics = world.metrics_text();
            let counted = "portolan_problems_total{reason=\"malformed-body\",blame=\"caller\"} 1";
            assert!(metrics.contains(counted), "{intake}: {metrics}");
        }
    });
}

#[test]
fn a_map_that_fails_later_resets_the_stream() {
    run(async {
        let pieces = |_| async {
            let pieces = ["good", "bad!"].map(|piece| Ok::<_, hyper::Error>(Frame::data(Bytes::from(piece))));
            let pieces = stream::iter(pieces).then(|piece| async {
                yield_now().await;
                piece
            });
            Response::new(BodyExt::boxed_unsync(StreamBody::new(pieces)))
        };
        let backend = Backend::serve(Speaks::Http1, pieces).await;
        let world = World::start(&[upstream("pets", backend.address, json!({"answer": "map"}))]).await;
        let mut client = world.connect().await;
        let answer = client.send(request(Method::GET, "/fn/pets/f", &[], "")).await.unwrap();
        assert!(answer.into_body().collect().await.is_err());
    });
}

#[test]
fn trailers_reach_who_reads_the_whole() {
    run(async {
        let trailers = |_| async {
            let frames = [
                Frame::data(Bytes::from("x")),
                Frame::trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())])),
            ];
            Response::new(StreamBody::new(stream::iter(frames.map(Ok::<_, hyper::Error>))))
        };
        let backend = Backend::serve(Speaks::Http2(100), trailers).await;
        let world = World::start(&[upstream("pets", backend.address, json!({"answer": "whole", "grpc": true}))]).await;
        assert_eq!(world.get("/fn/pets/f").await.text(), "1 bytes and 1 trailers");
    });
}
