//! The daemon's configuration: [`raw`] is what a file may say, [`Config`] what is in force. Nothing here opens a port or starts a task.

mod raw;
#[cfg(test)]
mod tests;
mod tokens;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use catalog::model::Validation;
use discovery::aws::Aws;
use discovery::sources::fixed::Upstream;
use discovery::sources::kubernetes;
use plugins::filters::origin::Cors;
use serde::Serialize;
use url::Url;

use raw::Given;
pub(crate) use raw::{Access, RawConfig};
#[cfg(test)]
pub(crate) use tokens::Secret;
pub(crate) use tokens::{AdminTokens, TokenFiles, Tokens};

use crate::cli::ServeArgs;
use crate::cli::serve::{AccessLog, LogFormat};

/// Where a file is looked for when no flag names one.
const FILES: [&str; 2] = ["./portolan.yaml", "/etc/portolan/portolan.yaml"];

/// How long an empty store waits for first lists: a source that answers at all does so sooner, and who starts the daemon waits.
const WARMUP: Duration = Duration::from_secs(10);

/// How long listeners stay open after SIGTERM: not at all, where nobody has to learn first that the daemon goes.
const DRAIN_DELAY: Duration = Duration::ZERO;

/// How long requests get to finish: twice the time that a call may take.
const GRACE: Duration = Duration::from_secs(30);

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
    pub(crate) upstreams: Vec<Given<Upstream>>,
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
    /// Where the tokens are kept.
    #[serde(flatten)]
    pub(crate) token_files: TokenFiles,
    /// What those files held at the start.
    #[serde(skip)]
    pub(crate) tokens: Tokens,
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
    /// What of Kubernetes clusters is watched.
    pub(crate) kubernetes: kubernetes::Scope,
    /// As whom and where AWS is asked.
    pub(crate) aws: Aws,
    /// What is logged.
    pub(crate) log_level: String,
    /// How.
    pub(crate) log_format: LogFormat,
    /// The access log.
    pub(crate) access_log: AccessLog,
}

/// Who may use function URLs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FunctionUrls {
    /// `None`: open on loopback listeners alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access: Option<Access>,
    /// Names by which the listeners may be addressed beside their addresses.
    pub(crate) hostnames: Vec<String>,
    /// Other sites whose pages may call.
    #[serde(skip)]
    pub(crate) cors: Option<Cors>,
}

impl Config {
    /// Reads the file, if there is one, and lays `args` over it.
    pub(crate) fn load(args: &ServeArgs) -> anyhow::Result<Self> {
        match file(args) {
            Some(file) => Self::of(args, &file),
            None => Self::new(args, RawConfig::default()),
        }
    }

    /// What is in force with the configuration in `file`. What is wrong begins with its place, `file:line:column: `.
    pub(crate) fn of(args: &ServeArgs, file: &Path) -> anyhow::Result<Self> {
        Self::new(args, read(file)?).map_err(|error| anyhow!("{}:1:1: {error:#}", file.display()))
    }

