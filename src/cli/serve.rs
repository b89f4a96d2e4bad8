//! `portolan serve`: the daemon's flags. Each goes before its `PORTOLAN_*` variable, that before the file, that before the default.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  portolan serve --upstream pets=http://127.0.0.1:9000
      one upstream; its functions are at http://127.0.0.1:8080/fn/pets/...
  portolan serve --source kubernetes
      every Service of the cluster that kubectl would ask
  portolan serve --source consul=127.0.0.1:8500 --data-dir /var/lib/portolan
      every service of a Consul agent
  portolan serve --upstream greeter=grpc://10.0.0.5:50051 --source none --resources ./upstreams
      a gRPC server and a folder of Upstream resources, and nothing else

What was found and what was not is one table on stderr; `portolan get functions` lists what can be called.";

/// Flags of `serve`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// A configuration file (default: ./portolan.yaml, else /etc/portolan/portolan.yaml, where there is one)
    #[arg(long, value_name = "FILE", env = "PORTOLAN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// A file or folder of resources, watched for changes
    #[arg(long, value_name = "PATH", env = "PORTOLAN_RESOURCES")]
    pub(crate) resources: Option<PathBuf>,
    /// Where the catalog is kept (default: /var/lib/portolan as root, else $XDG_STATE_HOME/portolan)
    #[arg(long, value_name = "DIR", env = "PORTOLAN_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where function URLs are served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "PORTOLAN_GATEWAY")]
    pub(crate) gateway: Option<SocketAddr>,
    /// Where the catalog is served [default: 127.0.0.1:8081]; off loopback it needs --admin-token-file
    #[arg(long, value_name = "ADDR", env = "PORTOLAN_ADMIN")]
    pub(crate) admin: Option<SocketAddr>,
    /// An upstream: http://, https://, grpc:// or grpcs://, with a base path where there is one; repeatable
    #[arg(long = "upstream", value_name = "NAME=URL")]
    pub(crate) upstreams: Vec<String>,
    /// A source to watch: kubernetes[=CONTEXT|URL], consul[=ADDRESS], ec2[=REGION,…], or none; repeatable. Any ends the search for others
    #[arg(long = "source", value_name = "KIND[=ADDRESS]", env = "PORTOLAN_SOURCE", value_delimiter = ',')]
    pub(crate) sources: Vec<String>,
    /// Threads that carry requests (default: one for each core)
    #[arg(long, value_name = "N", env = "PORTOLAN_WORKERS")]
    pub(crate) workers: Option<NonZeroUsize>,
    /// The base of the callUrl of each function (default: http:// and the gateway's address)
    #[arg(long, value_name = "URL", env = "PORTOLAN_PUBLIC_URL")]
    pub(crate) public_url: Option<String>,
    /// How long a start with an empty store may wait for the first full lists, in seconds [default: 10]
    #[arg(long, value_name = "SECONDS", env = "PORTOLAN_WARMUP")]
    pub(crate) warmup: Option<u64>,
    /// How long listeners stay open after SIGTERM, in seconds [default: 0]
    #[arg(long, value_name = "SECONDS", env = "PORTOLAN_DRAIN_DELAY")]
    pub(crate) drain_delay: Option<u64>,
    /// How long requests get to finish after that, in seconds [default: 30]
    #[arg(long, value_name = "SECONDS", env = "PORTOLAN_GRACE")]
    pub(crate) grace: Option<u64>,
    /// A file with the token that may change the catalog
    #[arg(long, value_name = "FILE", env = "PORTOLAN_ADMIN_TOKEN_FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// A file with the token that may read the catalog and the metrics
    #[arg(long, value_name = "FILE", env = "PORTOLAN_ADMIN_READ_TOKEN_FILE")]
    pub(crate) admin_read_token_file: Option<PathBuf>,
    /// The admin address's certificate chain (PEM); with --admin-tls-key
    #[arg(long, value_name = "FILE", env = "PORTOLAN_ADMIN_TLS_CERT", requires = "admin_tls_key")]
    pub(crate) admin_tls_cert: Option<PathBuf>,
    /// The admin address's private key (PEM); with --admin-tls-cert
    #[arg(long, value_name = "FILE", env = "PORTOLAN_ADMIN_TLS_KEY", requires = "admin_tls_cert")]
    pub(crate) admin_tls_key: Option<PathBuf>,
    /// What is logged: a level, or directives such as info,discovery=debug [default: info]
    #[arg(long, value_name = "LEVEL", env = "PORTOLAN_LOG_LEVEL")]
    pub(crate) log_level: Option<String>,
    /// How it is logged [default: text]
    #[arg(long, value_name = "FORMAT", env = "PORTOLAN_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// A line on stdout for each request [default: text]
    #[arg(long, value_name = "FORMAT", env = "PORTOLAN_ACCESS_LOG")]
    pub(crate) access_log: Option<AccessLog>,
}

/// How log lines look.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// How access log lines look.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccessLog {
    /// None
    Off,
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// Runs the daemon until it is told to stop.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args)?;
    crate::logging::start(&config.log_level, config.log_format)?;
    crate::wiring::serve(config)?;
    Ok(ExitCode::SUCCESS)
}
