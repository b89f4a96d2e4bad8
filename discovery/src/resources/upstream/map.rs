//! What an `Upstream` says, as an upstream of the catalog.

use catalog::model::{Home, Protocol, Tls, UpstreamSpec};

use super::services::ServiceSpec;
use super::types::{AwsEc2, Consul, Kube, LambdaFunction, Spec, Static, TagFilter};
use super::{Metadata, Surroundings};
use crate::aws::Who;
use crate::eligibility::LABEL;
use crate::resources::fields::{Field, Remarks};
use crate::resources::shape::Reference;
use crate::sources::aws::Given;
use crate::sources::clouds::{Cloud, What};
use crate::sources::ec2::{Address, Chosen, Filter};
use crate::sources::hints;
use crate::sources::hosts::{At, Host, Like, Target};
use crate::sources::kubernetes::NOWHERE;

/// What our own annotations begin with.
const ANNOTATION: &str = "portolan.dev/";
/// The port whose hosts speak TLS unless `useTls` says something else.
const TLS_PORT: u16 = 443;
/// The port of instances where none is given.
const HTTP_PORT: u16 = 80;

/// The upstream that `spec`, read from `field`, describes.
pub(super) fn described(
    metadata: Metadata,
    spec: &Spec,
    field: &Field<'_>,
    around: &Surroundings,
    remarks: &mut Remarks,
) -> Target {
    let mut made = UpstreamSpec { labels: metadata.labels, ..UpstreamSpec::default() };
    made.labels.extend(spec.discovery_metadata.iter().flat_map(|known| known.labels.clone()));
    made.rest_base_path = spec.rest.as_ref().and_then(|rest| rest.base_path.as_deref()).map(without_slash);
    made.tls = spec.ssl_config.as_ref().map(|ssl| ssl.tls());
    let namespace = metadata.namespace.as_deref();
    confine(&mut made, around, field, remarks);
    if let Some(secret) = spec.ssl_config.as_ref().and_then(|ssl| ssl.secret_ref.as_ref()) {
        let name = named(secret, namespace, around, field, &["sslConfig", "secretRef"], remarks);
        made.tls.get_or_insert_default().secret = Some(name);
    }
    let (mut hosts, mut like) = (Vec::new(), None);
    match (&spec.fixed, &spec.kube, &spec.consul) {
        (Some(fixed), ..) => hosts = of_hosts(fixed, &mut made, field, remarks),
        (_, Some(kube), _) => like = Some(of_kube(kube, &mut made, around)),
        (.., Some(consul)) => like = Some(of_consul(consul, &mut made)),
        _ => {}
    }
    let mut cloud = None;
    if let Some(aws) = &spec.aws {
        let secret = aws.secret_ref.as_ref();
        let who = who(secret, aws.role_arn.as_ref(), namespace, around, field, "aws", remarks);
        let given = aws.lambda_functions.iter().map(given).collect();
        cloud = Some(Cloud { who, region: aws.region.clone(), what: What::Functions(given) });
    }
    if let Some(ec2) = &spec.aws_ec2 {
        made.protocol = made.tls.as_ref().map(|_| Protocol::Https);
        let secret = ec2.secret_ref.as_ref();
        let who = who(secret, ec2.role_arn.as_ref(), namespace, around, field, "awsEc2", remarks);
        cloud = Some(Cloud { who, region: ec2.region.clone(), what: What::Instances(chosen(ec2)) });
    }
    if let Some(value) = made.labels.get(LABEL) {
        match hints::switch(value) {
            Ok(on) => made.hints.discovery = Some(on),
            Err(message) => remarks.error(metadata.at, format!("label {LABEL}: {message}")),
        }
    }
    for (at, name, value) in metadata.annotations {
        let Some(hint) = name.strip_prefix(ANNOTATION) else { continue };
        if let Err(message) = hints::apply(&mut made, hint, &value) {
            remarks.error(at, format!("metadata.annotations[{name:?}]: {message}"));
        }
    }
    let Metadata { key, name, namespace, .. } = metadata;
    // What it is called by another name, or changes, is where that is.
    if around.cluster.is_some() && like.is_none() {
        made.home = namespace.clone().map(|namespace| Home { namespace, discovery: None });
    }
    Target { key, name, namespace, spec: made, hosts, like, cloud }
}

fn of_hosts(fixed: &Static, made: &mut UpstreamSpec, field: &Field<'_>, remarks: &mut Remarks) -> Vec<Host> {
    says(fixed.service_spec.as_ref(), made);
    let host = |host: &super::types::Host| Host {
        at: At::new(&host.addr),
        port: host.port.0,
        weight: host.load_balancing_weight.unwrap_or(1),
    };
    let hosts: Vec<_> = fixed.hosts.iter().map(host).collect();
    let ssl = made.tls.take();
    let tls = fixed.use_tls.unwrap_or(ssl.is_some() || hosts.iter().any(|host| host.port == TLS_PORT));
    made.host = hosts.iter().find_map(name_of);
    if tls {
        let mut ssl = ssl.unwrap_or_default();
        let mut names =
            fixed.hosts.iter().zip(&hosts).filter_map(|(said, host)| said.sni_addr.clone().or_else(|| name_of(host)));
        let first = names.next();
        if ssl.server_name.is_none() && names.any(|name| Some(&name) != first.as_ref()) {
            let at = field.place(&["static", "hosts"]);
            remarks.warning(at, "spec.static.hosts: have several names; all are asked for the first one in TLS");
        }
        ssl.server_name = ssl.server_name.or(first);
        made.tls = Some(ssl).filter(|ssl| *ssl != Tls::default());
    }
    made.protocol = Some(if tls { Protocol::Https } else { Protocol::Http });
    hosts
}

