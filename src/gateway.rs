//! The gateway's settings: from the configuration to what the router is told.

use plugins::filters::{self, access, origin};
use plugins::registry;

use crate::cli::serve::AccessLog;
use crate::config::{Access, Config};

/// What the router is told at its start.
pub(crate) fn settings(config: &Config) -> anyhow::Result<router::Config> {
    let urls = &config.function_urls;
    let access = match (urls.access, &urls.token) {
        (None, _) => access::Config::Loopback,
        (Some(Access::Token), Some(token)) => access::Config::Token(access::Token::new(token)),
        (Some(_), _) => access::Config::Open,
    };
    let settings =
        filters::Settings { origin: origin::Config { names: urls.hostnames.clone(), cors: urls.cors.clone() }, access };
    Ok(router::Config {
        address: config.gateway,
        workers: config.workers.get(),
        namespace: config.discovery_namespace.as_str().into(),
        filters: registry::filters(&settings),
        kinds: registry::FUNCTION_KINDS,
        validation: config.validation,
        access_log: match config.access_log {
            AccessLog::Off => router::AccessLog::Off,
            AccessLog::Text => router::AccessLog::Text,
            AccessLog::Json => router::AccessLog::Json,
        },
    })
}
