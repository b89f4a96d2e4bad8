//! TLS as a client: which authorities are trusted, and what is offered.

use std::sync::Arc;

use catalog::model::Tls;
use plugins::FetchError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::sync::OnceCell;

/// Makes configurations; reads the machine's own authorities once.
#[derive(Debug)]
pub(super) struct Configs {
    provider: Arc<CryptoProvider>,
    machine: OnceCell<Arc<RootCertStore>>,
}

impl Default for Configs {
    fn default() -> Self {
        Self { provider: Arc::new(ring::default_provider()), machine: OnceCell::new() }
    }
}

impl Configs {
    /// A configuration that trusts nobody, for connections that speak no TLS.
    pub(super) fn none(&self) -> Result<ClientConfig, FetchError> {
        self.trusting(Arc::new(RootCertStore::empty()))
    }

    /// How to speak TLS as `tls` says, offering the protocols `alpn`.
    pub(super) async fn client(&self, tls: Option<&Tls>, alpn: &[&[u8]]) -> Result<ClientConfig, FetchError> {
        let tls = tls.cloned().unwrap_or_default();
        let mut config = match tls.root_ca {
            _ if tls.insecure_skip_verify => self.none()?,
            Some(file) => self.trusting(Arc::new(authorities(&file).await?))?,
            None => self.trusting(self.machine.get_or_init(machine).await.clone())?,
        };
        if tls.insecure_skip_verify {
            config.dangerous().set_certificate_verifier(Arc::new(Unverified(self.provider.clone())));
        }
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    fn trusting(&self, roots: Arc<RootCertStore>) -> Result<ClientConfig, FetchError> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|cause| FetchError::Refused(format!("TLS: {cause}")))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

/// The machine's own authorities; those that cannot be read are left out, so that the others still count.
async fn machine() -> Arc<RootCertStore> {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.map(|found| found.certs).unwrap_or_default());
    Arc::new(roots)
}

/// The authorities in a PEM file.
async fn authorities(file: &str) -> Result<RootCertStore, FetchError> {
    let unreadable = |cause: String| FetchError::Refused(format!("the authorities in {file} cannot be read: {cause}"));
    let pem = tokio::fs::read(file).await.map_err(|e| unreadable(e.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| unreadable(e.to_string()))?;
        roots.add(certificate).map_err(|e| unreadable(e.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(unreadable("there is no certificate in it".into())),
        false => Ok(roots),
    }
}

/// Takes any certificate, where an upstream's settings say so. Signatures are still checked.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
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
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
