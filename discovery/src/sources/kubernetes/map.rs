//! From the API server's objects to what the catalog needs of them: pure, and the same for the same objects.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use catalog::model::{Endpoint, Health, Home, Protocol, UpstreamSpec};
use catalog::report::Listed;
use k8s_openapi::api::core::v1::{self as core, ServicePort};
use k8s_openapi::api::discovery::v1::{self as discovery, EndpointSlice};

use super::annotations::Annotations;
use super::config_maps::Document;
use super::scope::Scope;
use crate::eligibility;
use crate::sources::hints;

/// Says of which Service a slice is.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A Service, or why it is none that can be called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Service {
    namespace: Arc<str>,
    name: String,
    /// Its spec, but for what its port says.
    spec: UpstreamSpec,
    annotations: Annotations,
    ports: Vec<Port>,
    /// The host outside the cluster that it points to, instead of to slices.
    pub(super) outside: Option<Arc<str>>,
    /// Whether endpoints of IPv6 are the first choice.
    prefers_ipv6: bool,
    /// What was left out, each with the reason, for a person.
    pub(super) left_out: BTreeMap<String, String>,
}

/// A port of a Service, each an upstream of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Port {
    /// By which slices know it; empty for the only one.
    name: String,
    number: u16,
    protocol: Option<Protocol>,
}

/// What an EndpointSlice says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slice {
    /// The key of its Service.
    pub(super) service: Arc<str>,
    ipv6: bool,
    /// Names and numbers of the ports that its addresses have.
    ports: Vec<(String, u16)>,
    /// Its addresses, at port 0.
    endpoints: Vec<Endpoint>,
}

/// The key of an object within its namespace, `namespace/name`.
pub(super) fn key(namespace: Option<&str>, name: Option<&str>) -> Arc<str> {
    format!("{}/{}", namespace.unwrap_or_default(), name.unwrap_or_default()).into()
}

impl Service {
    /// What `service` says of itself.
    pub(super) fn of(service: core::Service, scope: &Scope) -> Self {
        let (metadata, spec) = (service.metadata, service.spec.unwrap_or_default());
        let namespace: Arc<str> = metadata.namespace.unwrap_or_default().into();
        let name = metadata.name.unwrap_or_default();
        let mut left_out = BTreeMap::new();
        let mut made = UpstreamSpec {
            host: Some(format!("{name}.{namespace}.svc")),
            labels: metadata.labels.unwrap_or_default(),
            ..UpstreamSpec::default()
        };
        if let Some(Err(fault)) = made.labels.get(eligibility::LABEL).map(|value| hints::switch(value)) {
            left_out.insert(format!("{namespace}/{name}, label {}", eligibility::LABEL), fault);
        }
        let complain = |annotation: &str, fault| {
            let at = format!("{namespace}/{name}, annotation {annotation}");
            let all = left_out.entry(at).or_default();
            *all = if all.is_empty() { fault } else { format!("{all}; {fault}") };
        };
        let annotations = Annotations::read(&metadata.annotations.unwrap_or_default(), &namespace, &mut made, complain);
        let is_selected = scope.service_selector.selects(&made.labels) || annotations.discover;
        let selector = || format!("kubernetes.serviceSelector, {}, does not select it", scope.service_selector);
        let selected = if is_selected { Ok(()) } else { Err(selector()) };
        let is_outside = spec.type_.as_deref() == Some("ExternalName");
        let host = || scope.outside(spec.external_name.as_deref());
        let (mut outside, mut ports) = (None, Vec::new());
        match selected.and_then(|()| is_outside.then(host).transpose()) {
            Err(reason) => _ = left_out.insert(format!("{namespace}/{name}"), reason),
            Ok(host) => {
                made.host = host.clone().or(made.host);
                outside = host.map(Arc::from);
                for port in spec.ports.unwrap_or_default() {
                    match Port::of(port) {
                        Ok(port) => ports.push(port),
                        Err((port, reason)) => _ = left_out.insert(format!("{namespace}/{name}:{port}"), reason),
                    }
                }
                if ports.is_empty() && outside.is_some() {
                    left_out
                        .insert(format!("{namespace}/{name}"), "is of type ExternalName and has no port".to_owned());
                }
            }
        }
        let prefers_ipv6 = spec.ip_families.unwrap_or_default().first().is_some_and(|family| family == "IPv6");
        Self { namespace, name, spec: made, annotations, ports, outside, prefers_ipv6, left_out }
    }

    /// The document in a ConfigMap that it names.
    pub(super) fn document(&self) -> Option<&Document> {
        self.annotations.document.as_ref()
    }

    /// Its upstreams, with the endpoints that `slices` give them. `discovery` is what its Namespace says of that.
    pub(super) fn listed(&self, slices: &[&Slice], discovery: Option<bool>) -> Vec<Listed> {
        self.upstreams(discovery, |port| self.endpoints(port, slices))
    }

    /// The same where its host outside the cluster is at `addresses`.
    pub(super) fn listed_at(&self, addresses: &[IpAddr], discovery: Option<bool>) -> Vec<Listed> {
        let at = |ip: &IpAddr, port: &Port| Endpoint::at(SocketAddr::new(*ip, port.number));
        self.upstreams(discovery, |port| addresses.iter().map(|ip| at(ip, port)).collect())
    }

