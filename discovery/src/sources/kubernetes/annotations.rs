//! What the annotations of a Service say of its upstreams: our own hints, and Gloo's.
//!
//! Of Gloo's, `h2_service`, `sslService.*` and `upstream_config` are read, the last as far as the catalog has what it says. What cannot be
//! read or has no effect is complained about, and costs only itself.

use std::collections::BTreeMap;

use catalog::model::{Protocol, Tls, UpstreamSpec};

use super::config_maps::Document;
use super::scope::{NOWHERE, Scope};
use crate::documents::SCHEME;
use crate::resources::shape::Reference;
use crate::resources::upstream::overlay::{self, Overlay};
use crate::sources::hints;

/// What goes before the name of a hint.
const OURS: &str = "portolan.dev/";
/// What goes before the name of one of Gloo's.
const GLOO: &str = "gloo.solo.io/";

/// What is said of all ports of a Service, and of one alone.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Annotations {
    /// The Service is discovered whatever its labels.
    pub(super) discover: bool,
    /// The document in a ConfigMap that `portolan.dev/openapi` names.
    pub(super) document: Option<Document>,
    /// `h2_service`.
    http2: Option<bool>,
    ssl: Vec<Ssl>,
    /// `sslService.oneWayTls`, of one port or of all: whether no certificate of ours is shown.
    one_way: Option<(Option<u16>, bool)>,
    config: Overlay,
    /// Whether `upstream_config` changes fields of what is known, not the whole of it.
    deep: bool,
}

/// One of `sslService.*`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Ssl {
    /// The port that it is of; else all are meant.
    port: Option<u16>,
    /// A file of authorities, where it is that.
    root_ca: Option<String>,
    /// A Secret of the Service's namespace, `namespace/name`, where it is that.
    secret: Option<String>,
}

impl Annotations {
    /// Reads all, which a Service in `namespace` has; hints go into `spec`. `complain` is told the annotation and what is wrong with it.
    pub(super) fn read(
        annotations: &BTreeMap<String, String>,
        namespace: &str,
        scope: &Scope,
        spec: &mut UpstreamSpec,
        mut complain: impl FnMut(&str, String),
    ) -> Self {
        let mut read = Self::default();
        for (annotation, value) in annotations {
            let value = value.trim();
            let result = match (annotation.strip_prefix(OURS), annotation.strip_prefix(GLOO)) {
                (Some("openapi"), _) if value.starts_with(SCHEME) => read.held(namespace, &value[SCHEME.len()..]),
                (Some(hint), _) => hints::apply(spec, hint, value).map_err(|fault| vec![fault]),
                (_, Some(name)) => read.gloo(name, value, namespace, scope),
                (None, None) => Ok(()),
            };
            result.err().into_iter().flatten().for_each(|fault| complain(annotation, fault));
        }
        read
    }

    fn held(&mut self, namespace: &str, text: &str) -> Result<(), Vec<String>> {
        self.document = Some(Document::named(namespace, text).map_err(|fault| vec![fault])?);
        Ok(())
    }

