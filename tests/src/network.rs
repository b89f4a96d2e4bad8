//! A network of a test's own: a network namespace with loopback and some more addresses, for servers that refuse to name loopback.
//!
//! It is the namespace of a process that only waits, so that it goes away however the test ends.

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::Process;

/// The addresses besides loopback, of a range that is nobody's (RFC 5737).
pub const ADDRESSES: [&str; 3] = ["198.51.100.10", "198.51.100.11", "198.51.100.12"];

/// A network namespace.
pub struct Network {
    holder: Process,
}

impl Network {
    /// A new one. Needs the rights of root.
    pub async fn new() -> Network {
        let addresses = ADDRESSES.map(|address| format!("ip address add {address}/32 dev lo"));
        let up = format!("ip link set lo up && {} && echo it is up && exec sleep infinity", addresses.join(" && "));
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", &up]);
        let network = Network { holder: Process::start("network", command) };
        let output = || async {
            let output = network.holder.output();
            if output.contains("it is up") { Ok(()) } else { Err(output) }
        };
        network.holder.until("it is up", output).await;
        network
    }

    /// What goes before a command so that it runs there.
    pub fn under(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net={}", self.file())]
    }

    /// A command that runs there.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.file())).arg(program);
        command
    }

    /// Gives it another address.
    pub fn add(&self, address: IpAddr) {
        let mut command = self.command(Path::new("ip"));
        let status = command.args(["address", "add", &address.to_string(), "dev", "lo"]).status();
        assert!(status.is_ok_and(|status| status.success()), "no address {address} in a network of its own");
    }

    fn file(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }
}

/// Runs a test in a network of its own: every socket that it opens is there. One at a time: what runs there is large.
pub fn within<F: Future<Output = ()>>(test: impl FnOnce(Network) -> F + Send + 'static) {
    let inside = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let network = Network::new().await;
            let file = File::open(network.file()).unwrap_or_else(|error| panic!("{}: {error}", network.file()));
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(file.as_fd(), kind)
                .unwrap_or_else(|error| panic!("a network of its own: {error}"));
            test(network).await;
        });
    };
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(panic) = std::thread::spawn(inside).join() {
        std::panic::resume_unwind(panic);
    }
}
