//! What the spec of an `Upstream` may hold. The comments are what `kubectl explain` shows.

#![allow(dead_code, reason = "what has no effect yet is here for the schema alone")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::services::ServiceSpec;
use super::tls::SslConfig;
use crate::resources::shape::{Later, LaterMap, Port, Reference};

/// The kinds of upstreams: each resource is of one.
pub(super) const KINDS: [&str; 9] = ["static", "kube", "consul", "aws", "awsEc2", "azure", "gcp", "ai", "pipe"];

/// Something that runs and can be called: where it is, and how it is spoken to.
#[derive(Clone, Default, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = KINDS))]
pub(crate) struct Spec {
    /// Hosts that are written down here.
    #[serde(rename = "static")]
    pub(super) fixed: Option<Static>,
    /// A port of a Service of the cluster.
    pub(super) kube: Option<Kube>,
    /// A service of Consul's catalog.
    pub(super) consul: Option<Consul>,
    /// The Lambda functions of an account in a region.
    pub(super) aws: Option<Aws>,
    /// Instances of EC2.
    pub(super) aws_ec2: Option<AwsEc2>,
    /// An app of Azure Functions.
    pub(super) azure: Option<LaterMap>,
    /// A service of Google Cloud.
    pub(super) gcp: Option<LaterMap>,
    /// A provider of language models.
    pub(super) ai: Option<LaterMap>,
    /// A Unix domain socket.
    pub(super) pipe: Option<LaterMap>,

    /// How TLS is spoken to it. Without this a static upstream speaks TLS where its port is 443.
    pub(super) ssl_config: Option<SslConfig>,
    /// What discovery knows of it.
    pub(super) discovery_metadata: Option<DiscoveryMetadata>,
    /// How its operations are called.
    pub(super) rest: Option<Rest>,

    /// Limits of connections and requests.
    pub(super) circuit_breakers: Option<Later>,
    /// How an endpoint is chosen.
    pub(super) load_balancer_config: Option<Later>,
    /// Active health checks.
    pub(super) health_checks: Option<Later>,
    /// When an endpoint is ejected for its answers.
    pub(super) outlier_detection: Option<Later>,
    /// Where requests go when no endpoint is healthy.
    pub(super) failover: Option<Later>,
    /// How connections are made and kept.
    pub(super) connection_config: Option<Later>,
    /// Whether the protocol is that of the caller.
    pub(super) protocol_selection: Option<Later>,
    /// Whether HTTP/2 is spoken.
    pub(super) use_http2: Option<Later>,
    /// HTTP/2's window of a stream.
    pub(super) initial_stream_window_size: Option<Later>,
    /// HTTP/2's window of a connection.
    pub(super) initial_connection_window_size: Option<Later>,
    /// HTTP/2's most streams of a connection.
    pub(super) max_concurrent_streams: Option<Later>,
    /// Whether a malformed message ends its stream alone.
    pub(super) override_stream_error_on_invalid_http_message: Option<Later>,
    /// The host that a CONNECT proxy is asked for.
    pub(super) http_proxy_hostname: Option<Later>,
    /// TLS to a CONNECT proxy.
    pub(super) http_connect_ssl_config: Option<Later>,
    /// Headers for a CONNECT proxy.
    pub(super) http_connect_headers: Option<Later>,
    /// Whether an endpoint that is removed goes whatever its health.
    pub(super) ignore_health_on_host_removal: Option<Later>,
    /// Whether names are resolved again as their records say.
    pub(super) respect_dns_ttl: Option<Later>,
    /// How often names are resolved again.
    pub(super) dns_refresh_rate: Option<Later>,
    /// The version of the PROXY protocol.
    pub(super) proxy_protocol_version: Option<Later>,
    /// Connections that are opened ahead.
    pub(super) preconnect_policy: Option<Later>,
    /// How endpoints are divided by their labels.
    pub(super) subset_spec: Option<Later>,
    /// Whether Istio's mTLS is left out.
    pub(super) disable_istio_auto_mtls: Option<Later>,
}

/// Hosts that are written down.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Static {
    /// Each with a port.
    #[schemars(length(min = 1))]
    pub(super) hosts: Vec<Host>,
    /// Whether TLS is spoken. Without this it is where there is an `sslConfig`, or a port is 443.
    pub(super) use_tls: Option<bool>,
    /// What runs there.
    pub(super) service_spec: Option<ServiceSpec>,
    /// Whether the name asked for in TLS is the host's.
    auto_sni_rewrite: Option<Later>,
}

