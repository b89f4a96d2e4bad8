//! The daemon's configuration: [`raw`] is what a file may say, [`Config`] what is in force. Nothing here opens a port or starts a task.

mod raw;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use catalog::model::Validation;
use plugins::filters::origin::Cors;
use serde::Serialize;

pub(crate) use raw::{Access, RawConfig};

use crate::cli::ServeArgs;
use crate::cli::serve::{AccessLog, LogFormat};

/// Where a file is looked for when no flag names one.
const FILES: [&str; 2] = ["./portolan.yaml", "/etc/portolan/portolan.yaml"];

/// What is in force.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    /// Where function URLs are served.
    pub(crate) gateway: SocketAddr,
    /// Where the catalog is served.
    pub(crate) admin: SocketAddr,
    /// The base of call URLs, without a trailing `/`; without one the gateway's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_url: Option<String>,
    /// Where the catalog is kept.
    pub(crate) data_dir: PathBuf,
    /// A file or folder of resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resources: Option<PathBuf>,
    /// `NAME=URL` of each static upstream.
    pub(crate) upstreams: Vec<String>,
    /// Each `--source`; empty where the environment says what runs.
    pub(crate) sources: Vec<String>,
    /// Threads that carry requests.
    pub(crate) workers: NonZeroUsize,
    /// How long an empty store waits for first lists.
    #[serde(serialize_with = "raw::seconds")]
    pub(crate) warmup: Duration,
    /// How long listeners stay open after SIGTERM.
    #[serde(serialize_with = "raw::seconds")]
    pub(crate) drain_delay: Duration,
    /// How long requests get to finish after that.
    #[serde(serialize_with = "raw::seconds")]
    pub(crate) grace: Duration,
    /// Who may change and who may read through the admin address.
    #[serde(skip)]
    pub(crate) admin_tokens: AdminTokens,
    /// Certificate chain and key of the admin address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin_tls: Option<(PathBuf, PathBuf)>,
    /// Who may use function URLs.
    pub(crate) function_urls: FunctionUrls,
    /// What happens to input that does not fit.
    pub(crate) validation: Validation,
    /// The namespace of all that is discovered.
    pub(crate) discovery_namespace: String,
    /// How upstreams are looked at.
    pub(crate) discovery: raw::Discovery,
    /// What is logged.
    pub(crate) log_level: String,
    /// How.
    pub(crate) log_format: LogFormat,
    /// The access log.
    pub(crate) access_log: AccessLog,
}

/// The admin address's tokens. Neither is ever printed.
#[derive(Clone, Default)]
pub(crate) struct AdminTokens {
    /// May do everything.
    pub(crate) write: Option<String>,
    /// May read.
    pub(crate) read: Option<String>,
}

impl std::fmt::Debug for AdminTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AdminTokens {{ write: {}, read: {} }}", self.write.is_some(), self.read.is_some())
    }
}

/// Who may use function URLs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FunctionUrls {
    /// `None`: open on loopback listeners alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access: Option<Access>,
    /// The call token, with `access: token`.
    #[serde(skip)]
    pub(crate) token: Option<String>,
    /// Names by which the listeners may be addressed beside their addresses.
    pub(crate) hostnames: Vec<String>,
    /// Other sites whose pages may call.
    #[serde(skip)]
    pub(crate) cors: Option<Cors>,
}

impl Config {
    /// Reads the file, if there is one, and lays `args` over it.
    pub(crate) fn load(args: &ServeArgs) -> anyhow::Result<Self> {
        let file = match &args.config {
            Some(file) => Some(file.clone()),
            None => FILES.iter().map(PathBuf::from).find(|f| f.exists()),
        };
        let raw = match &file {
            Some(file) => read(file)?,
            None => RawConfig::default(),
        };
        Self::new(args, raw)
    }

