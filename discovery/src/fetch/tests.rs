//! What the network may do to a look, and what becomes of it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use catalog::model::{Protocol, UpstreamSpec};
use http::HeaderValue;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use plugins::{Bounds, Certificates};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::testing::{KIND, Server, acceptor, head, id, reply, trusting};
use super::*;
use crate::testing::pass;

const JSON: &str = "Content-Type: application/json\r\n";

fn plain() -> UpstreamSpec {
    UpstreamSpec { protocol: Some(Protocol::Http), ..UpstreamSpec::default() }
}

async fn get(server: &Server, spec: UpstreamSpec, location: &str) -> (Result<Fetched, FetchError>, Vec<String>) {
    let journal = Journal::default();
    let round = server.round(&journal, spec);
    let bound = round.on_behalf_of(KIND);
    let fetched = bound.get(Get { location, accept: "application/json", unless: None, bounds: None }).await;
    let lines = journal.of(&id()).iter().rev().map(|a| format!("{} -> {}", a.asked, a.answer)).collect();
    (fetched, lines)
}

#[tokio::test]
async fn a_document_is_asked_for_by_the_upstreams_own_name_at_its_endpoint() {
    let server = Server::http(|head| reply(200, JSON, head)).await;
    let spec = UpstreamSpec { host: Some("api.test".into()), base_path: "/v1".into(), ..plain() };
    let (fetched, lines) = get(&server, spec, "/openapi.json?x=1").await;
    let fetched = fetched.unwrap();
    let port = server.address.port();
    assert_eq!(fetched.url.as_str(), format!("http://api.test:{port}/v1/openapi.json?x=1"));
    let head = String::from_utf8(fetched.body.to_vec()).unwrap().to_lowercase();
    assert!(head.starts_with("get /v1/openapi.json?x=1 http/1.1\r\n"), "{head}");
    for line in
        [format!("host: api.test:{port}"), format!("user-agent: {USER_AGENT}"), "accept: application/json".into()]
    {
        assert!(head.contains(&line), "{head} lacks {line}");
    }
    assert!(!head.contains("cookie") && !head.contains("referer"));
    assert!(lines[0].starts_with("GET /v1/openapi.json?… -> 200 application/json, "), "{lines:?}");
}

#[tokio::test]
async fn no_more_is_read_than_is_wanted_and_no_budget_waited_for() {
    let page = "x".repeat(1 << 20);
    let server = Server::http(move |_| reply(200, "Link: </api>; rel=service-desc\r\n", &page)).await;
    let journal = Journal::default();
    let round = server.round(&journal, plain());
    let _all = round.shared.budget.take(4 * LARGEST).await.unwrap();
    for body in [0, 1000] {
        let bounds = Some(Bounds { time: WHOLE, body });
        let bound = round.on_behalf_of(KIND);
        let get = bound.get(Get { location: "/", accept: "*/*", unless: None, bounds });
        let fetched = tokio::time::timeout(WHOLE, get).await.expect("it waits for nobody").unwrap();
        assert_eq!(
            (fetched.body.len(), &fetched.headers["link"]),
            (body, &HeaderValue::from_static("</api>; rel=service-desc"))
        );
    }
}

