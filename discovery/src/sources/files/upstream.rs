//! `Upstream` of `gloo.solo.io/v1`, as far as it has hosts written down: what it says, as an upstream of the catalog.

use std::collections::BTreeMap;

use catalog::model::{Protocol, Tls, UpstreamSpec};

use super::fields::{Field, Fields, Remarks};
use super::node::At;
use crate::sources::hints;
use crate::sources::hosts::{self, Target};

/// Gloo's own switch for function discovery, a label on the resource or in its discovery metadata.
const DISCOVERY_LABEL: &str = "discovery.solo.io/function_discovery";
/// What our own annotations begin with.
const ANNOTATION: &str = "portolan.dev/";
/// The port whose hosts speak TLS unless `useTls` says something else.
const TLS_PORT: u16 = 443;

/// Kinds of upstreams that are known and not read from resources yet.
const OTHER_TYPES: &[&str] = &["kube", "pipe", "aws", "azure", "consul", "awsEc2", "gcp", "ai"];
#[rustfmt::skip]
const SPEC_LATER: &[&str] = &[
    "circuitBreakers", "loadBalancerConfig", "healthChecks", "outlierDetection", "failover", "connectionConfig", "protocolSelection",
    "useHttp2", "initialStreamWindowSize", "initialConnectionWindowSize", "maxConcurrentStreams", "overrideStreamErrorOnInvalidHttpMessage",
    "httpProxyHostname", "httpConnectSslConfig", "httpConnectHeaders", "ignoreHealthOnHostRemoval", "respectDnsTtl", "dnsRefreshRate",
    "proxyProtocolVersion", "preconnectPolicy", "disableIstioAutoMtls", "subsetSpec",
];
#[rustfmt::skip]
const SSL_LATER: &[&str] = &[
    "secretRef", "sds", "verifySubjectAltName", "parameters", "alpnProtocols", "allowRenegotiation", "disableTlsSessionResumption",
];
/// What Kubernetes itself writes into metadata.
#[rustfmt::skip]
const SYSTEM_METADATA: &[&str] = &[
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "ownerReferences", "finalizers",
    "selfLink", "generateName",
];

/// The upstream that a resource describes. `metadata` and `spec` are what is left of the document.
pub(super) fn read(
    mut metadata: Fields<'_>,
    spec: Option<Fields<'_>>,
    at: At,
    remarks: &mut Remarks,
) -> Option<Target> {
    let name = metadata.need("name", remarks).and_then(|name| name.text(remarks));
    let namespace = metadata.take("namespace").and_then(|namespace| namespace.text(remarks));
    let mut labels = texts(metadata.take("labels"), remarks);
    let mut made = UpstreamSpec::default();
    let annotations = metadata.take("annotations").and_then(|field| field.fields(remarks));
    metadata.ignore(SYSTEM_METADATA);
    metadata.done(remarks);
    let mut spec = spec.or_else(|| {
        remarks.error(at, "spec: is missing");
        None
    })?;
    let hosts = of_spec(&mut spec, &mut made, &mut labels, remarks);
    spec.done(remarks);
    if let Some(value) = labels.get(DISCOVERY_LABEL) {
        match hints::switch(value) {
            Ok(on) => made.hints.discovery = Some(on),
            Err(message) => remarks.error(at, format!("label {DISCOVERY_LABEL}: {message}")),
        }
    }
    annotated(annotations, &mut made, remarks);
    made.labels = labels;
    let (name, hosts) = (name?, hosts?);
    let key = format!("{}/{name}", namespace.as_deref().unwrap_or_default());
    Some(Target { key: key.into(), name, namespace, spec: made, hosts })
}

fn of_spec(
    spec: &mut Fields<'_>,
    made: &mut UpstreamSpec,
    labels: &mut BTreeMap<String, String>,
    remarks: &mut Remarks,
) -> Option<Vec<hosts::Host>> {
    labels.extend(of_all_kinds(spec, made, remarks));
    let ssl = spec.take("sslConfig").and_then(|field| of_ssl(field, remarks));
    for other in OTHER_TYPES {
        if let Some(field) = spec.take(other) {
            remarks
                .error(field.node.at, format!("{}: is not read yet; upstreams with spec.static.hosts are", field.path));
            return None;
        }
    }
    let fixed = spec.need("static", remarks)?.fields(remarks)?;
    of_static(fixed, ssl, made, remarks)
}

/// What an upstream of any type may say; returns the labels in its discovery metadata.
pub(super) fn of_all_kinds(
    spec: &mut Fields<'_>,
    made: &mut UpstreamSpec,
    remarks: &mut Remarks,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    spec.later(SPEC_LATER, remarks);
    if let Some(mut discovery) = spec.take("discoveryMetadata").and_then(|field| field.fields(remarks)) {
        labels = texts(discovery.take("labels"), remarks);
        discovery.done(remarks);
    }
    if let Some(mut rest) = spec.take("rest").and_then(|field| field.fields(remarks)) {
        made.rest_base_path = rest.take("basePath").and_then(|field| base_path(field, remarks));
        rest.done(remarks);
    }
    labels
}

pub(super) fn of_ssl(field: Field<'_>, remarks: &mut Remarks) -> Option<Tls> {
    let mut ssl = field.fields(remarks)?;
    let mut tls = Tls { server_name: ssl.take("sni").and_then(|sni| sni.text(remarks)), ..Tls::default() };
    if let Some(mut files) = ssl.take("sslFiles").and_then(|files| files.fields(remarks)) {
        tls.root_ca = files.take("rootCa").and_then(|file| file.text(remarks));
        files.later(&["tlsCert", "tlsKey", "ocspStaple"], remarks);
        files.done(remarks);
    }
    // We never show a certificate, which is what it asks for.
    ssl.ignore(&["oneWayTls"]);
    ssl.later(SSL_LATER, remarks);
    ssl.done(remarks);
    Some(tls)
}