    /// What is in force when the file says `raw`.
    pub(crate) fn new(args: &ServeArgs, raw: RawConfig) -> anyhow::Result<Self> {
        let gateway = args.gateway.or(raw.gateway).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        let admin = args.admin.or(raw.admin).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)));
        let admin_tokens = AdminTokens {
            write: token(args.admin_token_file.as_ref().or(raw.admin_token_file.as_ref()))?,
            read: token(args.admin_read_token_file.as_ref().or(raw.admin_read_token_file.as_ref()))?,
        };
        if !is_loopback(admin.ip()) && admin_tokens.write.is_none() {
            bail!(
                "--admin {admin} is not on loopback and so needs --admin-token-file: whoever reaches it could change the catalog"
            );
        }
        let admin_tls = match (&args.admin_tls_cert, &args.admin_tls_key) {
            (Some(cert), Some(key)) => Some((cert.clone(), key.clone())),
            _ => raw.admin_tls_cert.zip(raw.admin_tls_key),
        };
        let function_urls = raw.function_urls.unwrap_or_default();
        let token = token(function_urls.token_file.as_ref())?;
        if function_urls.access == Some(Access::Token) && token.is_none() {
            bail!("functionUrls.access is `token`, which needs functionUrls.tokenFile");
        }
        let mut upstreams = raw.upstreams.into_iter().map(|(name, url)| format!("{name}={url}")).collect::<Vec<_>>();
        upstreams.extend(args.upstreams.iter().cloned());
        let seconds =
            |flag: Option<u64>, file: Option<u64>, default| Duration::from_secs(flag.or(file).unwrap_or(default));
        let public_url = args.public_url.clone().or(raw.public_url).map(|u| u.trim_end_matches('/').to_owned());
        Ok(Self {
            gateway,
            admin,
            public_url,
            data_dir: args.data_dir.clone().or(raw.data_dir).map_or_else(default_data_dir, Ok)?,
            resources: args.resources.clone().or(raw.resources),
            upstreams,
            sources: if args.sources.is_empty() { raw.sources } else { args.sources.clone() },
            workers: args.workers.or(raw.workers).map_or_else(std::thread::available_parallelism, Ok)?,
            warmup: seconds(args.warmup, raw.warmup, 10),
            drain_delay: seconds(args.drain_delay, raw.drain_delay, 0),
            grace: seconds(args.grace, raw.grace, 30),
            admin_tokens,
            admin_tls,
            function_urls: FunctionUrls {
                access: function_urls.access,
                token,
                hostnames: function_urls.hostnames,
                cors: function_urls.cors,
            },
            validation: raw.validation.unwrap_or_default(),
            discovery_namespace: raw.discovery_namespace.unwrap_or_else(|| "gloo-system".to_owned()),
            discovery: raw.discovery.unwrap_or_default(),
            log_level: args.log_level.clone().or(raw.log_level).unwrap_or_else(|| "info".to_owned()),
            log_format: args.log_format.or(raw.log_format).unwrap_or_default(),
            access_log: args.access_log.or(raw.access_log).unwrap_or_default(),
        })
    }

    /// The base of call URLs when the gateway listens at `gateway`.
    pub(crate) fn public_url(&self, gateway: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| reachable(gateway))
    }
}

/// Reads a configuration file; what is wrong with it comes with its place.
pub(crate) fn read(file: &Path) -> anyhow::Result<RawConfig> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    if text.trim().is_empty() {
        return Ok(RawConfig::default());
    }
    serde_saphyr::from_str(&text).with_context(|| file.display().to_string())
}

/// Whether only this machine reaches it.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn token(file: Option<&PathBuf>) -> anyhow::Result<Option<String>> {
    let Some(file) = file else { return Ok(None) };
    let text = std::fs::read_to_string(file).with_context(|| format!("read the token in {}", file.display()))?;
    let token = text.trim();
    if token.is_empty() {
        bail!("the token file {} is empty", file.display());
    }
    Ok(Some(token.to_owned()))
}

/// A listener that takes every address is reached at loopback from here.
fn reachable(listener: SocketAddr) -> String {
    let ip = match listener.ip() {
        ip if !ip.is_unspecified() => ip,
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    format!("http://{}", SocketAddr::new(ip, listener.port()))
}

fn default_data_dir() -> anyhow::Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    // systemd names the folder that it made for the unit.
    if let Some(folder) = variable("STATE_DIRECTORY") {
        return Ok(folder);
    }
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if root {
        return Ok(PathBuf::from("/var/lib/portolan"));
    }
    let state = variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|h| h.join(".local/state")));
    state.map(|s| s.join("portolan")).context("there is no $HOME to keep the catalog under; --data-dir names a folder")
}