    fn upstreams(&self, discovery: Option<bool>, endpoints: impl Fn(&Port) -> Vec<Endpoint>) -> Vec<Listed> {
        let listed = |port: &Port| {
            let mut spec = self.spec.clone();
            self.annotations.lay_over(&mut spec, port.number, port.protocol);
            spec.home = Some(Home { namespace: self.namespace.to_string(), discovery });
            Listed {
                key: format!("{}/{}:{}", self.namespace, self.name, port.number).into(),
                name: format!("{}-{}-{}", self.namespace, self.name, port.number),
                namespace: None,
                spec,
                endpoints: endpoints(port),
            }
        };
        self.ports.iter().map(listed).collect()
    }

    /// Pods of two families have an address of each, and are called at one: of the family that the Service names first, if there is any.
    fn endpoints(&self, port: &Port, slices: &[&Slice]) -> Vec<Endpoint> {
        let of_family = |ipv6: bool| -> Vec<Endpoint> {
            let of = slices.iter().filter(|slice| slice.ipv6 == ipv6);
            of.flat_map(|slice| slice.at(&port.name)).collect()
        };
        let first = of_family(self.prefers_ipv6);
        let mut endpoints = if first.is_empty() { of_family(!self.prefers_ipv6) } else { first };
        // While a pod moves from one slice to another it is in both: the one that may be called counts.
        endpoints.sort_by_key(|endpoint| (endpoint.address, endpoint.health != Health::Healthy));
        endpoints.dedup_by_key(|endpoint| endpoint.address);
        endpoints
    }
}

impl Port {
    fn of(port: ServicePort) -> Result<Self, (String, String)> {
        let name = port.name.unwrap_or_default();
        let number = u16::try_from(port.port).ok().filter(|number| *number > 0);
        let Some(number) = number else {
            return Err((port.port.to_string(), "is not a port".to_owned()));
        };
        match port.protocol.as_deref() {
            None | Some("TCP") => {}
            Some(other) => return Err((format!("{number}/{other}"), format!("{other} is not spoken here"))),
        }
        let protocol = port.app_protocol.as_deref().and_then(of_app_protocol).or_else(|| of_port_name(&name));
        Ok(Self { name, number, protocol })
    }
}

/// What `appProtocol` says: a name of IANA's, or one of Kubernetes' own.
fn of_app_protocol(name: &str) -> Option<Protocol> {
    match name.to_ascii_lowercase().as_str() {
        "http" | "http2" | "h2c" | "grpc-web" | "kubernetes.io/h2c" | "kubernetes.io/ws" => Some(Protocol::Http),
        "https" | "h2" | "kubernetes.io/wss" => Some(Protocol::Https),
        "grpc" => Some(Protocol::Grpc),
        "grpcs" => Some(Protocol::Grpcs),
        _ => None,
    }
}

/// What a port's name says, by the custom `{protocol}` or `{protocol}-{more}`.
fn of_port_name(name: &str) -> Option<Protocol> {
    if name == "grpc-web" || name.starts_with("grpc-web-") {
        return Some(Protocol::Http);
    }
    match name.split('-').next().unwrap_or_default() {
        "https" => Some(Protocol::Https),
        "http" | "http2" | "h2" | "h2c" => Some(Protocol::Http),
        "grpc" => Some(Protocol::Grpc),
        "grpcs" => Some(Protocol::Grpcs),
        _ => None,
    }
}

impl Slice {
    /// What `slice` says; `None` where it belongs to no Service, or has names for addresses.
    pub(super) fn of(slice: EndpointSlice) -> Option<Self> {
        let ipv6 = match slice.address_type.as_str() {
            "IPv4" => false,
            "IPv6" => true,
            _ => return None,
        };
        let service = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
        let service = key(slice.metadata.namespace.as_deref(), Some(service));
        let port = |port: discovery::EndpointPort| {
            let number = u16::try_from(port.port?).ok().filter(|number| *number > 0)?;
            Some((port.name.unwrap_or_default(), number))
        };
        let ports = slice.ports.unwrap_or_default().into_iter().filter_map(port).collect();
        // A Service without pods has a slice with `null` for both.
        let endpoints = slice.endpoints.into_iter().flat_map(endpoints).collect();
        Some(Self { service, ipv6, ports, endpoints })
    }

    /// Its endpoints for the Service's port of this name.
    fn at<'a>(&'a self, port: &'a str) -> impl Iterator<Item = Endpoint> + 'a {
        let numbers = self.ports.iter().filter(move |(name, _)| name == port).map(|(_, number)| *number);
        numbers.flat_map(|number| {
            self.endpoints.iter().map(move |endpoint| {
                let address = SocketAddr::new(endpoint.address.ip(), number);
                Endpoint { address, ..endpoint.clone() }
            })
        })
    }
}

fn endpoints(endpoint: discovery::Endpoint) -> impl Iterator<Item = Endpoint> {
    let conditions = endpoint.conditions.unwrap_or_default();
    // Unknown counts as ready. What terminates is not, unless its Service publishes what is not ready.
    let health = if conditions.ready.unwrap_or(true) { Health::Healthy } else { Health::Unhealthy };
    let pod = endpoint.target_ref.filter(|target| target.kind.as_deref() == Some("Pod")).and_then(|target| target.name);
    let labels = [("pod", pod), ("node", endpoint.node_name), ("zone", endpoint.zone)];
    let labels: BTreeMap<_, _> = labels.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    // Several addresses of one endpoint are the same pod; consumers take the first.
    let address = endpoint.addresses.first().and_then(|address| address.parse::<IpAddr>().ok());
    address.into_iter().map(move |address| Endpoint {
        health: health.clone(),
        labels: labels.clone(),
        ..Endpoint::at(SocketAddr::new(address, 0))
    })
}
