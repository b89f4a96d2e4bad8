//! Helm, and the chart that it installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installed::named;
use crate::kubectl::run;
use crate::kubernetes::Cluster;

/// The chart.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/helm/portolan")
}

/// Runs `helm`, with `values` (YAML) as what `--values -` reads. What it prints, or how it failed.
pub async fn helm(arguments: &[&str], values: &str) -> Result<String, String> {
    run(command(arguments), values.to_owned()).await
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(named("PORTOLAN_TEST_HELM"));
    // Nothing of the caller's own Helm, and nothing left behind.
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(name, "/nonexistent");
    }
    command.args(arguments);
    command
}

impl Cluster {
    /// Runs `helm` in this cluster, as someone who may do everything.
    pub async fn helm(&self, arguments: &[&str], values: &str) -> Result<String, String> {
        let mut command = command(arguments);
        command.env("KUBECONFIG", self.admin()).env("KUBECACHEDIR", self.server.folder().join("kubectl"));
        run(self.inside(command), values.to_owned()).await
    }
}