    fn gloo(&mut self, name: &str, value: &str, namespace: &str, scope: &Scope) -> Result<(), Vec<String>> {
        let flag_of = |value: &str| value.parse().map_err(|_| vec![format!("{value:?} is neither true nor false")]);
        let flag = || flag_of(value);
        match name {
            "discover" => self.discover = flag()?,
            "h2_service" => self.http2 = Some(flag()?),
            "upstream_config.deep_merge" => self.deep = flag()?,
            "upstream_config" => {
                let (mut config, mut remarks) = overlay::read(value);
                if let Some(tls) = config.tls.as_mut() {
                    remarks.extend(confine(&mut tls.root_ca, scope));
                    let secret = config.secret.as_ref().map(|secret| named(secret, namespace, scope)).transpose();
                    // What it may not use it does without, and so speaks to nobody.
                    tls.secret = secret.unwrap_or_else(|reason| {
                        remarks.push(reason);
                        Some(NOWHERE.to_owned())
                    });
                }
                self.config = config;
                return if remarks.is_empty() { Ok(()) } else { Err(remarks) };
            }
            // By itself it asks for no TLS.
            "sslService.oneWayTls" => {
                let (port, value) = by_port(value);
                self.one_way = Some((port, flag_of(value)?));
            }
            "sslService.rootCa" => {
                let (port, file) = by_port(value);
                let mut root_ca = Some(file.to_owned());
                let refused = confine(&mut root_ca, scope);
                self.ssl.push(Ssl { port, root_ca, secret: None });
                return refused.map_or(Ok(()), |reason| Err(vec![reason]));
            }
            "sslService.secret" => {
                let (port, name) = by_port(value);
                self.ssl.push(Ssl { port, root_ca: None, secret: Some(format!("{namespace}/{name}")) });
            }
            "sslService.tlsCert" | "sslService.tlsKey" => {
                self.ssl.push(Ssl { port: by_port(value).0, root_ca: None, secret: None });
                return Err(vec!["TLS is spoken; a certificate to show is read from a Secret alone".into()]);
            }
            _ => {}
        }
        Ok(())
    }

    /// The Secrets that are named, as `namespace/name`.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let of_config = self.config.tls.as_ref().and_then(|tls| tls.secret.as_deref());
        self.ssl.iter().filter_map(|ssl| ssl.secret.as_deref()).chain(of_config)
    }

    /// Lays what is said over `spec`, the upstream of `port`, which speaks `by_port` as far as that itself says.
    pub(super) fn lay_over(&self, spec: &mut UpstreamSpec, port: u16, by_port: Option<Protocol>) {
        let hinted = spec.protocol.is_some();
        spec.protocol = spec.protocol.or_else(|| self.plain(by_port));
        let ssl: Vec<_> = self.ssl.iter().filter(|ssl| ssl.port.is_none_or(|of| of == port)).collect();
        let secret = ssl.iter().find_map(|ssl| ssl.secret.clone());
        let root_ca = ssl.iter().find_map(|ssl| ssl.root_ca.clone()).filter(|_| secret.is_none());
        let is_one_way = |(of, on): (Option<u16>, bool)| on && of.is_none_or(|of| of == port);
        let one_way = secret.is_some() && self.one_way.is_some_and(is_one_way);
        let of_services = Tls { root_ca, secret, one_way, ..Tls::default() };
        let tls = match (&self.config.tls, ssl.is_empty()) {
            (None, true) => None,
            (None, false) => Some(of_services),
            (Some(config), _) if self.deep && config.secret.is_none() && config.root_ca.is_none() => {
                let Tls { root_ca, secret, one_way, .. } = of_services;
                Some(Tls { root_ca, secret, one_way, ..config.clone() })
            }
            (Some(config), _) => Some(config.clone()),
        };
        if tls.is_some() && !hinted {
            spec.protocol = Some(over_tls(spec.protocol));
        }
        spec.tls = tls.filter(|tls| *tls != Tls::default());
        spec.rest_base_path = self.config.rest_base_path.clone();
        spec.hints.openapi = spec.hints.openapi.take().or_else(|| self.config.openapi.clone());
        spec.labels.extend(self.config.labels.clone());
    }

    /// What `h2_service` makes of what the port says: gRPC needs HTTP/2, which any port of HTTP may speak.
    fn plain(&self, by_port: Option<Protocol>) -> Option<Protocol> {
        match (self.http2, by_port) {
            (Some(false), Some(Protocol::Grpc)) | (Some(true), None) => Some(Protocol::Http),
            (Some(false), Some(Protocol::Grpcs)) => Some(Protocol::Https),
            _ => by_port,
        }
    }
}

/// The Secret that a Service of `own` names, as `namespace/name`; or why it may not use that.
fn named(secret: &Reference, own: &str, scope: &Scope) -> Result<String, String> {
    let namespace = secret.namespace.as_deref().unwrap_or(own);
    let named = format!("{namespace}/{}", secret.name);
    match scope.secrets_of(namespace, own) {
        Ok(()) => Ok(named),
        Err(reason) => Err(format!("sslConfig.secretRef: the Secret {named} {reason}")),
    }
}

