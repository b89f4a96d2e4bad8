//! TLS towards upstreams, and what they are called.

use std::sync::Arc;

use catalog::model::{Protocol, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use super::*;
use crate::testing::{Backend, Given, Speaks, World, run, upstream};

/// For `secure.test` and 127.0.0.1, signed by itself.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/testdata/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/testdata/key.pem");

fn server(alpn: &[&[u8]]) -> Speaks {
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_file(KEY).unwrap();
    let builder = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Speaks::Tls(Arc::new(config))
}

/// What comes of two calls.
async fn check(alpn: &[&[u8]], grpc: bool, host: Option<&str>, tls: Option<Tls>) -> String {
    let backend = Backend::echo(server(alpn)).await;
    let mut given: Given = upstream("pets", backend.address, json!({"grpc": grpc}));
    given.spec.protocol = Some(Protocol::Https);
    given.spec.host = host.map(Into::into);
    given.spec.tls = tls;
    let world = World::start(&[given]).await;
    let replies = [world.get("/fn/pets/f").await, world.get("/fn/pets/f").await];
    if replies[0].status != 200 {
        return replies[0].problem();
    }
    assert_eq!(backend.accepted.get(), 1, "the connection is used again");
    let seen = replies[1].json();
    let target = seen["target"].as_str().unwrap();
    if grpc { target[..target.find("://").unwrap()].to_owned() } else { "http/1.1".to_owned() }
}

#[test]
fn certificates_are_verified_as_configured() {
    run(async {
        let trusted = Tls { root_ca: Some(CERTIFICATE.into()), ..Tls::default() };
        let renamed = |name: &str| Tls { server_name: Some(name.into()), ..trusted.clone() };
        let insecure = Tls { insecure_skip_verify: true, ..Tls::default() };
        let (h1, h2) = (&[&b"http/1.1"[..]][..], &[&b"h2"[..]][..]);
        for (alpn, grpc, host, tls, expected) in [
            (h1, false, Some("secure.test"), Some(&trusted), "http/1.1"),
            (h1, false, Some("secure.test:8443"), Some(&trusted), "http/1.1"),
            (h1, false, None, Some(&trusted), "http/1.1"),
            (h1, false, Some("other.test"), Some(&trusted), "unreachable"),
            (h1, false, Some("other.test"), Some(&renamed("secure.test")), "http/1.1"),
            (h1, false, Some("secure.test"), Some(&renamed("other.test")), "unreachable"),
            (h1, false, Some("secure.test"), None, "unreachable"),
            (h1, false, Some("other.test"), Some(&insecure), "http/1.1"),
            (h2, true, Some("secure.test"), Some(&trusted), "https"),
            (h1, true, Some("secure.test"), Some(&trusted), "unreachable"),
            (h1, false, None, Some(&renamed("not a name")), "unbindable"),
            (h1, false, None, Some(&Tls { root_ca: Some("/nowhere/ca.pem".into()), ..Tls::default() }), "unbindable"),
            (h1, false, None, Some(&Tls { root_ca: Some(KEY.into()), ..Tls::default() }), "unbindable"),
        ] {
            assert_eq!(check(alpn, grpc, host, tls.cloned()).await, expected, "{alpn:?} {grpc} {host:?} {tls:?}");
        }
    });
}

#[test]
fn a_connection_is_not_used_again_when_its_secret_has_changed() {
    run(async {
        for (alpn, grpc) in [(&b"http/1.1"[..], false), (b"h2", true)] {
            let backend = Backend::echo(server(&[alpn])).await;
            let mut given: Given = upstream("pets", backend.address, json!({"grpc": grpc}));
            given.spec.protocol = Some(Protocol::Https);
            given.spec.tls = Some(Tls { secret: Some("kubernetes/shop/pets".into()), ..Tls::default() });
            let world = World::start(&[given]).await;
            let place = world.keyring.certificates().place("kubernetes/shop/pets");
            let call = async |there: Option<&[u8]>| {
                place.put(there.map(|authorities| Certificate::read(None, None, Some(authorities)).unwrap()));
                (world.get("/fn/pets/f").await.status.as_u16(), backend.accepted.get())
            };
            let one = std::fs::read(CERTIFICATE).unwrap();
            let other = [&one[..], b"\n"].concat();
            assert_eq!(call(Some(&one)).await, (200, 1));
            assert_eq!(call(Some(&one)).await, (200, 1), "the same is nothing new");
            assert_eq!(call(Some(&other)).await, (200, 2), "a new one is shown in a new handshake");
            assert_eq!(call(Some(&other)).await, (200, 2));
            assert_eq!(call(None).await, (502, 3), "without one nobody is trusted");
            assert_eq!(call(Some(&one)).await, (200, 4));
        }
    });
}

#[test]
fn the_port_is_named_unless_it_is_the_usual_one() {
    for (host, address, expected) in [
        (None, "127.0.0.1:8080", "127.0.0.1:8080"),
        (None, "127.0.0.1:80", "127.0.0.1:80"),
        (None, "[::1]:8080", "[::1]:8080"),
        (Some("api.example"), "127.0.0.1:8080", "api.example:8080"),
        (Some("api.example"), "127.0.0.1:80", "api.example"),
        (Some("api.example:99"), "127.0.0.1:8080", "api.example:99"),
        (Some("::1"), "[::1]:8080", "[::1]:8080"),
        (Some("[::1]"), "[::1]:80", "[::1]"),
        (Some("[::1]:99"), "[::1]:80", "[::1]:99"),
    ] {
        let address = address.parse().unwrap();
        let to = Destination::new(address, Carrier::Http1, None, host.map(Into::into));
        assert_eq!(to.authority(), expected, "{host:?} at {address}");
    }
}
