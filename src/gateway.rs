//! The gateway's settings: from the configuration to what the router is told.

use plugins::filters::{self, access, origin};
use plugins::{Keyring, registry};
use url::Url;

use crate::cli::serve::AccessLog;
use crate::config::{Access, Config};

/// What the router is told at its start. `token` is the call token, where there is one.
pub(crate) fn settings(config: &Config, token: Option<access::Token>, keyring: Keyring) -> router::Config {
    let urls = &config.function_urls;
    let access = match (urls.access, token) {
        (None, _) => access::Config::Loopback,
        (Some(Access::Token), Some(token)) => access::Config::Token(token),
        (Some(_), _) => access::Config::Open,
    };
    let settings =
        filters::Settings { origin: origin::Config { names: names(config), cors: urls.cors.clone() }, access };
    router::Config {
        address: config.gateway,
        workers: config.workers.get(),
        namespace: config.discovery_namespace.as_str().into(),
        filters: registry::filters(&settings),
        kinds: registry::FUNCTION_KINDS,
        keyring,
        validation: config.validation,
        access_log: match config.access_log {
            AccessLog::Off => router::AccessLog::Off,
            AccessLog::Text => router::AccessLog::Text,
            AccessLog::Json => router::AccessLog::Json,
        },
    }
}

/// The names by which the gateway is addressed: those that are configured, and that of the URL which it advertises.
fn names(config: &Config) -> Vec<String> {
    let advertised = config.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    let advertised = advertised.as_ref().and_then(Url::domain).map(str::to_owned);
    config.function_urls.hostnames.iter().cloned().chain(advertised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ServeArgs;
    use crate::config::RawConfig;

    #[test]
    fn the_url_that_is_advertised_is_a_name_of_the_gateway() {
        let check = |url: &str, expected: &[&str]| {
            let flags = ServeArgs { public_url: Some(url.into()), data_dir: Some("d".into()), ..ServeArgs::default() };
            let raw: RawConfig = serde_saphyr::from_str("functionUrls: {hostnames: [own.example]}").unwrap();
            assert_eq!(names(&Config::new(&flags, raw).unwrap()), expected, "{url}");
        };
        check("http://GW.example:8080/base/", &["own.example", "gw.example"]);
        check("https://192.0.2.1", &["own.example"]);
    }
}
