//! Where a service of AWS is in a region: where AWS has it, or where a setting or a variable says.

use url::Url;

/// A service that is asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Service {
    /// Functions.
    Lambda,
    /// Instances.
    Ec2,
    /// Tags of everything (the Resource Groups Tagging API).
    Tagging,
    /// Keys of roles.
    Sts,
}

impl Service {
    /// What its host name begins with, and what requests to it are signed for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Ec2 => "ec2",
            Self::Tagging => "tagging",
            Self::Sts => "sts",
        }
    }

    /// Its own variable that names another place, as AWS's tools read it.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::Lambda => "AWS_ENDPOINT_URL_LAMBDA",
            Self::Ec2 => "AWS_ENDPOINT_URL_EC2",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
            Self::Tagging => "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API",
        }
    }
}

/// Where requests go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// Whether TLS is spoken there.
    pub tls: bool,
    /// The host, with the port where it is not the scheme's own; an IPv6 address in brackets.
    pub authority: String,
    /// The path that goes before each other one, without a trailing `/`.
    pub path: String,
}

impl Endpoint {
    /// Where AWS has `service` in `region`.
    pub fn of(service: Service, region: &str) -> Self {
        let authority = format!("{}.{region}.{}", service.name(), suffix(region));
        Self { tls: true, authority, path: String::new() }
    }

    /// Where a setting says; `None` where that is no URL of HTTP.
    pub fn at(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = url.host_str()?;
        // The scheme's own port is none to `url`.
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Some(Self { tls, authority, path: url.path().trim_end_matches('/').to_owned() })
    }

    /// `https`, `http`.
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// As one text, without a trailing `/`.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.authority, self.path)
    }

    /// Host and port.
    pub fn host_and_port(&self) -> (&str, u16) {
        let own = if self.tls { 443 } else { 80 };
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(own)),
            _ => (&self.authority, own),
        }
    }
}

/// What host names end in, in the partition of `region`.
fn suffix(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
    ];
    PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("amazonaws.com", |(_, suffix)| suffix)
}
