//! Calls over TLS: who is believed.

use std::sync::Arc;

use catalog::model::{Protocol, Tls, UpstreamSpec};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use crate::testing::{Backend, Given, Speaks, World, run, upstream};

const CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/testdata/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/testdata/key.pem");

fn server() -> Arc<ServerConfig> {
    // The first test to ask installs it for the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_file_iter(CERT).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    Arc::new(server.with_single_cert(chain, PrivateKeyDer::from_pem_file(KEY).unwrap()).unwrap())
}

#[test]
fn a_certificate_is_believed_when_its_authority_and_its_name_are() {
    run(async {
        let backend = Backend::echo(Speaks::Tls(server())).await;
        let status = async |tls: Tls| {
            let spec = UpstreamSpec { protocol: Some(Protocol::Https), tls: Some(tls), ..UpstreamSpec::default() };
            let given = Given { spec, ..upstream("pets", backend.address, json!({})) };
            World::start(&[given]).await.get("/fn/pets/f").await.status.as_u16()
        };
        let named = |name: &str| Some(name.to_owned());
        let trusted = Tls { root_ca: Some(CERT.to_owned()), server_name: named("localhost"), ..Tls::default() };
        assert_eq!(status(trusted.clone()).await, 200);
        assert_eq!(status(Tls { server_name: named("elsewhere.test"), ..trusted.clone() }).await, 502);
        assert_eq!(status(Tls { root_ca: None, ..trusted.clone() }).await, 502);
        assert_eq!(status(Tls { root_ca: None, insecure_skip_verify: true, ..trusted }).await, 200);
    });
}
