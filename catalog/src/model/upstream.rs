//! An upstream: something that runs and can be called, as its source describes it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Aws, Digest, Home, Kind, Origin, SoleFunction};

/// An upstream's permanent id, `{name}-{hash8 of its origin}`; accepted wherever its name is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpstreamId(Arc<str>);

impl UpstreamId {
    /// The id of `origin` whose first name was `name`.
    pub fn new(name: &str, origin: &Origin) -> Self {
        Self::with_digits(name, origin, 8)
    }

    /// The same with more `digits` of the hash (at most 32), for where the shorter id is another's.
    pub fn with_digits(name: &str, origin: &Origin, digits: usize) -> Self {
        let hash = Digest::of([origin.to_string().as_bytes()]).short(digits);
        Self(format!("{name}-{hash}").into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for UpstreamId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for UpstreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UpstreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a source or a hint says that an upstream speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP in plain text; gRPC may be spoken on the same port.
    Http,
    /// HTTP over TLS; gRPC may be spoken on the same port.
    Https,
    /// gRPC in plain text only.
    Grpc,
    /// gRPC over TLS only.
    Grpcs,
}

/// How a TLS connection to an upstream is made. Holds no secret: keys are read by reference.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    /// The name to ask for and to verify; without one the upstream's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// A PEM file with the authorities to trust instead of the machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_ca: Option<String>,
    /// The name under which the keyring has authorities to trust instead, and a certificate to show. While it has none, nobody is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Shows no certificate, though the keyring has one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_way: bool,
    /// Takes any certificate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
}

/// What happens to input that does not fit the schema.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validation {
    /// It is refused with 400.
    #[default]
    Enforce,
    /// It passes and is counted.
    Report,
    /// It is not looked at.
    Off,
}

/// What the place of registration says of how to treat an upstream (`portolan-{hint}` tags, annotations).
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hints {
    /// Where its OpenAPI document is: a path, or a URL on the upstream itself or an allowed host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openapi: Option<String>,
    /// Its own word on being looked at by probes, which goes before all but a setting that ends all looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery: Option<bool>,
    /// What happens to input that does not fit the schema; without one the daemon's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// What a source says of an upstream; changes only when the source says something else.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpstreamSpec {
    /// The host that it is addressed by (`Host` header, TLS server name); without one the endpoint's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path under which all of it lies, without a trailing `/`; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base_path: String,
    /// `Upstream.spec.rest.basePath`: goes before what a document's `servers` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_base_path: Option<String>,
    /// What it speaks; `None` is found out by probing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// How TLS is made where it is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// What it is in AWS, where it is there and its functions are called as AWS wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
    /// The one function that it is, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sole_function: Option<SoleFunction>,
    /// The namespace of its source that it is in, where the source has such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// Labels: `k=v` tags, metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How to treat it.
    pub hints: Hints,
    /// The resource whose fields are laid over what the source says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Origin>,
}

impl UpstreamSpec {
    /// What this says, with the fields of `over` in the place of its own where that has some.
    pub fn under(&self, over: &Self) -> Self {
        let hints = Hints {
            openapi: over.hints.openapi.clone().or_else(|| self.hints.openapi.clone()),
            discovery: over.hints.discovery.or(self.hints.discovery),
            validation: over.hints.validation.or(self.hints.validation),
        };
        let labels = self.labels.iter().chain(&over.labels).map(|(name, value)| (name.clone(), value.clone()));
        Self {
            host: over.host.clone().or_else(|| self.host.clone()),
            base_path: if over.base_path.is_empty() { &self.base_path } else { &over.base_path }.clone(),
            rest_base_path: over.rest_base_path.clone().or_else(|| self.rest_base_path.clone()),
            protocol: over.protocol.or(self.protocol),
            tls: over.tls.clone().or_else(|| self.tls.clone()),
            aws: over.aws.clone().or_else(|| self.aws.clone()),
            home: over.home.clone().or_else(|| self.home.clone()),
            sole_function: over.sole_function.clone().or_else(|| self.sole_function.clone()),
            labels: labels.collect(),
            hints,
            over: over.over.clone(),
        }
    }
}

/// Since when and why nothing vouches for an entry any more. It is still served. Known of whole sources, so that ten thousand
/// entries become stale in one step: see [`Snapshot::stale`](crate::Snapshot::stale).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stale {
    /// When it became stale.
    pub since: Timestamp,
    /// Why, for a person.
    pub reason: String,
}

/// What one function kind knows of an upstream since its last good probe.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KindState {
    /// Whether this kind is spoken over TLS there.
    pub tls: bool,
    /// The digest of the whole description; equal means that nothing changed.
    pub digest: Digest,
    /// The probe's own note for the next one: where the document was, its ETag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What was wrong with single functions and left them out, each for a person: the first of them, and how many more there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub complaints: Vec<String>,
}

impl KindState {
    /// The digest that no description has. It stands in a state while the catalog keeps functions that the newest description lacks:
    /// the next look must bring the whole description, so there is no hint either.
    pub const UNSETTLED: Digest = Digest::ZERO;
}

/// An upstream in the catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upstream {
    /// Its permanent id.
    pub id: UpstreamId,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name, unique in the namespace: the one it asked for, or its id where another holds that.
    pub name: Arc<str>,
    /// What it is.
    pub origin: Origin,
    /// What its source says of it; the same pointer as long as that does not change.
    pub spec: Arc<UpstreamSpec>,
    /// When it was first listed.
    pub first_seen: Timestamp,
    /// When its source last vouched for it, as of the last change of this record.
    pub last_seen: Timestamp,
    /// The catalog's revision at its last change.
    pub revision: u64,
    /// The kinds of functions found on it.
    pub kinds: BTreeMap<Kind, KindState>,
}