#[tokio::test]
async fn connections_are_used_again_within_a_round() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let server = Server::start(move |mut stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            while head(&mut stream).await.is_some() {
                let _ = stream.write_all(&reply(404, "", "no")).await;
            }
        }
    })
    .await;
    let journal = Journal::default();
    let round = server.round(&journal, plain());
    let bound = round.on_behalf_of(KIND);
    for location in ["/a", "/b", "/c"] {
        let fetched = bound.get(Get { location, accept: "*/*", unless: None, bounds: None }).await.unwrap();
        assert_eq!((fetched.status.as_u16(), &fetched.body[..]), (404, &b"no"[..]));
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_conditional_request_is_nearly_free() {
    let server = Server::http(|head| match head.to_lowercase().contains("if-none-match: \"abc\"") {
        true => reply(304, "ETag: \"abc\"\r\n", ""),
        false => reply(200, JSON, "{}"),
    })
    .await;
    let journal = Journal::default();
    let round = server.round(&journal, plain());
    let bound = round.on_behalf_of(KIND);
    let fetched =
        bound.get(Get { location: "/a", accept: "*/*", unless: Some("\"abc\""), bounds: None }).await.unwrap();
    assert_eq!(fetched.status.as_u16(), 304);
    assert_eq!(&*journal.of(&id())[0].answer, "304, not modified");
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_host_only() {
    let server = Server::http(|head| match head.split(' ').nth(1).unwrap_or_default() {
        "/moved" => reply(302, "Location: /docs/openapi.json\r\n", ""),
        "/docs/openapi.json" => reply(200, JSON, "{}"),
        "/foreign" => reply(301, "Location: http://evil.test/openapi.json?token=secret\r\n", ""),
        "/loop" => reply(307, "Location: /loop\r\n", ""),
        _ => reply(404, "", ""),
    })
    .await;
    let (moved, lines) = get(&server, plain(), "/moved").await;
    assert_eq!(moved.unwrap().url.path(), "/docs/openapi.json");
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (foreign, lines) = get(&server, plain(), "/foreign").await;
    let text = format!("{} {lines:?}", foreign.unwrap_err());
    assert!(text.contains("http://evil.test") && !text.contains("secret"), "{text}");
    let (looped, _) = get(&server, plain(), "/loop").await;
    assert!(matches!(looped, Err(FetchError::RedirectLoop(REDIRECTS))));
}

#[tokio::test]
async fn another_host_is_asked_only_where_it_is_allowed_and_its_address_too() {
    let docs = Server::http(|_| reply(200, JSON, "{\"docs\":1}")).await;
    let server = Server::http(|_| reply(404, "", "")).await;
    let location = format!("http://localhost:{}/openapi.json", docs.address.port());
    let fetch = async |policy: AddressPolicy, allowed: Vec<String>| {
        let fetcher = Fetcher::new(policy, allowed, Journal::default(), Certificates::default());
        let round = fetcher.round(id(), Arc::new(plain()), server.address, None).unwrap();
        round.on_behalf_of(KIND).get(Get { location: &location, accept: "*/*", unless: None, bounds: None }).await
    };
    let refused = fetch(AddressPolicy::default(), vec![]).await.unwrap_err();
    assert!(matches!(refused, FetchError::Refused(_)), "{refused}");
    let allowed = vec![format!("LOCALHOST:{}", docs.address.port())];
    assert_eq!(&fetch(AddressPolicy::default(), allowed.clone()).await.unwrap().body[..], b"{\"docs\":1}");
    let own = AddressPolicy::new([docs.address], vec![]);
    let refused = fetch(own, allowed).await.unwrap_err().to_string();
    assert!(refused.contains("own listener"), "{refused}");
}

#[tokio::test]
async fn an_endpoint_that_the_policy_refuses_is_not_asked() {
    let address = "127.0.0.1:8081".parse().unwrap();
    let fetcher = Fetcher::new(AddressPolicy::new([address], vec![]), [], Journal::default(), Certificates::default());
    let refused = fetcher.round(id(), Arc::new(plain()), address, None).unwrap_err();
    assert!(refused.to_string().contains("own listener"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_and_a_dripping_answer_end() {
    let hanging = Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let (hung, lines) = get(&hanging, plain(), "/a").await;
    assert!(matches!(hung, Err(FetchError::Timeout(20))), "{hung:?}");
    assert!(lines[0].contains("no whole answer within 20 s"), "{lines:?}");
    let dripping = Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            pass(Duration::from_secs(1)).await;
        }
    })
    .await;
    let (dripped, _) = get(&dripping, plain(), "/a").await;
    assert!(matches!(dripped, Err(FetchError::Timeout(20))), "{dripped:?}");
}

#[tokio::test]
async fn an_endless_answer_a_huge_one_and_a_gzip_bomb_are_cut() {
    let endless = Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let page = vec![b' '; 1 << 20];
        while stream.write_all(&page).await.is_ok() {}
    })
    .await;
    assert!(matches!(get(&endless, plain(), "/a").await.0, Err(FetchError::TooLarge(32))));
    let huge = Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    assert!(matches!(get(&huge, plain(), "/a").await.0, Err(FetchError::TooLarge(32))));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..64 {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let server = Server::http(move |_| reply(200, "Content-Encoding: gzip\r\n", &bomb)).await;
    assert!(matches!(get(&server, plain(), "/a").await.0, Err(FetchError::TooLarge(32))));
}

#[tokio::test]
async fn broken_answers_have_a_reason() {
    let reset = Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
        let _ = stream.set_zero_linger();
    })
    .await;
    assert!(matches!(get(&reset, plain(), "/a").await.0, Err(FetchError::Connect(_))));
    let closing = Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
    })
    .await;
    assert!(matches!(get(&closing, plain(), "/a").await.0, Err(FetchError::Connect(_))));
    let babbling = Server::start(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let (babbled, _) = get(&babbling, plain(), "/a").await;
    assert!(matches!(babbled, Err(FetchError::Protocol(_))), "{babbled:?}");
    let gone = Server::start(|_| async {}).await.address;
    let fetcher = Fetcher::new(AddressPolicy::default(), [], Journal::default(), Certificates::default());
    let round = fetcher.round(id(), Arc::new(plain()), gone, None).unwrap();
    let refused = round.on_behalf_of(KIND).get(Get { location: "/a", accept: "*/*", unless: None, bounds: None }).await;
    assert!(matches!(refused, Err(FetchError::Connect(_))), "{refused:?}");
    let not_gzip = Server::http(|_| reply(200, "Content-Encoding: gzip\r\n", "plain")).await;
    assert!(matches!(get(&not_gzip, plain(), "/a").await.0, Err(FetchError::Protocol(_))));
}

