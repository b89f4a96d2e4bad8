//! TLS towards upstreams, prepared once for each configuration: reading roots and building a verifier is no work for a request.

use std::sync::Arc;

use catalog::model::Tls;
use plugins::tls::TlsError;
use plugins::{Carrier, Certificate, Keyring, Place};
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio_rustls::TlsConnector;

/// How TLS is made for one configuration and carrier.
pub(crate) struct Secure {
    connector: TlsConnector,
    /// The name to ask for and to verify; without one the upstream's host.
    name: Option<ServerName<'static>>,
    /// Where the certificate is that handshakes take, where a Secret has it.
    place: Option<Arc<Place<Certificate>>>,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why TLS cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecureError {
    /// The configured name is none.
    #[error("the server name {0:?}: {1}")]
    ServerName(String, InvalidDnsNameError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Secure {
    /// Prepares TLS. Reads files: not for a worker.
    pub(crate) fn new(tls: &Tls, carrier: Carrier, keyring: &Keyring) -> Result<Self, SecureError> {
        let alpn: &[u8] = match carrier {
            Carrier::Grpc => b"h2",
            Carrier::Http1 => b"http/1.1",
        };
        let config = plugins::tls::client(tls, &[alpn], keyring.certificates())?;
        let name = match &tls.server_name {
            Some(name) => Some(parse_name(name)?),
            None => None,
        };
        let place = tls.secret.as_ref().map(|secret| keyring.certificates().place(secret));
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name, place })
    }

    /// The certificate that a handshake would take now.
    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.place.as_ref()?.now()
    }

    /// What makes connections.
    pub(super) fn connector(&self) -> &TlsConnector {
        &self.connector
    }

    /// The name to ask for and to verify on an upstream called `host`.
    pub(super) fn name(&self, host: String) -> Result<ServerName<'static>, SecureError> {
        match &self.name {
            Some(name) => Ok(name.clone()),
            None => parse_name(&host),
        }
    }
}

fn parse_name(name: &str) -> Result<ServerName<'static>, SecureError> {
    ServerName::try_from(name.to_owned()).map_err(|e| SecureError::ServerName(name.to_owned(), e))
}
