//! Where a document is: what a probe names, turned into a place on the upstream itself or on an allowed host, or refused.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use catalog::model::UpstreamSpec;
use plugins::FetchError;
use url::{Host, Url};

/// One upstream at one endpoint, as URLs name it.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// The host that it is addressed by, as in a URL.
    host: String,
    /// The name to ask for and to verify in TLS, where there is one.
    server_name: Option<String>,
    base_path: String,
    endpoint: SocketAddr,
}

/// Where to ask next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// What it is called: what redirects and a document's own references are relative to.
    pub(super) url: Url,
    /// Whether it is the upstream itself, asked through its endpoint; else an allowed host.
    pub(super) own: bool,
}

impl Address {
    pub(super) fn new(spec: &UpstreamSpec, endpoint: SocketAddr) -> Self {
        let ip = in_url(endpoint.ip().to_canonical());
        let host = spec.host.as_deref().map_or(ip, |host| match host.parse::<IpAddr>() {
            Ok(ip) => in_url(ip),
            Err(_) => host.to_ascii_lowercase(),
        });
        let server_name = spec.tls.as_ref().and_then(|tls| tls.server_name.clone()).or_else(|| spec.host.clone());
        Self { host, server_name, base_path: spec.base_path.clone(), endpoint }
    }

    /// The place that `location` names, as [`plugins::Get`] says.
    pub(super) fn place(&self, tls: bool, location: &str, allowed: &BTreeSet<String>) -> Result<Place, FetchError> {
        if !location.contains("://") {
            let path = match (location.strip_prefix("//"), location.starts_with('/')) {
                (Some(path), _) => format!("/{path}"),
                (None, true) => format!("{}{location}", self.base_path),
                (None, false) => format!("{}/{location}", self.base_path),
            };
            let path = path.split('#').next().unwrap_or_default();
            let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
            return Ok(Place { url: self.at(tls, path, query)?, own: true });
        }
        let url = Url::parse(location).map_err(|e| FetchError::Refused(format!("{location:?} is not a URL: {e}")))?;
        self.absolute(tls, url, allowed)?
            .ok_or_else(|| FetchError::Refused("the document is on another host, which is not allowed".into()))
    }

    /// The place that an answer from `from` with `Location: location` leads to.
    pub(super) fn redirected(
        &self,
        tls: bool,
        from: &Place,
        location: &str,
        allowed: &BTreeSet<String>,
    ) -> Result<Place, FetchError> {
        let url = from.url.join(location).map_err(|e| FetchError::Protocol(format!("Location is not a URL: {e}")))?;
        let same = from.url.host() == url.host() && from.url.port_or_known_default() == url.port_or_known_default();
        if same && !from.own {
            return Ok(Place { url, own: false });
        }
        let name = format!("{}://{}", url.scheme(), authority(&url));
        self.absolute(tls, url, allowed)?.ok_or(FetchError::ForeignRedirect(name))
    }

    /// The URL to send for an own place: its host is the endpoint's address, or the name that TLS verifies, which the caller pins.
    pub(super) fn wire(&self, tls: bool, place: &Place) -> Result<Url, FetchError> {
        let mut url = place.url.clone();
        let host = match self.server_name() {
            Some(name) if tls => name.to_owned(),
            _ => in_url(self.endpoint.ip()),
        };
        let set = url.set_host(Some(&host)).is_ok() && url.set_port(Some(self.endpoint.port())).is_ok();
        match set {
            true => Ok(url),
            false => Err(FetchError::Refused(format!("{host:?} cannot be a host"))),
        }
    }

    /// The DNS name that TLS asks for and verifies; without one the endpoint's address.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref().filter(|name| name.parse::<IpAddr>().is_err())
    }

    /// Where a path is.
    pub(super) fn at(&self, tls: bool, path: &str, query: Option<&str>) -> Result<Url, FetchError> {
        let scheme = if tls { "https" } else { "http" };
        let root = format!("{scheme}://{}:{}/", self.host, self.endpoint.port());
        let mut url = Url::parse(&root).map_err(|e| FetchError::Refused(format!("{root:?} is not a URL: {e}")))?;
        url.set_path(path);
        url.set_query(query);
        Ok(url)
    }

    /// The place of an absolute URL; `None` when it is neither ours nor allowed.
    fn absolute(&self, tls: bool, url: Url, allowed: &BTreeSet<String>) -> Result<Option<Place>, FetchError> {
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Refused("only http and https URLs without credentials are followed".into()));
        }
        if self.is_own(&url) {
            let url = self.at(tls, url.path(), url.query())?;
            return Ok(Some(Place { url, own: true }));
        }
        let host = url.host_str().unwrap_or_default();
        let is_allowed = allowed.contains(host) || allowed.contains(&authority(&url));
        Ok(is_allowed.then_some(Place { url, own: false }))
    }

    fn is_own(&self, url: &Url) -> bool {
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip).to_canonical()),
            _ => None,
        };
        let host = url.host_str() == Some(&self.host) || ip == Some(self.endpoint.ip().to_canonical());
        host && url.port_or_known_default() == Some(self.endpoint.port())
    }
}