#[tokio::test]
async fn tls_is_found_out_and_verified() {
    let unknown = UpstreamSpec { tls: Some(trusting(None)), ..UpstreamSpec::default() };
    let server = Server::https(|_| reply(200, JSON, "{}")).await;
    let (fetched, lines) = get(&server, unknown.clone(), "/a").await;
    assert_eq!(fetched.unwrap().url.scheme(), "https");
    assert_eq!(lines[0], "HEAD / in plain text -> speaks TLS");
    let named =
        UpstreamSpec { host: Some("api.test".into()), tls: Some(trusting(Some("secure.test"))), ..unknown.clone() };
    assert_eq!(get(&server, named, "/a").await.0.unwrap().url.host_str(), Some("api.test"));
    let wrong = UpstreamSpec { host: Some("wrong.test".into()), ..unknown.clone() };
    let (refused, _) = get(&server, wrong.clone(), "/a").await;
    assert!(matches!(&refused, Err(FetchError::Connect(cause)) if cause.contains("certificate")), "{refused:?}");
    let careless = Some(catalog::model::Tls { insecure_skip_verify: true, ..trusting(None) });
    assert!(get(&server, UpstreamSpec { tls: careless, ..wrong }, "/a").await.0.is_ok());
    let untrusted = UpstreamSpec { protocol: None, ..UpstreamSpec::default() };
    assert!(matches!(get(&server, untrusted, "/a").await.0, Err(FetchError::Connect(_))));
    let speaking_plain = Server::http(|_| reply(200, JSON, "{}")).await;
    assert_eq!(get(&speaking_plain, unknown, "/a").await.0.unwrap().url.scheme(), "http");
}

