//! `portolan why`: what discovery did, and what came of it.

use std::process::ExitCode;

use super::client::{Client, ClientArgs};
use super::output::{self, text};

const EXAMPLES: &str = "\
Examples:
  portolan why pets                    which probes looked at the upstream, and what they got
  portolan why pets/getPet             the same, and whether the function is there
  portolan why 10.0.0.5:9000           which upstream has this address, or which sources do not list it
  portolan why http://10.0.0.5:9000/   the same";

/// Flags of `why`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WhyArgs {
    /// An upstream, UPSTREAM/FUNCTION, a URL or HOST:PORT
    target: String,
    /// Prints the whole answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Prints the explanation and every attempt.
pub(crate) async fn run(args: &WhyArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let why = client.json("/api/v1/why", &[("target", args.target.clone())]).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&why)?);
        return Ok(ExitCode::SUCCESS);
    }
    for line in why["explanation"].as_array().into_iter().flatten() {
        println!("{}", text(line));
    }
    let attempts = why["attempts"].as_array().cloned().unwrap_or_default();
    if !attempts.is_empty() {
        println!();
        let columns: &[output::Column] = &[
            ("TIME", false, |i| text(&i["time"])),
            ("KIND", false, |i| text(&i["kind"])),
            ("ENDPOINT", false, |i| text(&i["endpoint"])),
            ("ASKED", false, |i| text(&i["asked"])),
            ("MS", false, |i| text(&i["tookMs"])),
            ("TIMES", false, |i| text(&i["times"])),
            ("ANSWER", false, |i| text(&i["answer"])),
        ];
        output::list(&attempts, columns, output::Format::Table)?;
    }
    Ok(ExitCode::SUCCESS)
}
