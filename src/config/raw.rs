//! What a configuration file may say. Unknown fields are refused with their place.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use catalog::model::Validation;
use discovery::aws::RawAws;
use discovery::eligibility::{Mode, Off};
use discovery::policy::Network;
use discovery::sources::kubernetes;
use plugins::filters::origin::Cors;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cli::serve::{AccessLog, LogFormat};

/// The file, all of it optional. Durations are in seconds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RawConfig {
    pub(crate) gateway: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) public_url: Option<String>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) resources: Option<PathBuf>,
    pub(crate) upstreams: BTreeMap<String, String>,
    pub(crate) sources: Vec<String>,
    pub(crate) workers: Option<NonZeroUsize>,
    pub(crate) warmup: Option<u64>,
    pub(crate) drain_delay: Option<u64>,
    pub(crate) grace: Option<u64>,
    pub(crate) admin_token_file: Option<PathBuf>,
    pub(crate) admin_read_token_file: Option<PathBuf>,
    pub(crate) admin_tls_cert: Option<PathBuf>,
    pub(crate) admin_tls_key: Option<PathBuf>,
    pub(crate) function_urls: Option<RawFunctionUrls>,
    pub(crate) validation: Option<Validation>,
    pub(crate) discovery_namespace: Option<String>,
    pub(crate) discovery: Option<Discovery>,
    pub(crate) kubernetes: Option<kubernetes::Scope>,
    pub(crate) aws: RawAws,
    pub(crate) log_level: Option<String>,
    pub(crate) log_format: Option<LogFormat>,
    pub(crate) access_log: Option<AccessLog>,
}

/// Who may use function URLs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RawFunctionUrls {
    pub(crate) access: Option<Access>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) hostnames: Vec<String>,
    pub(crate) cors: Option<Cors>,
}

/// Who may call off loopback.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    /// Everybody who reaches the listener.
    Open,
    /// Who sends the token in `Portolan-Token`.
    Token,
}

/// How upstreams are looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Discovery {
    /// Paths where documents are looked for; empty means the built-in list.
    pub(crate) document_paths: Vec<String>,
    /// Paths that are tried before that list.
    pub(crate) more_document_paths: Vec<String>,
    /// Hosts beside the upstream itself that may hold its document or be redirected to.
    pub(crate) allowed_hosts: Vec<String>,
    /// Link-local addresses that may be called, or ranges of them: `169.254.10.0/24`.
    pub(crate) allowed_link_local: Vec<Given<Network>>,
    /// What is looked at where nobody says anything.
    pub(crate) mode: Mode,
    /// What is not looked at, unless what is registered there says that it is to be.
    pub(crate) off: Off,
}

/// What a text means, with the text, which is how it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Given<T> {
    text: String,
    pub(crate) value: T,
}

impl<T: FromStr> Given<T> {
    /// Reads `text`.
    pub(super) fn parse(text: String) -> Result<Self, T::Err> {
        Ok(Self { value: text.parse()?, text })
    }
}

impl<T> Serialize for Given<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A duration as whole seconds.
pub(super) fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}
