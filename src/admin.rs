//! The admin address: its listener, in plain text or over TLS, and its end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use plugins::filters::origin::{self, Origin};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::api::{self, Api, Door};
use crate::config::{AdminTokens, Config, is_loopback};
use crate::stop::Stop;

/// Connections at once; people and scrapers need few, and each event stream holds one.
const MAX_CONNECTIONS: usize = 1024;

/// How long a TLS handshake or a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long answers may take to finish when the daemon stops.
const GRACE: Duration = Duration::from_secs(5);

/// How long accepting rests after it failed: out of files, most likely, and without a pause it would spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Who may come in, and what the listener shows of itself. May change while it is served.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) tokens: Arc<AdminTokens>,
    tls: Option<TlsAcceptor>,
}

impl Keys {
    /// These tokens, and the certificate and key in the files that the configuration names.
    pub(crate) fn new(config: &Config, tokens: AdminTokens) -> anyhow::Result<Self> {
        let tls = config.admin_tls.as_ref().map(|(cert, key)| acceptor(cert, key)).transpose()?;
        Ok(Self { tokens: Arc::new(tokens), tls })
    }
}

fn acceptor(cert: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let read = || -> Result<_, rustls::pki_types::pem::Error> {
        let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<Vec<_>, _>>()?;
        Ok((chain, PrivateKeyDer::from_pem_file(key)?))
    };
    let (chain, key) = read().with_context(|| format!("--admin-tls-cert {} and its key", cert.display()))?;
    let server = rustls::ServerConfig::builder().with_no_client_auth();
    let mut server = server.with_single_cert(chain, key).context("--admin-tls-cert")?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

/// The door of the admin address at `local`.
pub(crate) fn door(config: &Config, local: SocketAddr, keys: watch::Receiver<Keys>) -> Door {
    let tls = config.admin_tls.is_some();
    if !tls && !is_loopback(local.ip()) {
        tracing::warn!(address = %local, "admin.plain_text: tokens cross the network unencrypted; --admin-tls-cert mends that");
    }
    let names = config.function_urls.hostnames.clone();
    Door { local, tls, origin: Arc::new(Origin::new(origin::Config { names, cors: None })), keys }
}

/// Serves the API until the daemon stops, then lets answers finish.
pub(crate) async fn serve(listener: TcpListener, door: Door, api: Api, stop: Stop) {
    let keys = door.keys.clone();
    let routes = api::routes(api, door);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (routes, tls, watcher) = (routes.clone(), keys.borrow().tls.clone(), graceful.watcher());
        connections.spawn(async move {
            match tls {
                None => converse(stream, peer, routes, watcher).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                        converse(stream, peer, routes, watcher).await;
                    }
                }
            }
            drop(place);
        });
    }
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("admin.cut_off: answers were not over in time");
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, Place)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::warn!(%error, "admin.accept_failed");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

async fn converse<S>(stream: S, peer: SocketAddr, routes: axum::Router, watcher: hyper_util::server::graceful::Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    let service =
        TowerToHyperService::new(tower::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            tower::ServiceExt::oneshot(routes.clone(), request.map(axum::body::Body::new))
        }));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, error, "admin.connection_ended");
    }
}
