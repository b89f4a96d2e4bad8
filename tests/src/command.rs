//! The commands that ask a running daemon, and those that ask none.

use crate::daemon;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; -1 where a signal ended it.
    pub code: i32,
    /// What it printed to stdout.
    pub out: String,
    /// What it printed to stderr.
    pub err: String,
}

/// Runs `portolan` with these arguments to its end.
pub async fn run<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    let arguments: Vec<String> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
    let ended = tokio::task::spawn_blocking(move || {
        let mut command = daemon::command(&arguments);
        command.stdin(std::process::Stdio::null()).output()
    });
    let output = ended.await.expect("it does not panic").expect("portolan runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

impl daemon::Daemon {
    /// Runs a command that asks this daemon.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        run([arguments, &["--server", &self.admin]].concat()).await
    }

    /// The same; it has to end well, and its output is returned.
    pub async fn done(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        assert_eq!(ended.code, 0, "portolan {}: {ended:?}", arguments.join(" "));
        ended.out
    }
}