/// `443:VALUE` means one port.
fn by_port(value: &str) -> (Option<u16>, &str) {
    let one = value.split_once(':').and_then(|(port, rest)| Some((Some(port.parse().ok()?), rest)));
    one.unwrap_or((None, value))
}

/// Takes away a file that may not be read, and says why.
fn confine(file: &mut Option<String>, scope: &Scope) -> Option<String> {
    let reason = scope.root_ca(file.as_deref()?).err()?;
    *file = None;
    Some(format!("{reason}; TLS is spoken, and the machine's own authorities verify it"))
}

fn over_tls(protocol: Option<Protocol>) -> Protocol {
    match protocol {
        Some(Protocol::Grpc | Protocol::Grpcs) => Protocol::Grpcs,
        None | Some(Protocol::Http | Protocol::Https) => Protocol::Https,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the annotations `said` make of port 443, called as `by_port` says, and how often they are complained about.
    fn laid(said: &[(&str, &str)], by_port: Option<Protocol>) -> (UpstreamSpec, Vec<String>) {
        let annotations = said.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (mut spec, mut complaints) = (UpstreamSpec::default(), Vec::new());
        let scope = Scope { root_ca_folder: Some("/ca".into()), ..Scope::default() };
        let read = Annotations::read(&annotations, "shop", &scope, &mut spec, |which, fault| {
            complaints.push(format!("{which}: {fault}"))
        });
        read.lay_over(&mut spec, 443, by_port);
        (spec, complaints)
    }

    fn check(
        said: &[(&str, &str)],
        by_port: Option<Protocol>,
        protocol: Option<Protocol>,
        tls: Option<Tls>,
        wrong: &[&str],
    ) {
        let (spec, complaints) = laid(said, by_port);
        assert_eq!((spec.protocol, spec.tls), (protocol, tls), "{said:?}");
        let all = complaints.len() == wrong.len() && complaints.iter().zip(wrong).all(|(got, part)| got.contains(part));
        assert!(all, "{said:?}: {complaints:?}");
    }

    fn root(file: &str) -> Tls {
        Tls { root_ca: Some(file.to_owned()), ..Tls::default() }
    }

    #[test]
    fn h2_service_goes_before_what_the_port_says() {
        let h2 = "gloo.solo.io/h2_service";
        check(&[(h2, "true")], None, Some(Protocol::Http), None, &[]);
        check(&[(h2, "true")], Some(Protocol::Grpc), Some(Protocol::Grpc), None, &[]);
        check(&[(h2, "false")], Some(Protocol::Grpc), Some(Protocol::Http), None, &[]);
        check(&[(h2, "false")], Some(Protocol::Grpcs), Some(Protocol::Https), None, &[]);
        check(&[(h2, "false")], None, None, None, &[]);
        check(&[(h2, "yes")], None, None, None, &["neither true nor false"]);
        check(&[(h2, "true"), ("portolan.dev/protocol", "grpc")], None, Some(Protocol::Grpc), None, &[]);
    }

    #[test]
    fn ssl_service_is_for_all_ports_or_for_one() {
        let ca = "gloo.solo.io/sslService.rootCa";
        check(&[(ca, "/ca/a.pem")], None, Some(Protocol::Https), Some(root("/ca/a.pem")), &[]);
        check(&[(ca, "443:/ca/a.pem")], Some(Protocol::Grpc), Some(Protocol::Grpcs), Some(root("/ca/a.pem")), &[]);
        check(&[(ca, "8443:/ca/a.pem")], Some(Protocol::Http), Some(Protocol::Http), None, &[]);
        check(&[(ca, "/etc/a.pem")], None, Some(Protocol::Https), None, &["must be in /ca"]);
        let config = ("gloo.solo.io/upstream_config", r#"{"sslConfig": {"sslFiles": {"rootCa": "/ca/../a"}}}"#);
        check(&[config], None, Some(Protocol::Https), None, &["must be in /ca"]);
        let secret = ("gloo.solo.io/sslService.secret", "443:tls");
        let held = |secret: &str| Tls { secret: Some(secret.to_owned()), ..Tls::default() };
        check(&[secret], None, Some(Protocol::Https), Some(held("shop/tls")), &[]);
        check(&[secret, (ca, "/ca/a.pem")], None, Some(Protocol::Https), Some(held("shop/tls")), &[]);
        let one_way = ("gloo.solo.io/sslService.oneWayTls", "true");
        let shown = Tls { one_way: true, ..held("shop/tls") };
        check(&[secret, one_way], None, Some(Protocol::Https), Some(shown.clone()), &[]);
        check(&[secret, (one_way.0, "443:true")], None, Some(Protocol::Https), Some(shown), &[]);
        check(&[secret, (one_way.0, "80:true")], None, Some(Protocol::Https), Some(held("shop/tls")), &[]);
        check(&[secret, (one_way.0, "yes")], None, Some(Protocol::Https), Some(held("shop/tls")), &["neither true"]);
        let config = |namespace: &str| {
            format!(r#"{{"sslConfig": {{"secretRef": {{"name": "mine", "namespace": "{namespace}"}}}}}}"#)
        };
        let config = |namespace, tls, wrong: &[&str]| {
            let config = config(namespace);
            check(&[("gloo.solo.io/upstream_config", &config)], None, Some(Protocol::Https), Some(tls), wrong);
        };
        config("shop", held("shop/mine"), &[]);
        config("sea", held("nowhere"), &["sslConfig.secretRef: the Secret sea/mine is of another namespace"]);
        let both = [("gloo.solo.io/sslService.tlsCert", "/c"), ("gloo.solo.io/sslService.tlsKey", "/k")];
        check(&both, None, Some(Protocol::Https), None, &["from a Secret alone", "from a Secret alone"]);
        check(&[("gloo.solo.io/sslService.oneWayTls", "true")], None, None, None, &[]);
    }

    #[test]
    fn upstream_config_is_read_as_far_as_the_catalog_has_it() {
        let config = "gloo.solo.io/upstream_config";
        let (spec, complaints) = laid(
            &[(
                config,
                r#"{"rest": {"basePath": "/v1/"}, "discoveryMetadata": {"labels": {"a": "b"}}, "useHttp2": true,
                           "serviceSpec": {"rest": {"swaggerInfo": {"url": "/api.json"}}}}"#,
            )],
            None,
        );
        assert_eq!((spec.rest_base_path.as_deref(), spec.hints.openapi.as_deref()), (Some("/v1"), Some("/api.json")));
        assert_eq!(spec.labels["a"], "b");
        assert_eq!(complaints, ["gloo.solo.io/upstream_config: useHttp2: is known and has no effect yet"]);

        let ca = ("gloo.solo.io/sslService.rootCa", "/ca/a.pem");
        let named = Tls { server_name: Some("api".into()), ..Tls::default() };
        let sni = (config, r#"{"sslConfig": {"sni": "api"}}"#);
        check(&[sni, ca], None, Some(Protocol::Https), Some(named.clone()), &[]);
        let deep = ("gloo.solo.io/upstream_config.deep_merge", "true");
        check(
            &[sni, ca, deep],
            None,
            Some(Protocol::Https),
            Some(Tls { server_name: named.server_name, ..root("/ca/a.pem") }),
            &[],
        );

        for (wrong, part) in [
            ("{", "upstream_config: "),
            ("[]", "must be a map"),
            (r#"{"rest": {"basePath": "v1"}}"#, "rest.basePath: must be a path"),
            (r#"{"colour": 1, "sslConfig": {}}"#, "colour: is not a known field"),
            (r#"{"static": {}}"#, "static: is known and has no effect yet"),
        ] {
            check(&[(config, wrong)], None, None, None, &[part]);
        }
    }
}
