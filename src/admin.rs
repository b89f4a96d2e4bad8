//! The admin address: its listener, in plain text or over TLS, and its end.

use std::net::SocketAddr;
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
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::api::{self, Api, Door};
use crate::config::{Config, is_loopback};
use crate::stop::Stop;

/// Connections at once; people and scrapers need few, and each event stream holds one.
const MAX_CONNECTIONS: usize = 1024;

/// How long a TLS handshake or a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long answers may take to finish when the daemon stops.
const GRACE: Duration = Duration::from_secs(5);

/// Who may come in, and how the door speaks.
pub(crate) struct Entrance {
    door: Door,
    tls: Option<TlsAcceptor>,
}

/// The door of the admin address at `local`.
pub(crate) fn door(config: &Config, local: SocketAddr) -> anyhow::Result<Entrance> {
    let tls = match &config.admin_tls {
        Some((cert, key)) => {
            let read = || -> Result<_, rustls::pki_types::pem::Error> {
                let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<Vec<_>, _>>()?;
                Ok((chain, PrivateKeyDer::from_pem_file(key)?))
            };
            let (chain, key) = read().with_context(|| format!("--admin-tls-cert {} and its key", cert.display()))?;
            let server = rustls::ServerConfig::builder().with_no_client_auth();
            let mut server = server.with_single_cert(chain, key).context("--admin-tls-cert")?;
            server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Some(TlsAcceptor::from(Arc::new(server)))
        }
        None => None,
    };
    if tls.is_none() && !is_loopback(local.ip()) {
        tracing::warn!(address = %local, "admin.plain_text: tokens cross the network unencrypted; --admin-tls-cert mends that");
    }
    let names = config.function_urls.hostnames.clone();
    let origin = Arc::new(Origin::new(origin::Config { names, cors: None }));
    let door = Door { local, tls: tls.is_some(), origin, tokens: Arc::new(config.admin_tokens.clone()) };
    Ok(Entrance { door, tls })
}

/// Serves the API until the daemon stops, then lets answers finish.
pub(crate) async fn serve(listener: TcpListener, entrance: Entrance, api: Api, stop: Stop) {
    let Entrance { door, tls } = entrance;
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
        let (routes, tls, watcher) = (routes.clone(), tls.clone(), graceful.watcher());
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
            // Out of files, most likely: without a pause this would spin.
            tracing::warn!(%error, "admin.accept_failed");
            tokio::time::sleep(Duration::from_millis(100)).await;
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