    /// What is in force when the file says `raw`. What `serve` could not run with is refused here.
    pub(crate) fn new(args: &ServeArgs, raw: RawConfig) -> anyhow::Result<Self> {
        let gateway = args.gateway.or(raw.gateway).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        let admin = args.admin.or(raw.admin).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)));
        let function_urls = raw.function_urls.unwrap_or_default();
        let token_files = TokenFiles {
            admin_token_file: args.admin_token_file.clone().or(raw.admin_token_file),
            admin_read_token_file: args.admin_read_token_file.clone().or(raw.admin_read_token_file),
            call: function_urls.token_file,
        };
        let tokens = token_files.read()?;
        if !is_loopback(admin.ip()) && tokens.admin.write.is_none() {
            bail!(
                "--admin {admin} is not on loopback and so needs --admin-token-file: whoever reaches it could change the catalog"
            );
        }
        if function_urls.access == Some(Access::Token) && tokens.call.is_none() {
            bail!("functionUrls.access is `token`, which needs functionUrls.tokenFile");
        }
        let cert = args.admin_tls_cert.clone().or(raw.admin_tls_cert);
        let key = args.admin_tls_key.clone().or(raw.admin_tls_key);
        if cert.is_some() != key.is_some() {
            bail!("adminTlsCert and adminTlsKey need each other: with one alone tokens would go in plain text");
        }
        let upstreams = raw.upstreams.into_iter().map(|(name, url)| format!("{name}={url}"));
        let upstreams = upstreams.chain(args.upstreams.iter().cloned()).map(|text| {
            let named = format!("--upstream {}", text.split('=').next().unwrap_or_default());
            Given::parse(text).context(named)
        });
        let seconds =
            |flag: Option<u64>, file: Option<u64>, default| flag.or(file).map_or(default, Duration::from_secs);
        let log_level = args.log_level.clone().or(raw.log_level).unwrap_or_else(|| "info".to_owned());
        crate::logging::filter(&log_level)?;
        Ok(Self {
            gateway,
            admin,
            public_url: args.public_url.clone().or(raw.public_url).map(base).transpose()?,
            data_dir: args.data_dir.clone().or(raw.data_dir).map_or_else(default_data_dir, Ok)?,
            resources: args.resources.clone().or(raw.resources),
            upstreams: upstreams.collect::<Result<_, _>>()?,
            sources: if args.sources.is_empty() { raw.sources } else { args.sources.clone() },
            workers: args.workers.or(raw.workers).map_or_else(std::thread::available_parallelism, Ok)?,
            warmup: seconds(args.warmup, raw.warmup, WARMUP),
            drain_delay: seconds(args.drain_delay, raw.drain_delay, DRAIN_DELAY),
            grace: seconds(args.grace, raw.grace, GRACE),
            token_files,
            tokens,
            admin_tls: cert.zip(key),
            function_urls: FunctionUrls {
                access: function_urls.access,
                hostnames: function_urls.hostnames,
                cors: function_urls.cors,
            },
            validation: raw.validation.unwrap_or_default(),
            discovery_namespace: raw.discovery_namespace.unwrap_or_else(|| "gloo-system".to_owned()),
            discovery: raw.discovery.unwrap_or_default(),
            kubernetes: raw.kubernetes.unwrap_or_default(),
            aws: Aws::new(raw.aws)?,
            log_level,
            log_format: args.log_format.or(raw.log_format).unwrap_or_default(),
            access_log: args.access_log.or(raw.access_log).unwrap_or_default(),
        })
    }

    /// The base of call URLs when the gateway listens at `gateway`.
    pub(crate) fn public_url(&self, gateway: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| reachable(gateway))
    }
}

/// The file that `args` name, else the first that is where files are looked for.
pub(crate) fn file(args: &ServeArgs) -> Option<PathBuf> {
    args.config.clone().or_else(|| FILES.iter().map(PathBuf::from).find(|file| file.exists()))
}

fn read(file: &Path) -> anyhow::Result<RawConfig> {
    let text = std::fs::read_to_string(file).map_err(|error| anyhow!("{}:1:1: {error}", file.display()))?;
    if text.trim().is_empty() {
        return Ok(RawConfig::default());
    }
    serde_saphyr::from_str(&text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default();
        let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
        anyhow!("{}:{line}:{column}: {message}", file.display())
    })
}

/// Whether only this machine reaches it.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// The base of call URLs, as its author gave it, if it is one.
fn base(text: String) -> anyhow::Result<String> {
    let url = Url::parse(&text).with_context(|| format!("--public-url {text}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.query().or(url.fragment()).is_some() {
        bail!("--public-url {text}: it begins with http:// or https:// and has neither `?` nor `#`");
    }
    Ok(text.trim_end_matches('/').to_owned())
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