fn of_kube(kube: &Kube, made: &mut UpstreamSpec, around: &Surroundings) -> Like {
    says(kube.service_spec.as_ref(), made);
    made.protocol = made.tls.as_ref().map(|_| Protocol::Https);
    let Kube { service_name: name, service_namespace: namespace, service_port: port, .. } = kube;
    Like {
        kind: "kubernetes".into(),
        instance: around.cluster.clone(),
        key: format!("{namespace}/{name}:{}", port.0).into(),
        name: format!("{namespace}-{name}-{}", port.0),
        with: Vec::new(),
        without: Vec::new(),
    }
}

fn of_consul(consul: &Consul, made: &mut UpstreamSpec) -> Like {
    says(consul.service_spec.as_ref(), made);
    made.protocol = made.tls.as_ref().map(|_| Protocol::Https);
    Like {
        kind: "consul".into(),
        instance: None,
        key: consul.service_name.as_str().into(),
        name: consul.service_name.clone(),
        with: consul.instance_tags.clone(),
        without: consul.instance_blacklist_tags.clone(),
    }
}

fn given(function: &LambdaFunction) -> Given {
    let LambdaFunction { logical_name, lambda_function_name, qualifier } = function;
    Given::new(logical_name.as_deref(), lambda_function_name, qualifier.as_deref())
}

fn chosen(ec2: &AwsEc2) -> Chosen {
    let filter = |filter: &TagFilter| match (&filter.key, &filter.kv_pair) {
        (Some(key), _) => Some(Filter::new(key, None)),
        (None, Some(pair)) => Some(Filter::new(&pair.key, Some(&pair.value))),
        (None, None) => None,
    };
    Chosen {
        filters: ec2.filters.iter().filter_map(filter).collect(),
        address: if ec2.public_ip { Address::Public } else { Address::Private },
        port: ec2.port.map_or(HTTP_PORT, |port| port.0),
    }
}

/// As whom AWS is asked for the field `kind`: nobody, where that may not be the daemon itself.
fn who(
    secret: Option<&Reference>,
    role: Option<&String>,
    namespace: Option<&str>,
    around: &Surroundings,
    field: &Field<'_>,
    kind: &'static str,
    remarks: &mut Remarks,
) -> Who {
    let place = [kind, "secretRef"];
    let secret = match secret {
        Some(secret) => Some(named(secret, namespace, around, field, &place, remarks)),
        None => {
            let own = namespace.unwrap_or("default");
            let refused = around.scope.as_ref().and_then(|scope| scope.own_aws(own).err());
            refused.map(|reason| {
                remarks.warning(field.place(&[kind]), format!("spec.{}: {reason}", place.join(".")));
                format!("{NOWHERE}/{own}")
            })
        }
    };
    Who { secret, role: role.cloned() }
}

/// The name under which the keyring has what a Secret holds.
fn named(
    secret: &Reference,
    namespace: Option<&str>,
    around: &Surroundings,
    field: &Field<'_>,
    place: &[&str],
    remarks: &mut Remarks,
) -> String {
    if around.secrets.is_none() {
        let path = place.join(".");
        remarks.warning(field.place(place), format!("spec.{path}: Secrets are read for resources of a cluster alone"));
    }
    let own = namespace.unwrap_or("default");
    let namespace = secret.namespace.as_deref().unwrap_or(own);
    let refused = around.scope.as_ref().and_then(|scope| scope.secrets_of(namespace, own).err());
    let place_of = around.secrets.as_deref().filter(|_| refused.is_none()).unwrap_or(NOWHERE);
    if let Some(reason) = refused {
        let path = place.join(".");
        remarks.warning(field.place(place), format!("spec.{path}: the Secret {namespace}/{} {reason}", secret.name));
    }
    format!("{place_of}/{namespace}/{}", secret.name)
}

/// Lets nobody call what would be verified by a file that may not be read.
fn confine(made: &mut UpstreamSpec, around: &Surroundings, field: &Field<'_>, remarks: &mut Remarks) {
    let Some((scope, tls)) = around.scope.as_ref().zip(made.tls.as_mut()) else { return };
    let Some(Err(reason)) = tls.root_ca.as_deref().map(|file| scope.root_ca(file)) else { return };
    let at = field.place(&["sslConfig", "sslFiles", "rootCa"]);
    remarks.warning(at, format!("spec.sslConfig.sslFiles.rootCa: {reason}; nobody calls it"));
    (tls.root_ca, tls.secret) = (None, Some(NOWHERE.to_owned()));
}

fn says(service: Option<&ServiceSpec>, made: &mut UpstreamSpec) {
    made.hints.openapi = service.and_then(ServiceSpec::document).map(str::to_owned);
}

fn without_slash(path: &str) -> String {
    path.trim_end_matches('/').to_owned()
}

fn name_of(host: &Host) -> Option<String> {
    match &host.at {
        At::Name(name) => Some(name.to_string()),
        At::Address(_) => None,
    }
}
