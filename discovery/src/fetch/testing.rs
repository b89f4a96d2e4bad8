//! Tiny servers on loopback, as bad as a test wants them.

use std::net::SocketAddr;
use std::sync::Arc;

use catalog::model::{Kind, Tls, UpstreamId, UpstreamSpec};
use plugins::Certificates;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Fetcher, Round};
use crate::attempts::Journal;
use crate::policy::AddressPolicy;

/// What asks in these tests.
pub(crate) const KIND: Kind = Kind::new("rest");

/// A listener on a free port of loopback; its tasks end with it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Hands each connection to `serve`.
    pub(crate) async fn start<F, S>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
            }
        });
        Self { address, _tasks: tasks }
    }

    /// Answers each request, of which `answer` sees the head, with what `answer` says: a whole HTTP/1.1 message.
    pub(crate) async fn http(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::start(move |stream| talk(stream, answer.clone())).await
    }

    /// The same over TLS, with the certificate of the test data.
    pub(crate) async fn https(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let (answer, acceptor) = (Arc::new(answer), acceptor(&[b"http/1.1"]));
        Self::start(move |stream| {
            let (answer, acceptor) = (answer.clone(), acceptor.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    talk(stream, answer).await;
                }
            }
        })
        .await
    }

    /// The fetcher's look at this server as an upstream of that description.
    pub(crate) fn round(&self, journal: &Journal, spec: UpstreamSpec) -> Round {
        let fetcher = Fetcher::new(AddressPolicy::default(), [], journal.clone(), Certificates::default());
        fetcher.round(id(), Arc::new(spec), self.address, None).unwrap()
    }
}

/// The upstream of these tests.
pub(crate) fn id() -> UpstreamId {
    UpstreamId::from("trap-1")
}

/// Speaks TLS with the certificate of the test data, offering `alpn`.
pub(crate) fn acceptor(alpn: &[&[u8]]) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../../../plugins/testdata/cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../../plugins/testdata/key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Settings that trust the certificate of the test data.
pub(crate) fn trusting(server_name: Option<&str>) -> Tls {
    let root_ca = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/testdata/cert.pem");
    Tls { server_name: server_name.map(str::to_owned), root_ca: Some(root_ca.into()), ..Tls::default() }
}

/// A whole HTTP/1.1 answer.
pub(crate) fn reply(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut reply = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    reply.extend_from_slice(body);
    reply
}

/// Reads one request head; `None` at the end of the connection.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn talk<S, A>(mut stream: S, answer: Arc<A>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(&str) -> Vec<u8>,
{
    while let Some(head) = head(&mut stream).await {
        if stream.write_all(&answer(&head)).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}
