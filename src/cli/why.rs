//! `portolan why`: what discovery did, and what came of it.

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, ClientArgs};
use super::output::{self, Column, text};

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
    let why = Client::new(&args.client)?.json("/api/v1/why", &[("target", args.target.clone())]).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&why)?);
        return Ok(ExitCode::SUCCESS);
    }
    let upstreams = why["upstreams"].as_array().map(Vec::as_slice).unwrap_or_default();
    upstreams.iter().try_for_each(upstream)?;
    if upstreams.is_empty() {
        println!("{} is not in the catalog. Of the sources", args.target);
        why["sources"].as_array().into_iter().flatten().for_each(source);
    }
    Ok(ExitCode::SUCCESS)
}

fn upstream(found: &Value) -> anyhow::Result<()> {
    println!("{} (id {}) is listed by {}", text(&found["name"]), text(&found["id"]), text(&found["origin"]));
    if let Some(reason) = found["stale"]["reason"].as_str() {
        println!("stale since {}: {reason}", text(&found["stale"]["since"]));
    }
    for endpoint in found["endpoints"].as_array().into_iter().flatten() {
        let health = match &endpoint["health"] {
            Value::Object(refused) => format!("never called: {}", refused.values().map(text).collect::<String>()),
            health => text(health),
        };
        println!("endpoint {}: {health}", text(&endpoint["address"]));
    }
    println!("{}", text(&found["rule"]));
    for kind in found["kinds"].as_array().into_iter().flatten() {
        let error = kind["error"].as_str().map(|e| format!(": {e}")).unwrap_or_default();
        println!(
            "{}: {}{error}; next look at {}",
            text(&kind["kind"]),
            text(&kind["state"]),
            text(&kind["nextAttempt"])
        );
    }
    for (kind, complaints) in found["complaints"].as_object().into_iter().flatten() {
        let complaints = complaints.as_array().into_iter().flatten();
        complaints.for_each(|complaint| println!("{kind} left out: {}", text(complaint)));
    }
    if let Some(function) = found["function"].as_str() {
        println!("{function}");
    }
    let attempts = found["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !attempts.is_empty() {
        println!();
        output::list(attempts, ATTEMPTS, output::Format::Table)?;
    }
    Ok(())
}

fn source(looked: &Value) {
    println!("  {} ({}) lists {} upstreams", text(&looked["source"]), text(&looked["state"]), looked["upstreams"]);
    for rule in looked["leftOut"].as_array().into_iter().flatten() {
        println!("    left out: {}", text(rule));
    }
    if let Some(error) = looked["lastError"].as_str() {
        println!("    last error: {error}");
    }
}

const ATTEMPTS: &[Column] = &[
    ("TIME", false, |i| text(&i["time"])),
    ("KIND", false, |i| text(&i["kind"])),
    ("ENDPOINT", false, |i| text(&i["endpoint"])),
    ("ASKED", false, |i| text(&i["asked"])),
    ("TIMES", false, |i| text(&i["times"])),
    ("MS", false, |i| text(&i["tookMs"])),
    ("ANSWER", false, |i| text(&i["answer"])),
];
