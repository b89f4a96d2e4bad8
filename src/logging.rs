//! Log lines: events with fields, on stderr.

use anyhow::Context;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::cli::serve::LogFormat;

/// Starts the log for the rest of the process. `level` is a level or a list of directives.
pub(crate) fn start(level: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = filter(level)?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    let secretive = filter_fn(|event| !SECRETIVE.iter().any(|library| event.target().starts_with(library)));
    match format {
        LogFormat::Text => builder.finish().with(secretive).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().with(secretive).try_init(),
    }
    .map_err(|e| anyhow::anyhow!("start the log: {e}"))
}

/// Libraries that log each of the failures that we tell of once.
const SILENT: &str = "kube_runtime::watcher=off,kube_client=off,aws_config=off";

/// Libraries whose traces have answers of AWS in them: keys of roles, environments of functions; and what is signed, which holds the
/// session token. No level lets them through.
const SECRETIVE: [&str; 4] = ["aws_sigv4", "aws_runtime", "aws_smithy_runtime", "aws_smithy_http_client"];

/// What `level` lets through.
pub(crate) fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(level)
        .and_then(|_| EnvFilter::try_new([SILENT, level].join(",").trim_end_matches(',')))
        .with_context(|| format!("--log-level {level}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn levels_and_directives_are_taken_and_nothing_is_the_usual() {
        for level in ["", "info", "portolan=debug,warn", "kube_client=trace"] {
            assert!(super::filter(level).is_ok(), "{level:?}");
        }
        assert!(super::filter("info,=,").is_err());
    }
}
