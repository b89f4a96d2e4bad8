//! Log lines: events with fields, on stderr.

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::cli::serve::LogFormat;

/// Starts the log for the rest of the process. `level` is a level or a list of directives.
pub(crate) fn start(level: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = filter(level)?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|e| anyhow::anyhow!("start the log: {e}"))
}

/// Libraries that log each of the failures that we tell of once.
const SILENT: &str = "kube_runtime::watcher=off,kube_client=off,aws_config=off";

/// Libraries whose traces have answers of AWS in them: keys of roles, environments of functions.
const SECRETIVE: &str = "aws_smithy_runtime=off,aws_smithy_http_client=off";

/// What `level` lets through.
pub(crate) fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(level)
        .and_then(|_| EnvFilter::try_new(format!("{SILENT},{SECRETIVE},{level}")))
        .with_context(|| format!("--log-level {level}"))
}
