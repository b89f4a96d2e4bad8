//! What TLS towards upstreams takes from Secrets, in memory alone: whoever reads a Secret puts it here under a name, and each handshake
//! looks there. A connection is for no new exchange once that was replaced. Keys are in no record, answer, log line or `Debug` text.

use std::fmt;
use std::sync::Arc;

use catalog::model::Digest;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::places::Places;
use crate::tls::PROVIDER;

/// All of them by name.
pub type Certificates = Places<Certificate>;

/// Whom to trust, and what to show.
pub struct Certificate {
    /// Checks the server by authorities of its own, where there are some.
    pub(crate) trusts: Option<Arc<WebPkiServerVerifier>>,
    /// Shown where the server asks for it, where there is one.
    pub(crate) shows: Option<Arc<CertifiedKey>>,
    /// Of what it was read from.
    digest: Digest,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// Why a Secret is no certificate. Repeats nothing of what it holds.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}: {1}")]
pub struct NotACertificate(pub &'static str, pub String);

impl Certificate {
    /// Reads what a Secret of type `kubernetes.io/tls` has, each in PEM: a chain and its key, and authorities. The parts are called as in there.
    pub fn read(chain: Option<&[u8]>, key: Option<&[u8]>, authorities: Option<&[u8]>) -> Result<Self, NotACertificate> {
        let shows = match (chain, key) {
            (Some(chain), Some(key)) => Some(Arc::new(shown(chain, key)?)),
            (Some(_), None) => return Err(NotACertificate("tls.key", "is missing".into())),
            (None, Some(_)) => return Err(NotACertificate("tls.crt", "is missing".into())),
            (None, None) => None,
        };
        let trusts = authorities.map(trusted).transpose()?;
        match shows.is_none() && trusts.is_none() {
            true => Err(NotACertificate("data", "has none of tls.crt, tls.key and ca.crt".into())),
            false => {
                // None of them can be empty: the same as one that is not there.
                let digest = Digest::of([chain, key, authorities].map(Option::unwrap_or_default));
                Ok(Self { trusts, shows, digest })
            }
        }
    }
}

fn shown(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, NotACertificate> {
    let chain = certificates("tls.crt", chain)?;
    // The cause could quote the key.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| NotACertificate("tls.key", "is no key in PEM".into()))?;
    CertifiedKey::from_der(chain, key, &PROVIDER).map_err(|error| NotACertificate("tls.key", error.to_string()))
}

fn trusted(authorities: &[u8]) -> Result<Arc<WebPkiServerVerifier>, NotACertificate> {
    let unusable = |error: String| NotACertificate("ca.crt", error);
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca.crt", authorities)? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), PROVIDER.clone());
    verifier.build().map_err(|error| unusable(error.to_string()))
}

fn certificates(part: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, NotACertificate> {
    let unreadable = |cause: String| NotACertificate(part, cause);
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(read) if read.is_empty() => Err(unreadable("there is no certificate in it".into())),
        Ok(read) => Ok(read),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &[u8] = include_bytes!("../testdata/cert.pem");
    const KEY: &[u8] = include_bytes!("../testdata/key.pem");

    fn check(parts: [Option<&[u8]>; 3], wanted: &str) {
        let [chain, key, authorities] = parts;
        let got = match Certificate::read(chain, key, authorities) {
            Ok(read) => format!("shows {} trusts {}", read.shows.is_some(), read.trusts.is_some()),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, wanted);
    }

    #[test]
    fn a_secret_is_read_or_says_which_part_is_wrong() {
        check([Some(CERTIFICATE), Some(KEY), Some(CERTIFICATE)], "shows true trusts true");
        check([Some(CERTIFICATE), Some(KEY), None], "shows true trusts false");
        check([None, None, Some(CERTIFICATE)], "shows false trusts true");
        check([None, None, None], "data: has none of tls.crt, tls.key and ca.crt");
        check([Some(CERTIFICATE), None, None], "tls.key: is missing");
        check([None, Some(KEY), None], "tls.crt: is missing");
        check([Some(CERTIFICATE), Some(b"hidden"), None], "tls.key: is no key in PEM");
        check([Some(b"hidden"), Some(KEY), None], "tls.crt: there is no certificate in it");
        check([None, None, Some(KEY)], "ca.crt: there is no certificate in it");
    }

    #[test]
    fn the_same_content_is_the_same_certificate() {
        let read = |chain, key, authorities| Certificate::read(chain, key, authorities).unwrap();
        let one = read(Some(CERTIFICATE), Some(KEY), None);
        assert!(one == read(Some(CERTIFICATE), Some(KEY), None));
        assert!(one != read(Some(CERTIFICATE), Some(KEY), Some(CERTIFICATE)));
        assert!(one != read(None, None, Some(CERTIFICATE)));
        assert!(one != read(Some(CERTIFICATE), Some(&[KEY, b"\n"].concat()), None));
    }

    #[test]
    fn keys_are_not_shown() {
        let read = Certificate::read(Some(CERTIFICATE), Some(KEY), None).unwrap();
        assert_eq!(format!("{read:?}"), "Certificate { .. }");
    }
}
