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

/// Which of a service's endpoints in a region is taken.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Variant {
    /// One whose cryptography is validated by FIPS 140.
    pub(super) fips: bool,
    /// One that has addresses of IPv4 and IPv6.
    pub(super) dual_stack: bool,
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
    pub(super) fn of(service: Service, region: &str, variant: Variant) -> Self {
        // What these two have in the government's regions is validated under its usual name.
        let is_validated = region.starts_with("us-gov-") && matches!(service, Service::Ec2 | Service::Sts);
        let fips = if variant.fips && !is_validated { "-fips" } else { "" };
        let (usual, dual_stack) = suffixes(region);
        let suffix = if variant.dual_stack { dual_stack } else { usual };
        let authority = format!("{}{fips}.{region}.{suffix}", service.name());
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

/// What host names end in, usually and with both families of addresses, in the partition of `region`.
fn suffixes(region: &str) -> (&'static str, &'static str) {
    const PARTITIONS: [(&str, &str, &str); 6] = [
        ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
        ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
        ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
        ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ];
    let found = PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix));
    found.map_or(("amazonaws.com", "api.aws"), |(_, usual, dual_stack)| (usual, dual_stack))
}