#[tokio::test]
async fn a_400_to_the_plain_question_is_asked_again_over_tls() {
    let picky = Server::http(|_| reply(400, "", "The plain HTTP request was sent to HTTPS port")).await;
    let journal = Journal::default();
    assert!(!picky.round(&journal, UpstreamSpec::default()).spoken().await.unwrap());
    let acceptor = acceptor(&[]);
    let nginx = Server::start(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut first = [0];
            let _ = stream.peek(&mut first).await;
            match first {
                [0x16] => drop(acceptor.accept(stream).await),
                _ => drop(stream.write_all(&reply(400, "", "The plain HTTP request was sent to HTTPS port")).await),
            }
        }
    })
    .await;
    assert!(nginx.round(&journal, UpstreamSpec::default()).spoken().await.unwrap());
}

async fn echo(request: Request<hyper::body::Incoming>) -> Result<Response<String>, hyper::Error> {
    let head = format!("{} {:?}", request.uri(), request.headers().get("user-agent"));
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::builder()
        .header("grpc-status", "0")
        .body(format!("{head} {}", String::from_utf8_lossy(&body)))
        .unwrap())
}

#[tokio::test]
async fn an_exchange_speaks_http2_in_plain_text_and_over_tls() {
    let serve = |stream| async move {
        let service = hyper::service::service_fn(echo);
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
    };
    let in_plain = Server::start(move |stream| serve(TokioIo::new(stream))).await;
    let acceptor = acceptor(&[b"h2"]);
    let over_tls = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = hyper::service::service_fn(echo);
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await;
    for (server, scheme) in [(in_plain, "http"), (over_tls, "https")] {
        let journal = Journal::default();
        let spec =
            UpstreamSpec { host: Some("localhost".into()), tls: Some(trusting(None)), ..UpstreamSpec::default() };
        let round = server.round(&journal, spec);
        let bound = round.on_behalf_of(KIND);
        for _ in 0..2 {
            let request = Request::post("/pkg.S/M").body(Body::new("hello".to_owned())).unwrap();
            let response = bound.exchange(request).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let port = server.address.port();
            let wanted = format!("{scheme}://localhost:{port}/pkg.S/M Some(\"{USER_AGENT}\") hello");
            assert_eq!(String::from_utf8_lossy(&body), wanted);
        }
        let line = &journal.of(&id())[0];
        assert_eq!((&*line.asked, &*line.answer, line.times), ("POST /pkg.S/M", "200, grpc-status 0", 2));
    }
}

#[tokio::test]
async fn long_work_is_done_elsewhere_a_bounded_number_at_a_time() {
    let server = Server::http(|_| reply(404, "", "")).await;
    let journal = Journal::default();
    let round = server.round(&journal, plain());
    let bound = round.on_behalf_of(KIND);
    let here = std::thread::current().id();
    let there = plugins::fetch::offload(&bound, || std::thread::current().id()).await;
    assert!(there.is_some_and(|there| there != here));
    assert_eq!(plugins::fetch::offload(&bound, || panic!("a bug")).await, None::<()>);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let work = || {
        let (running, most) = (running.clone(), most.clone());
        plugins::fetch::offload(&bound, move || {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            (0..100_000).fold(0u64, |sum, n| std::hint::black_box(sum ^ n));
            running.fetch_sub(1, Ordering::SeqCst);
        })
    };
    futures_util::future::join_all((0..50).map(|_| work())).await;
    assert!((1..=READERS).contains(&most.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn an_exchange_with_who_speaks_no_http2_is_not_understood() {
    let http1 = Server::http(|_| reply(400, "Connection: close\r\n", "what?")).await;
    let closing = Server::start(|mut stream| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let resetting = Server::start(|mut stream| async move {
        let _ = stream.read_u8().await;
        let _ = stream.set_zero_linger();
    })
    .await;
    for server in [http1, closing, resetting] {
        let journal = Journal::default();
        let round = server.round(&journal, plain());
        let request = Request::post("/pkg.S/M").body(Body::empty()).unwrap();
        let refused = round.on_behalf_of(KIND).exchange(request).await;
        assert!(matches!(refused, Err(FetchError::Protocol(_))), "{refused:?}");
    }
}
