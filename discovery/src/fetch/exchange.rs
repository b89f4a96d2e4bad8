//! One HTTP/2 exchange with streamed bodies, for gRPC: prior knowledge in plain text, ALPN over TLS. All exchanges of a round share one
//! connection, which ends with the round.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use plugins::FetchError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tonic::body::Body;

use super::detect::server_name;
use super::place::authority;
use super::{Bound, CONNECT, Round, USER_AGENT};

/// For the head of an answer: reflection does not compute.
const HEAD: Duration = Duration::from_secs(10);
/// The largest answer body: descriptors of the largest known servers together have 20 MiB.
const LARGEST: usize = 64 << 20;
/// What a peer may send ahead of us, for each stream and for the connection.
const WINDOW: u32 = 1 << 20;
/// The largest head of an answer.
const HEADERS: u32 = 64 << 10;

/// The connection of a round with the tasks that carry it; dropping it ends them.
#[derive(Debug)]
pub(super) struct Connection {
    sender: http2::SendRequest<Body>,
    /// Whether an answer ever came on it: before that, nothing says that the peer speaks HTTP/2.
    proven: AtomicBool,
    _tasks: Tasks,
}

/// Runs what a connection needs. Its clones inside the connection's own tasks do not keep those alive: they are aborted with the round's.
#[derive(Clone, Debug)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self._tasks.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Sends `request`, whose URI is a path, and returns the head of the answer with its body to come.
pub(super) async fn exchange(bound: &Bound<'_>, request: Request<Body>) -> Result<Response<Body>, FetchError> {
    let began = Instant::now();
    let asked = format!("{} {}", request.method(), request.uri().path());
    let answered = send(bound.round, request).await;
    let answer = match &answered {
        Err(error) => error.to_string(),
        Ok(response) => {
            let status = response.headers().get("grpc-status").and_then(|status| status.to_str().ok());
            match status {
                Some(status) => format!("{}, grpc-status {status}", response.status().as_u16()),
                None => response.status().as_u16().to_string(),
            }
        }
    };
    bound.round.record(Some(bound.kind.clone()), asked, answer, began);
    answered
}

async fn send(round: &Round, mut request: Request<Body>) -> Result<Response<Body>, FetchError> {
    let tls = round.spoken().await?;
    let connection = round.http2.get_or_try_init(|| connect(round, tls)).await?;
    let url = round.address.at(tls, "/", None)?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let target = Uri::builder().scheme(url.scheme()).authority(authority(&url)).path_and_query(path).build();
    *request.uri_mut() = target.map_err(|cause| FetchError::Refused(cause.to_string()))?;
    request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT));
    let mut sender = connection.sender.clone();
    match timeout(HEAD, sender.send_request(request)).await {
        Ok(Ok(response)) => {
            connection.proven.store(true, Ordering::Relaxed);
            Ok(response.map(bounded))
        }
        Ok(Err(cause)) => Err(error(&cause, connection.proven.load(Ordering::Relaxed))),
        Err(_) => Err(FetchError::Timeout(HEAD.as_secs())),
    }
}

fn bounded(body: Incoming) -> Body {
    Body::new(Limited::new(body, LARGEST).map_err(tonic::Status::from_error))
}

async fn connect(round: &Round, tls: bool) -> Result<Connection, FetchError> {
    let stream = round.connect().await?;
    if !tls {
        return shake(stream).await;
    }
    let config = round.tls_config(round.spec.tls.as_ref(), &[b"h2", b"http/1.1"]).await?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(server_name(round), stream);
    let stream = match timeout(CONNECT, shaken).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(cause)) => return Err(FetchError::Connect(format!("TLS: {cause}"))),
        Err(_) => return Err(FetchError::Timeout(CONNECT.as_secs())),
    };
    // A server that negotiates nothing may still speak HTTP/2.
    match stream.get_ref().1.alpn_protocol() {
        None | Some(b"h2") => shake(stream).await,
        Some(_) => Err(FetchError::Protocol("the server speaks no HTTP/2".into())),
    }
}

async fn shake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Result<Connection, FetchError> {
    let tasks = Tasks(Arc::default());
    let (sender, connection) = http2::Builder::new(tasks.clone())
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| error(&cause, false))?;
    hyper::rt::Executor::execute(&tasks, async {
        // How it ended is told to whoever waits for an answer on it.
        let _ = connection.await;
    });
    Ok(Connection { sender, proven: AtomicBool::new(false), _tasks: tasks })
}

/// What an error means. A peer that closes at the preface speaks something else; one that was `proven` to speak HTTP/2 broke.
fn error(cause: &hyper::Error, proven: bool) -> FetchError {
    let mut inner: &dyn std::error::Error = cause;
    while let Some(next) = inner.source() {
        inner = next;
    }
    match proven && (inner.is::<std::io::Error>() || cause.is_closed() || cause.is_canceled()) {
        true => FetchError::Connect(inner.to_string()),
        false => FetchError::Protocol(inner.to_string()),
    }
}
