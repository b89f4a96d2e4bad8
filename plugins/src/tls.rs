//! How TLS is spoken to upstreams: one answer for what looks at them and for what calls them, so that what was found can be called.
//!
//! Preparing it reads files, and the machine's own authorities once: nothing for a request, nor for a thread that carries others.

mod secret;

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Arc, LazyLock};

use catalog::model::Tls;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::certificates::Certificates;

/// Why TLS cannot be prepared.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// The authorities in a file cannot be read.
    #[error("the authorities in {0} cannot be read: {1}")]
    Authorities(String, String),
    /// The TLS library's own.
    #[error(transparent)]
    Library(#[from] rustls::Error),
}

/// How to speak TLS as `tls` says, offering the protocols `alpn`, with what `certificates` has at each handshake. Blocks.
pub fn client(tls: &Tls, alpn: &[&[u8]], certificates: &Certificates) -> Result<ClientConfig, TlsError> {
    let mut config = match (&tls.root_ca, &tls.secret) {
        _ if tls.insecure_skip_verify => nobody()?,
        (_, Some(name)) => secret::config(certificates.place(name), tls.one_way)?,
        (Some(file), None) => trusting(Arc::new(authorities(file)?))?,
        (None, None) => trusting(MACHINE.clone())?,
    };
    if tls.insecure_skip_verify {
        config.dangerous().set_certificate_verifier(Arc::new(Unverified(PROVIDER.clone())));
    }
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// A configuration that trusts nobody, for clients that speak no TLS.
pub fn nobody() -> Result<ClientConfig, TlsError> {
    trusting(Arc::new(RootCertStore::empty()))
}

pub(crate) static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// The machine's own authorities. Those that cannot be read are left out, so that the others still count: a machine without any refuses
/// every server.
static MACHINE: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the machine's authorities cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    Arc::new(roots)
});

/// Checks a server by the machine's own authorities.
fn by_machine() -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(MACHINE.clone(), PROVIDER.clone());
    verifier.build().map_err(|error| TlsError::Authorities("the machine".into(), error.to_string()))
}

fn trusting(roots: Arc<RootCertStore>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone()).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The longest file of authorities, in bytes: several times what a machine trusts.
const MAX_AUTHORITIES: u64 = 4 << 20;

/// The authorities in a PEM file. Whoever may register an upstream may name one, so it is a file, and of bounded length.
fn authorities(file: &str) -> Result<RootCertStore, TlsError> {
    let unreadable = |cause: String| TlsError::Authorities(file.to_owned(), cause);
    let text = read(file).map_err(|error| unreadable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|e| unreadable(e.to_string()))?;
        roots.add(certificate).map_err(|e| unreadable(e.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(unreadable("there is no certificate in it".into())),
        false => Ok(roots),
    }
}

/// What is in a file; a device or a pipe is none.
fn read(file: &str) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = Vec::new();
    File::open(file)?.take(MAX_AUTHORITIES + 1).read_to_end(&mut text)?;
    match text.len() as u64 > MAX_AUTHORITIES {
        true => Err(io::Error::other(format!("it is longer than {} MiB", MAX_AUTHORITIES >> 20))),
        false => Ok(text),
    }
}

/// Takes any certificate, where an upstream's settings say so. Signatures are still checked: the peer holds the key that it shows.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_read_from_files_alone() {
        for (file, fault) in [("/dev/zero", "it is no file"), ("/", "it is no file"), ("/no/such/file", "No such file")]
        {
            let error = authorities(file).unwrap_err().to_string();
            assert!(error.contains(fault), "{file}: {error}");
        }
    }
}
