//! `portolan check`: configuration and resources, without a daemon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use discovery::sources::files::{self, Severity};
use serde::de::IgnoredAny;

use super::serve::ServeArgs;
use crate::config::{self, Config};

pub(super) const EXAMPLES: &str = "\
Examples:
  portolan check portolan.yaml upstreams/      a configuration, and a folder of resources
  portolan check                               what `serve` would run with
  portolan check --print-config                the same, printed with its defaults

A file that says neither `apiVersion` nor `kind` is a configuration; in a folder all are resources. Flags and PORTOLAN_*
variables count as they do for `serve`.";

/// Fields that every resource has and no configuration.
const OF_RESOURCES: [&str; 2] = ["apiVersion", "kind"];

/// Flags of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Configuration files, and files or folders of resources
    paths: Vec<PathBuf>,
    /// Prints the configuration that `serve` would run with
    #[arg(long)]
    print_config: bool,
    #[command(flatten, next_help_heading = "Flags of serve")]
    serve: ServeArgs,
}

/// Prints what is wrong, a line each: `file:line:column: message`. Exit code 1 when anything is.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mut complaints = Vec::new();
    for path in &args.paths {
        match is_configuration(path) {
            true => complaints.extend(configuration(&args.serve, path).err().map(|error| (true, format!("{error:#}")))),
            false => {
                complaints.extend(files::check(path).iter().map(|c| (c.severity == Severity::Error, c.to_string())))
            }
        }
    }
    if args.paths.is_empty() || args.serve.config.is_some() || args.print_config {
        let checked = match config::file(&args.serve) {
            Some(file) => configuration(&args.serve, &file),
            None => Config::load(&args.serve).and_then(|config| startable(&config).map(|()| config)),
        };
        match checked {
            Ok(config) if args.print_config => print!("{}", super::output::yaml(&serde_json::to_value(config)?)?),
            Ok(_) => {}
            Err(error) => complaints.push((true, format!("{error:#}"))),
        }
    }
    complaints.iter().for_each(|(_, complaint)| println!("{complaint}"));
    Ok(ExitCode::from(u8::from(complaints.iter().any(|(is_error, _)| *is_error))))
}

/// The configuration that is in force with `file`, if a daemon could start with it.
fn configuration(args: &ServeArgs, file: &Path) -> anyhow::Result<Config> {
    let config = Config::of(args, file)?;
    startable(&config).map_err(|error| anyhow!("{}:1:1: {error:#}", file.display()))?;
    Ok(config)
}

/// Whether `path` is a file of a configuration and not of resources.
fn is_configuration(path: &Path) -> bool {
    let Some(text) = std::fs::read_to_string(path).ok().filter(|_| path.is_file()) else { return false };
    match serde_saphyr::from_str::<BTreeMap<String, IgnoredAny>>(&text) {
        Ok(fields) => !OF_RESOURCES.iter().any(|field| fields.contains_key(*field)),
        // Several documents, or none that can be read.
        Err(_) => !OF_RESOURCES.iter().any(|field| text.contains(field)),
    }
}

/// Whether a daemon could start with it. Opens nothing.
fn startable(config: &Config) -> anyhow::Result<()> {
    discovery::registry::open(&crate::wiring::sourcing(config))?;
    crate::admin::Keys::new(config, config.tokens.admin.clone())?;
    Ok(())
}
