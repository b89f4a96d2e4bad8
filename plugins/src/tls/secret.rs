//! TLS whose authorities and certificate are those of a Secret at the time of each handshake. While there is none, no server is trusted.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::{PROVIDER, TlsError, by_machine};
use crate::certificates::Certificate;
use crate::places::Place;

/// Speaks TLS with what is at `place`; shows no certificate where it is `one_way`.
pub(super) fn config(place: Arc<Place<Certificate>>, one_way: bool) -> Result<ClientConfig, TlsError> {
    let secret = Arc::new(Secret { place, one_way, machine: by_machine()? });
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone()).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(secret.clone());
    let mut config = builder.with_client_cert_resolver(secret);
    // A resumed session would go on with what was there before.
    config.resumption = Resumption::disabled();
    Ok(config)
}

struct Secret {
    place: Arc<Place<Certificate>>,
    one_way: bool,
    machine: Arc<WebPkiServerVerifier>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Secret {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(certificate) = self.place.now() else {
            return Err(Error::General("the Secret that says whom to trust is not there".into()));
        };
        let verifier = certificate.trusts.as_ref().unwrap_or(&self.machine);
        verifier.verify_server_cert(end, between, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &PROVIDER.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &PROVIDER.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Secret {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.place.now()?.shows.clone().filter(|_| !self.one_way)
    }

    fn has_certs(&self) -> bool {
        !self.one_way
    }
}
