//! The source against a Consul that is played, one answer after another. How a real one behaves is tested with real agents.

mod agent;
mod belief;
mod client;
mod map;
mod order;
mod publish;
mod resolve;
mod settings;
mod watch;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::client::Client;
use super::settings::Settings;

/// An answer that is to be given.
#[derive(Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Reply {
    /// 200, with this index.
    pub(super) fn ok(index: u64, body: &str) -> Self {
        Self::status(200, body).with("X-Consul-Index", &index.to_string())
    }

    /// Another status, without an index.
    pub(super) fn status(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    /// With one header more.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A server on loopback that gives its replies one after the other, whatever it is asked, and the last one for ever.
pub(super) struct Played {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    _tasks: JoinSet<()>,
}

impl Played {
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let replies: Arc<Mutex<VecDeque<Reply>>> = Arc::new(Mutex::new(replies.into_iter().collect()));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let notes = seen.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (replies, notes) = (replies.clone(), notes.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        notes.lock().unwrap().push((request.uri().to_string(), request.headers().clone()));
                        let mut replies = replies.lock().unwrap();
                        let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
                        async move { Ok::<_, Infallible>(response(reply.unwrap())) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    /// A client of it, with the settings that `variables` make.
    pub(super) async fn client(&self, variables: &[(&str, &str)]) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::new(&settings(&self.address.to_string(), variables)).await.unwrap()
    }

    /// What was asked for, in order.
    pub(super) fn targets(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(target, _)| target.clone()).collect()
    }

    /// The headers of the last request.
    pub(super) fn headers(&self) -> HeaderMap {
        self.seen.lock().unwrap().last().unwrap().1.clone()
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(reply.body)).unwrap()
}

pub(super) fn settings(address: &str, variables: &[(&str, &str)]) -> Settings {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Settings::from_environment(Some(address), variable).unwrap()
}
