//! From the API server's objects to what the catalog needs of them: pure, and the same for the same objects.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use catalog::model::{Endpoint, Health, Home, Protocol, SoleFunction, UpstreamSpec};
use catalog::report::Listed;
use k8s_openapi::api::core::v1::{self as core, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{self as discovery, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use url::Url;

use super::annotations::Annotations;
use super::config_maps::Document;
use super::knative;
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
        let mut made = Self::registered(service.metadata, scope);
        let spec = service.spec.unwrap_or_default();
        let families = spec.ip_families.as_deref().unwrap_or_default();
        made.prefers_ipv6 = families.first().is_some_and(|family| family == "IPv6");
        if let Err(reason) = made.take(spec, scope) {
            made.leave_out(reason);
        }
        made
    }

    /// A Service that is one `function` at a URL, and has these labels beside its own; or why it cannot be called.
    pub(super) fn of_function(
        metadata: ObjectMeta,
        function: SoleFunction,
        url: Result<String, String>,
        labels: BTreeMap<String, String>,
        scope: &Scope,
    ) -> Self {
        let mut made = Self::registered(metadata, scope);
        made.spec.labels.extend(labels);
        made.spec.sole_function = Some(function);
        let called = made.is_selected(scope).and(url).and_then(|url| made.at(&url));
        if let Err(reason) = called {
            made.leave_out(reason);
        }
        made
    }

    /// What is said of it without its spec.
    fn registered(metadata: ObjectMeta, scope: &Scope) -> Self {
        let namespace: Arc<str> = metadata.namespace.unwrap_or_default().into();
        let name = metadata.name.unwrap_or_default();
        let mut left_out = BTreeMap::new();
        let mut spec = UpstreamSpec {
            host: Some(format!("{name}.{namespace}.svc")),
            labels: metadata.labels.unwrap_or_default(),
            ..UpstreamSpec::default()
        };
        if let Some(Err(fault)) = spec.labels.get(eligibility::LABEL).map(|value| hints::switch(value)) {
            left_out.insert(format!("{namespace}/{name}, label {}", eligibility::LABEL), fault);
        }
        let complain = |annotation: &str, fault| {
            let at = format!("{namespace}/{name}, annotation {annotation}");
            let all = left_out.entry(at).or_default();
            *all = if all.is_empty() { fault } else { format!("{all}; {fault}") };
        };
        let all = metadata.annotations.unwrap_or_default();
        let annotations = Annotations::read(&all, &namespace, scope, &mut spec, complain);
        let (ports, outside, prefers_ipv6) = (Vec::new(), None, false);
        Self { namespace, name, spec, annotations, ports, outside, prefers_ipv6, left_out }
    }

    fn leave_out(&mut self, reason: String) {
        self.ports.clear();
        // A Service of Knative has one of Kubernetes by its name.
        let of = if self.spec.sole_function.is_some() { "Knative " } else { "" };
        self.left_out.insert(format!("{of}{}/{}", self.namespace, self.name), reason);
    }

    fn is_selected(&self, scope: &Scope) -> Result<(), String> {
        match scope.service_selector.selects(&self.spec.labels) || self.annotations.discover {
            true => Ok(()),
            false => Err(format!("kubernetes.serviceSelector, {}, does not select it", scope.service_selector)),
        }
    }

    /// Takes the ports, and the host outside that it points to.
    fn take(&mut self, spec: ServiceSpec, scope: &Scope) -> Result<(), String> {
        if let Some(owner) = self.spec.labels.get(knative::OWNER) {
            return Err(format!("belongs to the Service {owner} of Knative"));
        }
        self.is_selected(scope)?;
        if spec.type_.as_deref() == Some("ExternalName") {
            let host = scope.outside(spec.external_name.as_deref())?;
            self.outside = Some(host.as_str().into());
            self.spec.host = Some(host);
        }
        for port in spec.ports.unwrap_or_default() {
            match Port::of(port) {
                Ok(port) => self.ports.push(port),
                Err((port, reason)) => {
                    self.left_out.insert(format!("{}/{}:{port}", self.namespace, self.name), reason);
                }
            }
        }
        match self.ports.is_empty() && self.outside.is_some() {
            true => Err("is of type ExternalName and has no port".to_owned()),
            false => Ok(()),
        }
    }

    /// It is all at `url`.
    fn at(&mut self, url: &str) -> Result<(), String> {
        let not_called = || format!("{url} cannot be called");
        let url = Url::parse(url).map_err(|_| not_called())?;
        let protocol = match url.scheme() {
            "http" => Protocol::Http,
            "https" => Protocol::Https,
            _ => return Err(not_called()),
        };
        let (host, number) = url.host_str().zip(url.port_or_known_default()).ok_or_else(not_called)?;
        let host = host.trim_matches(['[', ']']);
        self.outside = Some(host.into());
        self.spec.host = Some(host.to_owned());
        self.spec.base_path = url.path().trim_end_matches('/').to_owned();
        self.ports = vec![Port { name: String::new(), number, protocol: Some(protocol) }];
        Ok(())
    }

    /// The document in a ConfigMap that it names.
    pub(super) fn document(&self) -> Option<&Document> {
        self.annotations.document.as_ref()
    }

    /// The Secrets that its ports take, as `namespace/name`.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.annotations.secrets()
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
            // What is one function has no port to be told by.
            let port_number = self.spec.sole_function.is_none().then_some(port.number);
            let with_port = |by: &str| port_number.map(|number| format!("{by}{number}")).unwrap_or_default();
            Listed {
                key: format!("{}/{}{}", self.namespace, self.name, with_port(":")).into(),
                name: format!("{}-{}{}", self.namespace, self.name, with_port("-")),
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
