//! Child processes.
//!
//! A child is ended by its own id when its [`Process`] is dropped. Where the system has `setpriv`, the kernel
//! also ends it when this process dies, however that happens. That signal hangs on the *thread* that started
//! the child, so one thread that lives as long as the process starts them all.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use tempfile::TempDir;

use crate::wait;

/// How much of what a child printed is shown when a test fails.
const SHOWN: usize = 6_000;

/// A running (or ended) child with a folder of its own, which goes away with it.
pub struct Process {
    name: String,
    child: Mutex<Child>,
    log: PathBuf,
    folder: TempDir,
}

impl Process {
    /// Starts a program in a new folder. What it prints goes to a file there.
    pub fn start(name: &str, command: Command) -> Process {
        Process::start_in(folder(name), name, command)
    }

    /// The same in a folder that may hold files already. It is the current directory, unless the command sets
    /// one.
    pub fn start_in(folder: TempDir, name: &str, command: Command) -> Process {
        let log = folder.path().join("output.log");
        let child = launch(command, folder.path(), &log);
        let child = child.unwrap_or_else(|error| panic!("{name} could not be started: {error}"));
        Process { name: name.to_owned(), child: Mutex::new(child), log, folder }
    }

    /// Ends the child, if it runs, and starts another in the same folder; the file of its output goes on.
    pub fn start_again(&mut self, command: Command) {
        self.kill();
        let child = launch(command, self.folder.path(), &self.log);
        *self.child() = child.unwrap_or_else(|error| panic!("{} could not be started: {error}", self.name));
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child().id()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("a child of ours can be asked")
    }

    /// All that it has printed, on stdout and stderr.
    pub fn output(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Waits until `probe` succeeds; panics at once when the child has ended.
    pub async fn until<T, F>(&self, what: &str, mut probe: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, String>>,
    {
        wait::until(&format!("{}: {what}", self.name), wait::START, || {
            if let Some(status) = self.ended() {
                panic!("{} ended with {status} before this was so: {what}", self.name);
            }
            probe()
        })
        .await
    }

    /// Ends it with SIGKILL, and returns when it is gone. Nothing happens when it has ended already.
    pub fn kill(&self) {
        let mut child = self.child();
        // The only error is that it has ended.
        let _ = child.kill();
        child.wait().expect("a child of ours can be waited for");
    }

    /// Sends a signal by its name, such as `TERM`, `HUP`, `STOP`.
    pub fn signal(&self, signal: &str) {
        assert!(self.ended().is_none(), "{} has ended: no SIG{signal} for it", self.name);
        let status = Command::new("sh").args(["-c", &format!("kill -{signal} {}", self.id())]).status();
        assert!(status.is_ok_and(|status| status.success()), "no SIG{signal} for {}", self.name);
    }

    /// Sends SIGTERM and waits until it has ended.
    pub async fn terminate(&self, limit: Duration) -> ExitStatus {
        self.signal("TERM");
        wait::until(&format!("{} ends after SIGTERM", self.name), limit, || async {
            self.ended().ok_or("it still runs")
        })
        .await
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.ended();
        self.kill();
        if std::thread::panicking() {
            let state = ended.map_or("was still running".to_owned(), |status| match status.signal() {
                Some(signal) => format!("was ended by signal {signal}"),
                None => format!("had ended with {status}"),
            });
            eprintln!("--- {} {state}; its output:\n{}\n---", self.name, tail(&self.output()));
        }
    }
}

/// A new temporary folder whose name tells whose it is.
pub fn folder(name: &str) -> TempDir {
    let made = tempfile::Builder::new().prefix(&format!("portolan-tests-{name}-")).tempdir();
    made.unwrap_or_else(|error| panic!("no temporary folder: {error}"))
}

/// The end of a text.
fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(SHOWN);
    text.get(text.ceil_char_boundary(start)..).unwrap_or(text)
}

fn launch(command: Command, folder: &Path, log: &Path) -> io::Result<Child> {
    let output = File::options().create(true).append(true).open(log)?;
    let mut command = tied(&command);
    if command.get_current_dir().is_none() {
        command.current_dir(folder);
    }
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let (answer, child) = sync_channel(1);
    STARTER.send((command, answer)).expect("the starter lives as long as the process");
    child.recv().expect("the starter answers every order")
}

type Order = (Command, SyncSender<io::Result<Child>>);

static STARTER: LazyLock<SyncSender<Order>> = LazyLock::new(|| {
    let (orders, received) = sync_channel::<Order>(0);
    std::thread::spawn(move || {
        for (mut command, answer) in received {
            // The one who ordered it may be gone; then nobody wants it.
            if let Err(unwanted) = answer.send(command.spawn()) {
                let _ = unwanted.0.map(|mut child| child.kill());
            }
        }
    });
    orders
});

/// The command, to be ended by the kernel when the starter's thread ends; `setpriv` execs it, and so it has
/// the process id that is known here.
fn tied(command: &Command) -> Command {
    const SETPRIV: &str = "/usr/bin/setpriv";
    let mut tied = if Path::new(SETPRIV).exists() {
        let mut tied = Command::new(SETPRIV);
        tied.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
        tied
    } else {
        Command::new(command.get_program())
    };
    tied.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        tied.current_dir(directory);
    }
    tied
}
