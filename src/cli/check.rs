//! `portolan check`: configuration and resources, without a daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use discovery::sources::files::{self, Severity};

use super::serve::ServeArgs;
use crate::config::{self, Config};

const EXAMPLES: &str = "\
Examples:
  portolan check upstreams/ more.yaml          resources
  portolan check --config portolan.yaml        a configuration
  portolan check --print-config                what is in force, with defaults";

/// Flags of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    /// Files or folders of resources
    paths: Vec<PathBuf>,
    /// A configuration file
    #[arg(long, value_name = "FILE", env = "PORTOLAN_CONFIG")]
    config: Option<PathBuf>,
    /// Prints the configuration that `serve` would run with
    #[arg(long)]
    print_config: bool,
}

/// Prints what is wrong, a line each; exit code 1 when anything is.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    if args.paths.is_empty() && args.config.is_none() && !args.print_config {
        bail!("nothing to check: name files, --config or --print-config");
    }
    let mut wrong = false;
    for path in &args.paths {
        for complaint in files::check(path) {
            wrong |= complaint.severity == Severity::Error;
            println!("{complaint}");
        }
    }
    if let Some(file) = &args.config
        && let Err(error) = config::read(file)
    {
        wrong = true;
        println!("{error:#}");
    }
    if args.print_config && !wrong {
        let serve = ServeArgs { config: args.config.clone(), ..ServeArgs::default() };
        print!("{}", super::output::yaml(&serde_json::to_value(Config::load(&serve)?)?)?);
    }
    Ok(ExitCode::from(u8::from(wrong)))
}
