//! Free ports on loopback.
//!
//! They lie below the range that the kernel gives to outgoing connections, so that none is taken between the
//! moment it is chosen and the moment a server listens on it; within a process none is given twice.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 10_240;
const COUNT: u32 = 22_000; // up to 32,239; Linux gives out 32,768 and above

/// Test processes that run at once begin far apart.
static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(std::process::id().wrapping_mul(499)));

/// A port on which nobody on this machine listens, for TCP and UDP.
pub fn free() -> u16 {
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = u16::try_from(port).expect("below 65,536 by its constants");
        let place = (Ipv4Addr::UNSPECIFIED, port);
        if TcpListener::bind(place).is_ok() && UdpSocket::bind(place).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} on");
}
