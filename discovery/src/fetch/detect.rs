//! Finds out whether an endpoint speaks TLS where nothing says it. Plain text first, which a TLS server refuses without harm, while a
//! plain server may write a handshake to its log as garbage.

use std::sync::Arc;
use std::time::Duration;

use plugins::FetchError;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::place::authority;
use super::{CONNECT, Round, USER_AGENT};

/// For the first bytes of an answer; who is silent for longer is taken as a slow plain server, for TLS servers refuse at once.
const FIRST_BYTES: Duration = Duration::from_secs(2);
/// Holds any status line's beginning.
const PREFIX: usize = 64;

/// What came first in answer to a plain request.
#[derive(PartialEq, Eq, Debug)]
enum Answer {
    /// Plain HTTP, or a protocol that is not TLS either.
    Plain,
    /// A TLS alert.
    Alert,
    /// Closed without a word, or `400`: servers say so to plain requests on a TLS port, and some to any.
    Unclear,
}

/// Whether the round's endpoint speaks TLS.
pub(super) async fn speaks_tls(round: &Round) -> Result<bool, FetchError> {
    let began = Instant::now();
    let found = match plain(round).await {
        Ok(Answer::Plain) => Ok(false),
        Ok(Answer::Alert) => Ok(true),
        Ok(Answer::Unclear) => Ok(shakes_hands(round).await),
        Err(error) => Err(error),
    };
    let answer = match &found {
        Ok(true) => "speaks TLS".to_owned(),
        Ok(false) => "speaks plain text".to_owned(),
        Err(error) => error.to_string(),
    };
    round.record(None, "HEAD / in plain text".into(), answer, began);
    found
}

async fn plain(round: &Round) -> Result<Answer, FetchError> {
    let mut stream = round.connect().await?;
    let url = round.address.at(false, "/", None)?;
    let request = format!(
        "HEAD / HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n",
        authority(&url)
    );
    let mut first = [0; PREFIX];
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        stream.read(&mut first).await
    };
    Ok(match timeout(FIRST_BYTES, exchange).await {
        Ok(Ok(length)) => read(&first[..length]),
        Ok(Err(_)) => Answer::Unclear,
        Err(_) => Answer::Plain,
    })
}

/// What the first bytes of an answer say. A TLS record begins with its type and `3`, its major version (RFC 8446, 5.1).
fn read(first: &[u8]) -> Answer {
    match first {
        [] => Answer::Unclear,
        [0x15 | 0x16, 3, ..] => Answer::Alert,
        _ if first.starts_with(b"HTTP/1.") && first.get(8..12) == Some(b" 400") => Answer::Unclear,
        _ => Answer::Plain,
    }
}

/// Whether a handshake gets an answer that only TLS gives, be it a certificate that we do not trust.
async fn shakes_hands(round: &Round) -> bool {
    let Ok(config) = round.tls_config(round.spec.tls.as_ref(), &[]).await else { return false };
    let Ok(stream) = round.connect().await else { return false };
    let shaken = TlsConnector::from(Arc::new(config)).connect(server_name(round), stream);
    match timeout(CONNECT, shaken).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => matches!(
            error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()),
            Some(cause) if !matches!(cause, rustls::Error::InvalidMessage(_))
        ),
        Err(_) => false,
    }
}

/// Whom TLS asks for at the round's endpoint.
pub(super) fn server_name(round: &Round) -> ServerName<'static> {
    let name = round.address.server_name().and_then(|name| ServerName::try_from(name.to_owned()).ok());
    name.unwrap_or_else(|| ServerName::IpAddress(round.endpoint.ip().to_canonical().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_tls_from_plain_text() {
        assert_eq!(read(b""), Answer::Unclear);
        assert_eq!(read(b"\x15\x03\x01\x00\x02\x02\x46"), Answer::Alert);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n"), Answer::Plain);
        assert_eq!(read(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent"), Answer::Unclear);
        assert_eq!(read(b"\x00\x00\x12\x04\x00"), Answer::Plain);
        assert_eq!(read(b"SSH-2.0-OpenSSH"), Answer::Plain);
    }
}