/// Host and port as `Host` has them: without the scheme's own port.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: Option<&str>, base_path: &str, endpoint: &str) -> Address {
        let spec =
            UpstreamSpec { host: host.map(str::to_owned), base_path: base_path.into(), ..UpstreamSpec::default() };
        Address::new(&spec, endpoint.parse().unwrap())
    }

    fn check(address: &Address, location: &str, wanted: &str) {
        let allowed = BTreeSet::from(["docs.test".to_owned(), "other.test:8443".to_owned()]);
        let got = match address.place(false, location, &allowed) {
            Ok(place) => format!("{}{}", if place.own { "" } else { "elsewhere " }, place.url),
            Err(error) => format!("{error}"),
        };
        assert!(got.starts_with(wanted), "{location}: {got}, not {wanted}");
    }

    #[test]
    fn locations_are_places_on_the_upstream() {
        let plain = address(None, "", "10.0.0.1:8080");
        check(&plain, "/openapi.json", "http://10.0.0.1:8080/openapi.json");
        check(&plain, "openapi.json?a=1#frag", "http://10.0.0.1:8080/openapi.json?a=1");
        check(&plain, "///evil.test/x", "http://10.0.0.1:8080//evil.test/x");
        check(&plain, "/../../x", "http://10.0.0.1:8080/x");
        check(&plain, "http://10.0.0.1:8080/x", "http://10.0.0.1:8080/x");
        check(&plain, "https://10.0.0.1:8080/x", "http://10.0.0.1:8080/x");
        let based = address(Some("API.test"), "/api", "10.0.0.1:80");
        check(&based, "/openapi.json", "http://api.test/api/openapi.json");
        check(&based, "//openapi.json", "http://api.test/openapi.json");
        check(&based, "http://api.test/v1?x", "http://api.test/v1?x");
        check(&address(None, "", "[::1]:80"), "/a", "http://[::1]/a");
        check(&address(None, "", "[::ffff:10.0.0.1]:80"), "/a", "http://10.0.0.1/a");
    }

    #[test]
    fn other_hosts_are_refused_unless_allowed() {
        let plain = address(Some("api.test"), "", "10.0.0.1:8080");
        check(&plain, "http://docs.test/x", "elsewhere http://docs.test/x");
        check(&plain, "https://other.test:8443/x", "elsewhere https://other.test:8443/x");
        check(&plain, "https://other.test/x", "not asked");
        check(&plain, "http://api.test:9090/x", "not asked");
        check(&plain, "http://10.0.0.2:8080/x", "not asked");
        check(&plain, "file:///etc/passwd", "not asked");
        check(&plain, "http://user:secret@api.test:8080/x", "not asked: only");
    }

    #[test]
    fn redirects_stay_on_their_host() {
        let here = address(Some("api.test"), "/base", "10.0.0.1:8080");
        let allowed = BTreeSet::from(["docs.test".to_owned()]);
        let own = here.place(false, "/a/b", &allowed).unwrap();
        let to = |location| here.redirected(false, &own, location, &allowed).map(|place| place.url.to_string());
        assert_eq!(to("c").unwrap(), "http://api.test:8080/base/a/c");
        assert_eq!(to("/c").unwrap(), "http://api.test:8080/c");
        assert_eq!(to("http://API.test:8080/c").unwrap(), "http://api.test:8080/c");
        assert_eq!(to("http://docs.test/c").unwrap(), "http://docs.test/c");
        for foreign in ["http://evil.test/", "//evil.test/", "https://api.test/", "http://api.test/"] {
            assert!(matches!(to(foreign), Err(FetchError::ForeignRedirect(_))), "{foreign}");
        }
    }

    #[test]
    fn only_the_address_goes_on_the_wire_unless_tls_verifies_a_name() {
        let here = address(Some("api.test"), "", "10.0.0.1:8443");
        let place = here.place(true, "/a?b", &BTreeSet::new()).unwrap();
        assert_eq!(place.url.as_str(), "https://api.test:8443/a?b");
        assert_eq!(here.wire(false, &place).unwrap().host_str(), Some("10.0.0.1"));
        assert_eq!(here.wire(true, &place).unwrap().as_str(), "https://api.test:8443/a?b");
        let numbered = address(Some("10.9.9.9"), "", "10.0.0.1:8443");
        let place = numbered.place(true, "/a", &BTreeSet::new()).unwrap();
        assert_eq!(numbered.wire(true, &place).unwrap().as_str(), "https://10.0.0.1:8443/a");
    }
}
