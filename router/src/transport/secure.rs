//! TLS towards upstreams, prepared once for each configuration: reading roots and building a verifier is no work for a request.

use std::sync::{Arc, OnceLock};

use catalog::model::Tls;
use plugins::Carrier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

/// How TLS is made for one configuration and carrier.
pub(crate) struct Secure {
    connector: TlsConnector,
    /// The name to ask for and to verify; without one the upstream's host.
    name: Option<ServerName<'static>>,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why TLS cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecureError {
    /// The configured authorities cannot be read.
    #[error("the authorities in {0}: {1}")]
    RootCa(String, String),
    /// The configured name is none.
    #[error("the server name {0:?}: {1}")]
    ServerName(String, InvalidDnsNameError),
    /// The TLS library's own.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

impl Secure {
    /// Prepares TLS. Reads files: not for a worker.
    pub(crate) fn new(tls: &Tls, carrier: Carrier) -> Result<Self, SecureError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let mut config = match (&tls.root_ca, tls.insecure_skip_verify) {
            (_, true) => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anything(provider))).with_no_client_auth()
            }
            (Some(file), _) => builder.with_root_certificates(read_roots(file)?).with_no_client_auth(),
            (None, _) => builder.with_root_certificates(native_roots()).with_no_client_auth(),
        };
        config.alpn_protocols = vec![match carrier {
            Carrier::Grpc => b"h2".to_vec(),
            Carrier::Http1 => b"http/1.1".to_vec(),
        }];
        let name = match &tls.server_name {
            Some(name) => Some(parse_name(name)?),
            None => None,
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
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

fn read_roots(file: &str) -> Result<RootCertStore, SecureError> {
    let broken = |cause: String| SecureError::RootCa(file.to_owned(), cause);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| broken(e.to_string()))? {
        let certificate = certificate.map_err(|e| broken(e.to_string()))?;
        roots.add(certificate).map_err(|e| broken(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(broken("there is no certificate".into()));
    }
    Ok(roots)
}

/// The machine's own authorities, read once. What of them cannot be read is left out: a machine without any refuses every server.
fn native_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    ROOTS
        .get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "some of the machine's authorities cannot be read");
            }
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found.certs);
            Arc::new(roots)
        })
        .clone()
}

/// Takes any certificate, for upstreams whose configuration says so. Signatures are still checked: the peer holds the key it shows.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