/// A host and a port.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "host")]
pub(super) struct Host {
    /// Its name, or its address.
    #[schemars(title = "a host name or an address, without scheme and port")]
    #[schemars(length(min = 1), regex(pattern = r"^([^/ :@]+|[0-9a-fA-F.:]*:[0-9a-fA-F.:]*)$"))]
    pub(super) addr: String,
    /// Its port.
    pub(super) port: Port,
    /// Its share of the requests; 1 without this.
    #[schemars(title = "a whole number from 1", range(min = 1, max = 4_294_967_295_u32))]
    pub(super) load_balancing_weight: Option<u32>,
    /// The name that it is asked for in TLS.
    #[schemars(length(min = 1))]
    pub(super) sni_addr: Option<String>,
    /// How its health is asked for.
    health_check_config: Option<Later>,
    /// What is known of it.
    metadata: Option<Later>,
}

/// A port of a Service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kube {
    /// The Service's name.
    #[schemars(length(min = 1))]
    pub(super) service_name: String,
    /// Its namespace.
    #[schemars(length(min = 1))]
    pub(super) service_namespace: String,
    /// Its port, as the Service has it.
    pub(super) service_port: Port,
    /// What runs there.
    pub(super) service_spec: Option<ServiceSpec>,
    /// Labels of the pods that are meant.
    selector: Option<Later>,
    /// How endpoints are divided by their labels.
    subset_spec: Option<Later>,
}

/// A service of Consul's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Consul {
    /// Its name there.
    #[schemars(length(min = 1))]
    pub(super) service_name: String,
    /// Tags that an instance must have to be called, all of them.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub(super) instance_tags: Vec<String>,
    /// Tags of which an instance must have none.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub(super) instance_blacklist_tags: Vec<String>,
    /// What runs there.
    pub(super) service_spec: Option<ServiceSpec>,
    /// Tags by which routes choose among the instances.
    subset_tags: Option<Later>,
    /// Data centres to look in.
    data_centers: Option<Later>,
    /// Whether it is called through Consul Connect.
    connect_enabled: Option<Later>,
    /// How fresh Consul's answers must be.
    consistency_mode: Option<Later>,
    /// More of how Consul is asked.
    query_options: Option<Later>,
}

/// Lambda functions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Aws {
    /// Their region, `eu-west-1`.
    #[schemars(title = "a region such as eu-west-1", regex(pattern = r"^[a-z0-9-]+$"))]
    pub(super) region: String,
    /// The Secret with the credentials that they are listed and called with.
    pub(super) secret_ref: Option<Reference>,
    /// The role to take on first.
    #[schemars(title = "an ARN that begins with arn:", regex(pattern = "^arn:"))]
    pub(super) role_arn: Option<String>,
    /// The account, where it is another one than the credential's.
    aws_account_id: Option<Later>,
    /// Whether `roleArn` is taken on directly.
    disable_role_chaining: Option<Later>,
    /// Functions with names of their own. All others are discovered.
    #[serde(default)]
    pub(super) lambda_functions: Vec<LambdaFunction>,
    /// What routes to it do unless they say otherwise.
    destination_overrides: Option<Later>,
}

/// A function with a name of its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "function")]
pub(super) struct LambdaFunction {
    /// The name that it is called by; without this the one that it is listed by.
    #[schemars(length(min = 1))]
    pub(super) logical_name: Option<String>,
    /// Its name in AWS.
    #[schemars(length(min = 1))]
    pub(super) lambda_function_name: String,
    /// Its version or alias; `$LATEST` without this.
    pub(super) qualifier: Option<String>,
}

/// Instances of EC2.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AwsEc2 {
    /// Their region, `eu-west-1`.
    #[schemars(title = "a region such as eu-west-1", regex(pattern = r"^[a-z0-9-]+$"))]
    pub(super) region: String,
    /// The Secret with the credentials that they are listed with.
    pub(super) secret_ref: Option<Reference>,
    /// The role to take on first.
    #[schemars(title = "an ARN that begins with arn:", regex(pattern = "^arn:"))]
    pub(super) role_arn: Option<String>,
    /// Tags that an instance must have, all of them; the case of their names does not count.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(super) filters: Vec<TagFilter>,
    /// Whether the public address is called.
    #[serde(default)]
    pub(super) public_ip: bool,
    /// The port; 80 without this.
    pub(super) port: Option<Port>,
}

/// A tag, by its name alone or with its value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "filter", extend("x-one-of" = ["key", "kvPair"]))]
pub(super) struct TagFilter {
    /// Its name.
    #[schemars(length(min = 1))]
    pub(super) key: Option<String>,
    /// Its name and value.
    pub(super) kv_pair: Option<TagValue>,
}

/// A tag with its value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct TagValue {
    /// Its name.
    #[schemars(length(min = 1))]
    pub(super) key: String,
    /// Its value.
    pub(super) value: String,
}

/// What discovery knows.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiscoveryMetadata {
    /// Labels of what was discovered.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
}

/// How operations are called.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rest {
    /// The path that goes before those of the document, in the place of what its `servers` say.
    #[schemars(title = "a path that begins with /", regex(pattern = r"^/[^?#]*$"))]
    pub(super) base_path: Option<String>,
}
