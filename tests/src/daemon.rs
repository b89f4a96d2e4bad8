//! The daemon itself: the real binary, `portolan serve`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use crate::{http, port, process::Process};

/// What decides where the daemon looks for sources when no flag says so: its tests say so, or want none.
const FOREIGN: [&str; 15] = [
    "KUBECONFIG",
    "CONSUL_HTTP_ADDR",
    "CONSUL_HTTP_TOKEN",
    "AWS_REGION",
    "AWS_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
];

/// How a daemon is to be started; the default is on loopback, with a data folder of its own.
#[derive(Clone, Default)]
pub struct Options {
    /// Where the gateway listens, `127.0.0.1` when empty; it is asked there all the same.
    pub gateway_ip: String,
    /// Where the admin address is, likewise.
    pub admin_ip: String,
    /// Its data folder, one of its own when not set.
    pub data: Option<PathBuf>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// A command that runs it, such as `strace`, with its arguments.
    pub under: Vec<String>,
    /// Where no `--source` is given it looks into its environment for sources, and is not told that there are none.
    pub looks_around: bool,
}

/// A running daemon.
pub struct Daemon {
    /// Its process.
    pub process: Process,
    /// The gateway, `http://127.0.0.1:PORT`.
    pub gateway: String,
    /// The admin address, `http://127.0.0.1:PORT`.
    pub admin: String,
    options: Options,
    arguments: Vec<String>,
}

impl Daemon {
    /// `portolan serve` with these arguments besides its data folder, listeners and, where no `--source` is
    /// among them, `--source none`; waits until it is ready.
    pub async fn start<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> Daemon {
        let daemon = Daemon::launch(Options::default(), arguments);
        daemon.ready().await;
        daemon
    }

    /// The same with options, without waiting.
    pub fn launch<S: AsRef<str>>(options: Options, arguments: impl IntoIterator<Item = S>) -> Daemon {
        let (gateway, admin) = (port::free(), port::free());
        let folder = crate::process::folder("daemon");
        let data = options.data.clone().unwrap_or_else(|| folder.path().join("data"));
        let ip = |ip: &str| if ip.is_empty() { "127.0.0.1".to_owned() } else { ip.to_owned() };
        let mut all = vec!["serve".to_owned(), format!("--data-dir={}", data.display())];
        all.push(format!("--gateway={}:{gateway}", ip(&options.gateway_ip)));
        all.push(format!("--admin={}:{admin}", ip(&options.admin_ip)));
        all.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        options.add_source(&mut all);
        Daemon {
            process: Process::start_in(folder, "portolan", options.command(&all)),
            gateway: format!("http://127.0.0.1:{gateway}"),
            admin: format!("http://127.0.0.1:{admin}"),
            options,
            arguments: all,
        }
    }

    /// Waits until `/readyz` answers 200.
    pub async fn ready(&self) {
        let url = format!("{}/readyz", self.admin);
        self.process.until("/readyz answers 200", || http::get(&url)).await;
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.options.data.clone().unwrap_or_else(|| self.process.folder().join("data"))
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_memory(&self) -> u64 {
        let file = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or_else(|| panic!("{file} has no VmHWM")) / 1024
    }

    /// GETs a path of the admin address, such as `/api/v1/upstreams`; panics on a failure.
    pub async fn admin(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.admin);
        http::get(&url).await.unwrap_or_else(|error| panic!("GET {url}: {error}"))
    }

    /// Ends it with SIGKILL.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Ends it with SIGTERM and waits for that.
    pub async fn terminate(&self, limit: Duration) -> ExitStatus {
        self.process.terminate(limit).await
    }

    /// Ends it with SIGKILL, if it runs, and starts it again: the same data, ports and arguments.
    pub async fn restart(&mut self) {
        self.start_again();
        self.ready().await;
    }

    /// The same without waiting.
    pub fn start_again(&mut self) {
        self.process.start_again(self.options.command(&self.arguments));
    }

    /// Gives it other arguments of its own from the next start on.
    pub fn with_arguments<S: AsRef<str>>(&mut self, arguments: impl IntoIterator<Item = S>) {
        self.arguments.truncate(OWN);
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self.options.add_source(&mut self.arguments);
    }
}

/// The arguments that each daemon has: the command, data folder, gateway, admin address.
const OWN: usize = 4;

impl Options {
    fn add_source(&self, arguments: &mut Vec<String>) {
        let is_given = arguments.iter().any(|argument| argument == "--source" || argument.starts_with("--source="));
        if !is_given && !self.looks_around {
            arguments.push("--source=none".to_owned());
        }
    }

    fn command(&self, arguments: &[String]) -> Command {
        let plain = command(arguments);
        let Some((program, more)) = self.under.split_first() else {
            let mut plain = plain;
            plain.envs(self.environment.iter().map(|(name, value)| (name, value)));
            return plain;
        };
        let mut under = Command::new(program);
        under.args(more).arg(plain.get_program()).args(plain.get_args());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => under.env(name, value),
                None => under.env_remove(name),
            };
        }
        under.envs(self.environment.iter().map(|(name, value)| (name, value)));
        under
    }
}

/// The daemon's binary: the one that `PORTOLAN_TEST_BIN` names, else the one built beside this test.
pub fn binary() -> PathBuf {
    if std::env::var_os("PORTOLAN_TEST_BIN").is_some() {
        return crate::installed::named("PORTOLAN_TEST_BIN");
    }
    let test = std::env::current_exe().expect("a running program has a path");
    let built = test.parent().and_then(Path::parent).map(|profile| profile.join("portolan"));
    match built {
        Some(path) if path.exists() => path,
        _ => panic!("no portolan beside {}: `tests/run` and `cargo build` build it", test.display()),
    }
}

/// A command of the binary, with nothing of the caller's environment that would lead it to sources.
pub fn command(arguments: &[String]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments);
    for name in FOREIGN {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTOLAN_") {
            command.env_remove(&name);
        }
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}
