//! The command line: one module a command, and what the client commands share.
//!
//! Exit codes: 0 done, 1 the request failed or something is invalid, 2 wrong usage.

mod archive;
mod call;
mod check;
mod client;
mod describe;
mod get;
mod output;
pub(crate) mod serve;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub(crate) use serve::ServeArgs;

/// Finds every function that an organisation runs and gives each a URL.
#[derive(Debug, Parser)]
#[command(name = "portolan", version, about, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon: discovery, the catalog and the gateway
    Serve(Box<ServeArgs>),
    /// Runs sample services and a daemon that discovers them, and prints what to try
    Demo(DemoArgs),
    #[command(flatten)]
    Asking(Asking),
    /// Validates configuration and resource files without a daemon
    #[command(after_help = check::EXAMPLES)]
    Check(Box<check::CheckArgs>),
    /// Prints a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Prints the version
    Version,
}

/// The commands that talk to a running daemon or wait for a disk.
#[derive(Debug, Subcommand)]
enum Asking {
    /// Lists upstreams, functions, sources or events of a running daemon
    Get(get::GetArgs),
    /// Shows everything known of one upstream or function
    Describe(describe::DescribeArgs),
    /// Calls a function through the gateway
    Call(call::CallArgs),
    /// Explains why something is or is not in the catalog
    Why(why::WhyArgs),
    /// Looks at an upstream again now
    Refresh(describe::NamedArgs),
    /// Drops an upstream that no source lists any more
    Forget(describe::NamedArgs),
    /// Takes a list of a source that is held back because it would remove much
    Accept(describe::AcceptArgs),
    /// Writes one revision of a running daemon's store to a file
    Backup(archive::BackupArgs),
    /// Makes a store of a backup, while no daemon runs on it
    Restore(archive::RestoreArgs),
}

/// Flags of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing else needs to be installed; everything ends with Ctrl-C and leaves nothing behind.")]
pub(crate) struct DemoArgs {
    /// Where function URLs are served; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) gateway: std::net::SocketAddr,
    /// Where the catalog is served; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    pub(crate) admin: std::net::SocketAddr,
}

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => crate::demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "portolan", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Version => {
            println!("portolan {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
        Command::Asking(asking) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(ask(asking))
        }
    }
}

async fn ask(asking: Asking) -> anyhow::Result<ExitCode> {
    match asking {
        Asking::Get(args) => get::run(&args).await,
        Asking::Describe(args) => describe::run(&args).await,
        Asking::Call(args) => call::run(&args).await,
        Asking::Why(args) => why::run(&args).await,
        Asking::Refresh(args) => describe::refresh(&args).await,
        Asking::Forget(args) => describe::forget(&args).await,
        Asking::Accept(args) => describe::accept(&args).await,
        Asking::Backup(args) => archive::backup(&args).await,
        Asking::Restore(args) => archive::restore(&args).await,
    }
}
