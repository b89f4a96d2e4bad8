//! `NAME=URL` as an upstream.

use std::str::FromStr;

use catalog::model::{Protocol, UpstreamSpec};
use url::{Host, Url};

use crate::sources::hosts::{self, At, Target};

/// One upstream of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upstream {
    /// The name that it asks for.
    pub name: String,
    /// What the URL says of it.
    pub spec: UpstreamSpec,
    host: At,
    port: u16,
}

/// Why a text is no `NAME=URL`. Repeats no part of the URL that may hold a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FlagError {
    /// There is no `=`, or nothing before it.
    #[error("an upstream is given as NAME=URL")]
    Shape,
    /// The scheme is another.
    #[error("the URL of {0} begins with none of http://, https://, grpc:// and grpcs://")]
    Scheme(String),
    /// No URL.
    #[error("the URL of {0} cannot be read: {1}")]
    Url(String, url::ParseError),
    /// It has a user, a password, a query or a fragment.
    #[error("the URL of {0} has {1}, which an upstream cannot have")]
    Excess(String, &'static str),
}

impl FromStr for Upstream {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Self, FlagError> {
        let (name, url) = text.split_once('=').ok_or(FlagError::Shape)?;
        let name = name.trim();
        if name.is_empty() {
            return Err(FlagError::Shape);
        }
        let (protocol, scheme, rest) = scheme(url.trim()).ok_or_else(|| FlagError::Scheme(name.to_owned()))?;
        // Only the web's schemes have hosts that are read as addresses and names.
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|e| FlagError::Url(name.to_owned(), e))?;
        if let Some(excess) = excess(&url) {
            return Err(FlagError::Excess(name.to_owned(), excess));
        }
        let host = match url.host() {
            Some(Host::Domain(host)) => At::Name(host.trim_end_matches('.').into()),
            Some(Host::Ipv4(ip)) => At::Address(ip.into()),
            Some(Host::Ipv6(ip)) => At::Address(ip.into()),
            None => return Err(FlagError::Url(name.to_owned(), url::ParseError::EmptyHost)),
        };
        let spec = UpstreamSpec {
            host: match &host {
                At::Name(name) => Some(name.to_string()),
                At::Address(_) => None,
            },
            base_path: url.path().trim_end_matches('/').to_owned(),
            protocol: Some(protocol),
            ..UpstreamSpec::default()
        };
        let port = url.port_or_known_default().unwrap_or_default();
        Ok(Self { name: name.to_owned(), spec, host, port })
    }
}

/// What is spoken, the web's scheme for it, and what follows `://`.
fn scheme(url: &str) -> Option<(Protocol, &'static str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    Some(match &*scheme.to_ascii_lowercase() {
        "http" => (Protocol::Http, "http", rest),
        "https" => (Protocol::Https, "https", rest),
        "grpc" => (Protocol::Grpc, "http", rest),
        "grpcs" => (Protocol::Grpcs, "https", rest),
        _ => return None,
    })
}

fn excess(url: &Url) -> Option<&'static str> {
    match () {
        () if !url.username().is_empty() || url.password().is_some() => Some("a user or a password"),
        () if url.query().is_some() => Some("a query"),
        () if url.fragment().is_some() => Some("a fragment"),
        () => None,
    }
}

impl From<Upstream> for Target {
    fn from(upstream: Upstream) -> Self {
        let host = hosts::Host { at: upstream.host, port: upstream.port, weight: 1 };
        Self {
            key: upstream.name.as_str().into(),
            name: upstream.name,
            namespace: None,
            spec: upstream.spec,
            hosts: vec![host],
            like: None,
            cloud: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, wanted: &str) {
        let got = match text.parse::<Upstream>() {
            Ok(u) => {
                let at = match u.host {
                    At::Address(ip) => ip.to_string(),
                    At::Name(name) => name.to_string(),
                };
                format!(
                    "{} {:?} {at} {} {:?} {:?}",
                    u.name,
                    u.spec.protocol.unwrap(),
                    u.port,
                    u.spec.base_path,
                    u.spec.host
                )
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(got, wanted, "{text}");
    }

    #[test]
    fn urls_are_upstreams() {
        check("pets=http://127.0.0.1:9000", r#"pets Http 127.0.0.1 9000 "" None"#);
        check("pets=http://Pets.test/api/v1/", r#"pets Http pets.test 80 "/api/v1" Some("pets.test")"#);
        check("pets=HTTPS://pets.test.", r#"pets Https pets.test 443 "" Some("pets.test")"#);
        check("pets=grpc://[::1]:50051", r#"pets Grpc ::1 50051 "" None"#);
        check("pets=grpcs://pets.test", r#"pets Grpcs pets.test 443 "" Some("pets.test")"#);
        check("a=b=http://x", "the URL of a begins with none of http://, https://, grpc:// and grpcs://");
        check(" a = http://x ", r#"a Http x 80 "" Some("x")"#);
    }

    #[test]
    fn what_is_no_upstream_says_why() {
        check("http://127.0.0.1", "an upstream is given as NAME=URL");
        check("=http://127.0.0.1", "an upstream is given as NAME=URL");
        check("a=127.0.0.1:80", "the URL of a begins with none of http://, https://, grpc:// and grpcs://");
        check("a=http://", "the URL of a cannot be read: empty host");
        check("a=http://x:99999", "the URL of a cannot be read: invalid port number");
        check("a=http://u:p@x", "the URL of a has a user or a password, which an upstream cannot have");
        check("a=http://x/?k=v", "the URL of a has a query, which an upstream cannot have");
        check("a=http://x/#f", "the URL of a has a fragment, which an upstream cannot have");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = text.parse::<Upstream>();
        }

        #[test]
        fn the_parts_of_a_url_come_back(
            name in "[a-z][a-z0-9.-]{0,20}",
            scheme in prop::sample::select(vec!["http", "https", "grpc", "grpcs"]),
            ip in any::<std::net::IpAddr>(),
            port in 1u16..,
            path in "(/[a-z0-9]{1,8}){0,3}",
            slash in prop::sample::select(vec!["", "/"]),
        ) {
            let address = std::net::SocketAddr::new(ip, port);
            let upstream: Upstream = format!("{name}={scheme}://{address}{path}{slash}").parse().unwrap();
            prop_assert_eq!(upstream.name, name);
            prop_assert_eq!((upstream.host, upstream.port), (At::Address(ip), port));
            prop_assert_eq!(upstream.spec.base_path, path);
            prop_assert_eq!(format!("{:?}", upstream.spec.protocol.unwrap()).to_lowercase(), scheme);
        }
    }
}