fn of_static(
    mut fixed: Fields<'_>,
    ssl: Option<Tls>,
    made: &mut UpstreamSpec,
    remarks: &mut Remarks,
) -> Option<Vec<hosts::Host>> {
    let use_tls = fixed.take("useTls").and_then(|flag| flag.flag(remarks));
    if let Some(service) = fixed.take("serviceSpec").and_then(|field| field.fields(remarks)) {
        of_service(service, made, remarks);
    }
    let list = fixed.need("hosts", remarks);
    let at = list.as_ref().map_or(fixed.at, |list| list.node.at);
    fixed.later(&["autoSniRewrite"], remarks);
    fixed.done(remarks);
    let read: Vec<_> = list?.items(remarks)?.into_iter().filter_map(|host| of_host(host, remarks)).collect();
    if read.is_empty() && !remarks.refuse() {
        remarks.error(at, "spec.static.hosts: has no host");
    }
    let mut names = read.iter().filter_map(|(host, sni)| sni.clone().or_else(|| name_of(host)));
    let tls = use_tls.unwrap_or(ssl.is_some() || read.iter().any(|(host, _)| host.port == TLS_PORT));
    made.host = read.iter().find_map(|(host, _)| name_of(host));
    if tls {
        let mut ssl = ssl.unwrap_or_default();
        let first = names.next();
        if ssl.server_name.is_none() && names.any(|name| Some(&name) != first.as_ref()) {
            remarks.warning(at, "spec.static.hosts: have several names; all are asked for the first one in TLS");
        }
        ssl.server_name = ssl.server_name.or(first);
        made.tls = Some(ssl).filter(|ssl| *ssl != Tls::default());
    }
    made.protocol = Some(if tls { Protocol::Https } else { Protocol::Http });
    Some(read.into_iter().map(|(host, _)| host).collect())
}

/// One host, with the name that it wants in TLS.
fn of_host(field: Field<'_>, remarks: &mut Remarks) -> Option<(hosts::Host, Option<String>)> {
    let mut host = field.fields(remarks)?;
    let address = host.need("addr", remarks).and_then(|address| {
        let (path, at) = (address.path.clone(), address.node.at);
        let text = address.text(remarks)?;
        if text.contains(['/', ' ', ':', '@']) && text.parse::<std::net::IpAddr>().is_err() {
            remarks.error(at, format!("{path}: must be a host name or an address, without scheme and port"));
            return None;
        }
        Some(text)
    });
    let port = host.need("port", remarks).and_then(|port| port.count(1u16, "a port from 1 to 65535", remarks));
    let weight =
        host.take("loadBalancingWeight").and_then(|weight| weight.count(1u32, "a whole number from 1", remarks));
    let sni = host.take("sniAddr").and_then(|sni| sni.text(remarks));
    host.later(&["healthCheckConfig", "metadata"], remarks);
    host.done(remarks);
    let host = hosts::Host { at: hosts::At::new(&address?), port: port?, weight: weight.unwrap_or(1) };
    Some((host, sni))
}

pub(super) fn of_service(mut service: Fields<'_>, made: &mut UpstreamSpec, remarks: &mut Remarks) {
    if let Some(mut rest) = service.take("rest").and_then(|field| field.fields(remarks)) {
        if let Some(mut document) = rest.take("swaggerInfo").and_then(|field| field.fields(remarks)) {
            made.hints.openapi = document.take("url").and_then(|url| url.text(remarks));
            document.later(&["inline"], remarks);
            document.done(remarks);
        }
        rest.later(&["transformations"], remarks);
        rest.done(remarks);
    }
    service.later(&["grpc", "grpcJsonTranscoder", "graphql"], remarks);
    service.done(remarks);
}

fn base_path(field: Field<'_>, remarks: &mut Remarks) -> Option<String> {
    let (path, at) = (field.path.clone(), field.node.at);
    let text = field.text(remarks)?;
    if !text.starts_with('/') || text.contains(['?', '#']) {
        remarks.error(at, format!("{path}: must be a path that begins with /"));
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn annotated(annotations: Option<Fields<'_>>, made: &mut UpstreamSpec, remarks: &mut Remarks) {
    for (key, field) in annotations.into_iter().flat_map(Fields::rest) {
        let Some(hint) = key.name.strip_prefix(ANNOTATION) else { continue };
        let Some(value) = field.label(remarks) else { continue };
        if let Err(message) = hints::apply(made, hint, &value) {
            remarks.error(key.at, format!("metadata.annotations[{:?}]: {message}", key.name));
        }
    }
}

fn texts(field: Option<Field<'_>>, remarks: &mut Remarks) -> BTreeMap<String, String> {
    let fields = field.and_then(|field| field.fields(remarks));
    let fields: Vec<_> = fields.into_iter().flat_map(Fields::rest).collect();
    fields.into_iter().filter_map(|(key, field)| Some((key.name.clone(), field.label(remarks)?))).collect()
}

fn name_of(host: &hosts::Host) -> Option<String> {
    match &host.at {
        hosts::At::Name(name) => Some(name.to_string()),
        hosts::At::Address(_) => None,
    }
}
