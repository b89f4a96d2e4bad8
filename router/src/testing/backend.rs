//! Upstreams for tests: small servers on loopback that live on the test's own runtime.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::transport::Local;

/// A server. It ends when it is dropped.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    /// Connections that it has accepted.
    pub(crate) accepted: Rc<Cell<usize>>,
    /// Connections that are open.
    pub(crate) open: Rc<Cell<usize>>,
    tasks: JoinSet<()>,
}

/// What a server speaks.
#[derive(Clone)]
pub(crate) enum Speaks {
    Http1,
    /// With prior knowledge, and at most this many streams at once.
    Http2(u32),
    /// HTTP/1.1 or, where that is negotiated, HTTP/2.
    Tls(Arc<rustls::ServerConfig>),
}

impl Backend {
    /// Gives each connection, with its number, to `serve`.
    pub(crate) async fn raw<F: Future<Output = ()> + 'static>(serve: impl Fn(TcpStream, usize) -> F + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, open) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (count, live) = (accepted.clone(), open.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn_local(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                count.update(|n| n + 1);
                live.update(|n| n + 1);
                let (served, live) = (serve(stream, count.get()), live.clone());
                connections.spawn_local(async move {
                    served.await;
                    live.update(|n| n - 1);
                });
            }
        });
        Self { address, accepted, open, tasks }
    }

    /// Answers each request with what `answer` makes of it.
    pub(crate) async fn serve<F, B>(speaks: Speaks, answer: impl Fn(Request<Incoming>) -> F + Clone + 'static) -> Self
    where
        F: Future<Output = Response<B>> + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
    {
        Self::raw(move |stream, _| {
            let (speaks, answer) = (speaks.clone(), answer.clone());
            async move {
                match speaks {
                    Speaks::Http1 => speak(stream, None, answer).await,
                    Speaks::Http2(streams) => speak(stream, Some(streams), answer).await,
                    Speaks::Tls(config) => {
                        let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
                        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        speak(stream, http2.then_some(100), answer).await;
                    }
                }
            }
        })
        .await
    }

    /// Answers with what it was asked, as JSON.
    pub(crate) async fn echo(speaks: Speaks) -> Self {
        Self::serve(speaks, echo).await
    }

    /// Ends it: connections to its address are refused.
    pub(crate) async fn stop(mut self) -> SocketAddr {
        self.tasks.shutdown().await;
        self.address
    }
}

async fn speak<S, F, B>(stream: S, http2: Option<u32>, answer: impl Fn(Request<Incoming>) -> F + Clone + 'static)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    // How a connection ends is the other side's business.
    match http2 {
        None => _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
        Some(streams) => {
            let mut builder = http2::Builder::new(Local);
            _ = builder.max_concurrent_streams(streams).serve_connection(TokioIo::new(stream), service).await;
        }
    }
}

async fn echo(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut headers = Map::new();
    for name in head.headers.keys() {
        let values: Vec<_> = head.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
        headers.insert(name.to_string(), values.join(" | ").into());
    }
    let seen = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    let answer = Response::builder().header("content-type", "application/json");
    answer.body(Full::new(seen.to_string().into())).unwrap()
}
