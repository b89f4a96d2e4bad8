//! Which addresses may be probed and called: not our own listeners, and not those that reach the machine's own metadata.
//!
//! The catalog asks here about each endpoint that a source reports, and [`fetch`](crate::fetch) about each address that it connects
//! to. What is refused is refused with a reason that a person can act on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::Arc;

/// The rules. Cheap to clone; every clone has the same rules.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy(Arc<Rules>);

#[derive(Debug, Default)]
struct Rules {
    own: Vec<SocketAddr>,
    allowed: Vec<Network>,
}

impl AddressPolicy {
    /// Refuses the listeners bound to `own`, and what is never a service unless one of `allowed` holds it.
    pub fn new(own: impl IntoIterator<Item = SocketAddr>, allowed: Vec<Network>) -> Self {
        Self(Arc::new(Rules { own: own.into_iter().collect(), allowed }))
    }

    /// Why `address` must not be called; `None` when it may.
    pub fn refuses(&self, address: SocketAddr) -> Option<String> {
        let ip = address.ip().to_canonical();
        if let Some(own) = self.0.own.iter().find(|own| is_listener(own, ip, address.port())) {
            return Some(format!("{address} is Portolan's own listener {own}"));
        }
        let what = never_a_service(ip, address.port())?;
        match self.0.allowed.iter().any(|network| network.holds(ip)) {
            true => None,
            false => Some(format!("{address} is {what}; allow {ip} by a setting if it is meant")),
        }
    }
}

/// Whether a connection to `ip` and `port` ends at the listener bound to `own`.
fn is_listener(own: &SocketAddr, ip: IpAddr, port: u16) -> bool {
    if own.port() != port {
        return false;
    }
    let bound = own.ip().to_canonical();
    // The unspecified address connects to this machine; and a wildcard of IPv6 usually takes IPv4 as well.
    let covers = bound.is_unspecified() && (bound.is_ipv6() || ip.is_ipv4());
    bound == ip || (covers && is_local(ip)) || (ip.is_unspecified() && (bound.is_unspecified() || bound.is_loopback()))
}

/// Whether `ip` is one of this machine's: only those can be bound.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// The address at which EC2 answers metadata over IPv6, outside of the link-local range.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn never_a_service(ip: IpAddr, port: u16) -> Option<&'static str> {
    let link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == METADATA_V6,
    };
    match ip {
        _ if port == 0 => Some("without a port"),
        _ if link_local => Some("link-local, where clouds answer metadata and credentials"),
        _ if ip.is_unspecified() => Some("unspecified"),
        _ if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) => Some("not the address of one host"),
        _ => None,
    }
}

/// A range of addresses: `169.254.10.0/24`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    base: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whether `ip` is in it.
    pub fn holds(&self, ip: IpAddr) -> bool {
        let differs = match (self.base, ip.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => (base.to_bits() ^ ip.to_bits()).leading_zeros(),
            (IpAddr::V6(base), IpAddr::V6(ip)) => (base.to_bits() ^ ip.to_bits()).leading_zeros(),
            _ => return false,
        };
        differs >= self.prefix
    }
}

/// A text that is not a range of addresses.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not an address or a range of addresses such as 169.254.10.0/24")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (base, prefix) = text.split_once('/').map_or((text, None), |(base, prefix)| (base, Some(prefix)));
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if prefix > most {
            return Err(wrong());
        }
        Ok(Self { base, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(own: &[&str], allowed: &[&str], address: &str, reason: Option<&str>) {
        let own = own.iter().map(|a| a.parse().unwrap());
        let policy = AddressPolicy::new(own, allowed.iter().map(|n| n.parse().unwrap()).collect());
        let refused = policy.refuses(address.parse().unwrap());
        match (refused.as_deref(), reason) {
            (None, None) => {}
            (Some(text), Some(part)) => assert!(text.contains(part), "{address}: {text}"),
            (got, _) => panic!("{address}: {got:?}, not {reason:?}"),
        }
    }

    #[test]
    fn own_listeners_are_refused_whatever_is_allowed() {
        let own = Some("own listener");
        check(&["127.0.0.1:8081"], &[], "127.0.0.1:8081", own);
        check(&["127.0.0.1:8081"], &["0.0.0.0/0"], "127.0.0.1:8081", own);
        check(&["127.0.0.1:8081"], &[], "[::ffff:127.0.0.1]:8081", own);
        check(&["127.0.0.1:8081"], &[], "127.0.0.1:8082", None);
        check(&["127.0.0.1:8081"], &[], "0.0.0.0:8081", own);
        check(&["0.0.0.0:8080"], &[], "127.0.0.7:8080", own);
        check(&["[::]:8080"], &[], "127.0.0.1:8080", own);
        check(&["0.0.0.0:8080"], &[], "[::1]:8080", None);
        check(&["0.0.0.0:8080"], &[], "192.0.2.1:8080", None);
    }

    #[test]
    fn what_is_never_a_service_is_refused_unless_allowed() {
        check(&[], &[], "169.254.169.254:80", Some("link-local"));
        check(&[], &[], "[::ffff:169.254.169.254]:80", Some("link-local"));
        check(&[], &[], "[fe80::1]:80", Some("link-local"));
        check(&[], &[], "[fd00:ec2::254]:80", Some("link-local"));
        check(&[], &["169.254.0.0/16"], "169.254.7.7:80", None);
        check(&[], &["169.254.7.0/24"], "169.254.8.7:80", Some("link-local"));
        check(&[], &[], "0.0.0.0:80", Some("unspecified"));
        check(&[], &[], "224.0.0.1:80", Some("one host"));
        check(&[], &[], "[ff02::1]:80", Some("one host"));
        check(&[], &[], "10.0.0.1:0", Some("without a port"));
        check(&[], &[], "10.0.0.1:80", None);
    }

    #[test]
    fn ranges_are_read_and_hold_what_they_say() {
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "example.com", "10.0.0.0/"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.holds("203.0.113.9".parse().unwrap()) && !all.holds("::1".parse().unwrap()));
    }
}
