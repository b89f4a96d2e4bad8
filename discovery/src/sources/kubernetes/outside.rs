//! Hosts outside the cluster that Services point to, and the addresses that their names lead to.
//!
//! Whoever may write a Service can write an ExternalName, so one is called only where a setting lists its host, and never at an address
//! of this machine, whatever its name leads to: CVE-2021-32783 shows why.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::users::Users;

/// A host by name, or all under a name: `api.example.com`, `*.example.com`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hosts {
    name: String,
    under: bool,
}

/// A text that lists no host.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is neither a host name nor *. and a host name")]
pub struct NotHosts(String);

impl Hosts {
    /// Whether `host`, in lower case, is one of them.
    pub(super) fn have(&self, host: &str) -> bool {
        match host.strip_suffix(&*self.name) {
            Some("") => !self.under,
            Some(rest) => self.under && rest.ends_with('.') && rest.len() > 1,
            None => false,
        }
    }
}

impl TryFrom<String> for Hosts {
    type Error = NotHosts;

    fn try_from(text: String) -> Result<Self, NotHosts> {
        let lower = plain(&text);
        let (name, under) = lower.strip_prefix("*.").map_or((&*lower, false), |name| (name, true));
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        match is_name && name.parse::<IpAddr>().is_err() {
            true => Ok(Self { name: name.to_owned(), under }),
            false => Err(NotHosts(text)),
        }
    }
}

impl From<Hosts> for String {
    fn from(hosts: Hosts) -> Self {
        if hosts.under { format!("*.{}", hosts.name) } else { hosts.name }
    }
}

/// A host's name as it is compared: in lower case, without the dot that ends a whole name.
pub(super) fn plain(host: &str) -> String {
    host.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// Which Services point to which hosts, and where those are.
#[derive(Default)]
pub(super) struct Outside {
    users: Users,
    addresses: BTreeMap<Arc<str>, BTreeSet<IpAddr>>,
}

impl Outside {
    /// `service` points to `now`, and to `before` no more.
    pub(super) fn point(&mut self, service: &Arc<str>, before: Option<&Arc<str>>, now: Option<&Arc<str>>) {
        if let Some(host) = self.users.change(service, before, now) {
            self.addresses.remove(host);
        }
    }

    /// The hosts, if they are others than at the last call.
    pub(super) fn hosts_anew(&mut self) -> Option<impl Iterator<Item = Arc<str>>> {
        self.users.anew()
    }

    /// `host` is at `addresses`. Returns the Services that point to it.
    pub(super) fn resolved(&mut self, host: &Arc<str>, addresses: &BTreeSet<IpAddr>) -> BTreeSet<Arc<str>> {
        let Some(services) = self.users.of(host) else { return BTreeSet::new() };
        self.addresses.insert(host.clone(), addresses.clone());
        services.clone()
    }

    /// Where `host` is and may be called; `None` while that is not known.
    pub(super) fn addresses(&self, host: &str) -> Option<Vec<IpAddr>> {
        Some(self.addresses.get(host)?.iter().copied().filter(|ip| !is_ours(*ip)).collect())
    }

    /// What must not be called, for a person.
    pub(super) fn refused(&self) -> impl Iterator<Item = (String, String)> {
        self.addresses.iter().flat_map(|(host, addresses)| {
            let ours = addresses.iter().filter(|ip| is_ours(**ip));
            ours.map(move |ip| (format!("{host} at {ip}"), "is this machine itself, and not called".to_owned()))
        })
    }
}

fn is_ours(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_listed_by_name_or_under_one() {
        let check = |listed: &str, host: &str, wanted: bool| {
            assert_eq!(Hosts::try_from(listed.to_owned()).unwrap().have(&plain(host)), wanted, "{listed} {host}");
        };
        check("api.example.com", "API.example.com.", true);
        check("api.example.com", "v1.api.example.com", false);
        check("api.example.com", "xapi.example.com", false);
        check("*.example.com", "api.example.com", true);
        check("*.example.com", "a.b.example.com", true);
        check("*.Example.com", "example.com", false);
        check("*.example.com", ".example.com", false);
        check("*.example.com", "badexample.com", false);
        for wrong in ["", "*", "*.", "a b", "http://a", "10.0.0.1", "a:80", "*.*.a"] {
            assert!(Hosts::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn this_machine_is_not_called_whatever_its_name() {
        let (host, service): (Arc<str>, Arc<str>) = ("api.example.com".into(), "shop/api".into());
        let mut outside = Outside::default();
        outside.point(&service, None, Some(&host));
        assert!(outside.hosts_anew().unwrap().eq([host.clone()]));
        assert!(outside.hosts_anew().is_none() && outside.addresses(&host).is_none());
        let addresses = ["192.0.2.1", "127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::1"].map(|ip| ip.parse().unwrap());
        assert_eq!(outside.resolved(&host, &addresses.into()), [service.clone()].into());
        assert_eq!(outside.addresses(&host).unwrap(), [addresses[0]]);
        assert_eq!(outside.refused().count(), 4);
        outside.point(&service, Some(&host), None);
        assert!(outside.addresses(&host).is_none() && outside.resolved(&host, &addresses.into()).is_empty());
    }
}
