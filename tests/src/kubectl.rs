//! kubectl, as people and pipelines use it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::installed::named;
use crate::kubernetes::Cluster;

impl Cluster {
    /// Runs kubectl as someone who may do everything; `input` is what `-f -` reads. What it prints, or how it failed.
    pub async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new(named("PORTOLAN_TEST_KUBECTL"));
        // What it learns of the server is kept with the server.
        command.arg(format!("--cache-dir={}", self.server.folder().join("kubectl").display()));
        command.arg(format!("--kubeconfig={}", self.admin().display())).args(arguments);
        run(self.inside(command), input.to_owned()).await
    }

    /// The same; it has to end well.
    pub async fn applied(&self, arguments: &[&str], input: &str) -> String {
        let arguments = [&["apply"], arguments].concat();
        let done = self.kubectl(&arguments, input).await;
        done.unwrap_or_else(|error| panic!("kubectl {}: {error}\n{input}", arguments.join(" ")))
    }
}

/// What a kustomization says, without a cluster.
pub async fn kustomized(folder: &Path) -> String {
    let mut command = Command::new(named("PORTOLAN_TEST_KUBECTL"));
    command.arg("kustomize").arg(folder);
    run(command, String::new()).await.unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// Runs a command to its end, with this input.
pub(crate) async fn run(mut command: Command, input: String) -> Result<String, String> {
    let ended = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        // A file would do as well, but these inputs fit into a pipe's reader: the command reads all before it prints.
        child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes())).transpose()?;
        child.wait_with_output()
    });
    let output = ended.await.expect("it does not panic").map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{}{}", text(&output.stdout), text(&output.stderr))),
    }
}
