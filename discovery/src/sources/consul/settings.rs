//! How the agent is reached: read from the same environment variables, by the same rules, as Consul's own tools read them.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// Where Consul's tools look when nothing says anything else.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8500";

/// How to reach an agent. Inert: no file is read before the source runs, so that a token file may be written later and rotated.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) address: Url,
    pub(super) token: Option<Secret>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) login: Option<(String, Option<Secret>)>,
    pub(super) tls: TlsFiles,
}

/// How TLS to the agent is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TlsFiles {
    pub(super) ca: Option<PathBuf>,
    pub(super) ca_folder: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) server_name: Option<String>,
    pub(super) accept_any: bool,
}

/// A text that no `Debug` shows.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why settings are of no use. Repeats no address: one may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// An agent's socket file.
    #[error("the Consul address is a Unix socket, which is not supported: give host:port, http:// or https://")]
    UnixSocket,
    /// Another scheme than `http` or `https`.
    #[error("the Consul address begins with {0:?}, not with http:// or https://")]
    Scheme(String),
    /// A user or a password in the address.
    #[error("the Consul address holds a user name; put user:password in CONSUL_HTTP_AUTH")]
    Login,
    /// No host, an odd port.
    #[error("the Consul address is not host:port: {0}")]
    Address(String),
    /// One half of a client certificate.
    #[error("CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY must be given together")]
    HalfAnIdentity,
}

impl Settings {
    /// The settings that `variable` gives (the process's environment, outside tests); `address` goes before
    /// `CONSUL_HTTP_ADDR`. `CONSUL_NAMESPACE` is not read: only Consul Enterprise has namespaces.
    pub fn from_environment(
        address: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let text = |name| variable(name).filter(|value| !value.is_empty());
        let path = |name| text(name).map(PathBuf::from);
        let flag = |name| text(name).as_deref().and_then(go_bool);
        let address = address.map(str::to_owned).or_else(|| text("CONSUL_HTTP_ADDR"));
        let address =
            parse_address(address.as_deref().unwrap_or(DEFAULT_ADDRESS), flag("CONSUL_HTTP_SSL").unwrap_or(false))?;
        let tls = TlsFiles {
            ca: path("CONSUL_CACERT"),
            ca_folder: path("CONSUL_CAPATH"),
            certificate: path("CONSUL_CLIENT_CERT"),
            key: path("CONSUL_CLIENT_KEY"),
            server_name: text("CONSUL_TLS_SERVER_NAME"),
            accept_any: flag("CONSUL_HTTP_SSL_VERIFY") == Some(false),
        };
        if tls.certificate.is_some() != tls.key.is_some() {
            return Err(SettingsError::HalfAnIdentity);
        }
        let login = text("CONSUL_HTTP_AUTH").map(|login| match login.split_once(':') {
            Some((user, password)) => (user.to_owned(), Some(Secret::new(password))),
            None => (login, None),
        });
        Ok(Self {
            address,
            token: text("CONSUL_HTTP_TOKEN").map(Secret::new),
            token_file: path("CONSUL_HTTP_TOKEN_FILE"),
            login,
            tls,
        })
    }

    /// The agent's address.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// The same in the fewest words, equal for all ways of writing it: `10.0.0.1:8500`, `https://consul.test:443/path`.
    pub fn place(&self) -> String {
        let scheme = if self.address.scheme() == "https" { "https://" } else { "" };
        let host = match self.address.host_str().unwrap_or_default() {
            "localhost" => "127.0.0.1",
            host => host,
        };
        let port = self.address.port_or_known_default().unwrap_or_default();
        format!("{scheme}{host}:{port}{}", self.address.path().trim_end_matches('/'))
    }
}

fn parse_address(text: &str, ssl: bool) -> Result<Url, SettingsError> {
    let (scheme, rest) = match text.split_once("://") {
        Some(("http" | "tcp", rest)) => (if ssl { "https" } else { "http" }, rest),
        Some(("https", rest)) => ("https", rest),
        Some(("unix", _)) => return Err(SettingsError::UnixSocket),
        Some((scheme, _)) => return Err(SettingsError::Scheme(scheme.to_owned())),
        None => (if ssl { "https" } else { "http" }, text),
    };
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|e| SettingsError::Address(e.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SettingsError::Login);
    }
    Ok(url)
}

/// A truth value as Go's `strconv.ParseBool` reads it; Consul's tools pass over anything else.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}
