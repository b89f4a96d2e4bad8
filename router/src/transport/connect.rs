//! New connections to upstreams: TCP, and TLS where it is spoken, within one time limit.

use std::io;

use plugins::Carrier;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::{Destination, TransportError};
use crate::limits;

/// A connection, ready for HTTP.
pub(super) enum Wire {
    /// In plain text.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects.
pub(super) async fn connect(to: &Destination) -> Result<Wire, TransportError> {
    let failed = |cause: String| TransportError::Connect(to.address, cause);
    match timeout(limits::CONNECT_TIMEOUT, attempt(to)).await {
        Ok(Ok(wire)) => Ok(wire),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("not within {} s", limits::CONNECT_TIMEOUT.as_secs()))),
    }
}

async fn attempt(to: &Destination) -> io::Result<Wire> {
    let stream = TcpStream::connect(to.address).await?;
    stream.set_nodelay(true)?;
    // What is silent for long, as a function that runs for minutes, must not be forgotten by what lies between.
    let alive = TcpKeepalive::new().with_time(limits::KEEPALIVE).with_interval(limits::KEEPALIVE);
    SockRef::from(&stream).set_tcp_keepalive(&alive)?;
    let Some(secure) = &to.secure else { return Ok(Wire::Plain(stream)) };
    let name = secure.name(to.verified_name()).map_err(io::Error::other)?;
    let stream = secure.connector().connect(name, stream).await?;
    // A server that leaves ALPN out may still speak HTTP/2; one that chose something else does not.
    let chosen = stream.get_ref().1.alpn_protocol();
    if to.carrier == Carrier::Grpc && chosen.is_some_and(|protocol| protocol != b"h2") {
        return Err(io::Error::other("the server does not speak HTTP/2"));
    }
    Ok(Wire::Tls(Box::new(stream)))
}
