//! `portolan get`: lists of a running daemon.

use std::collections::VecDeque;
use std::process::ExitCode;

use clap::ValueEnum;
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;

use super::client::{Client, ClientArgs, segment};
use super::output::{self, Column, Format, text};

const EXAMPLES: &str = "\
Examples:
  portolan get functions
  portolan get functions --upstream pets -q order --kind rest
  portolan get upstreams --stale true -o wide
  portolan get functions -o json | jq '.items[].callUrl'
  portolan get upstreams --watch";

/// What can be listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum What {
    /// What runs
    Upstreams,
    /// What can be called
    Functions,
    /// The places that are watched
    Sources,
    /// What changed, oldest first; goes on until it is stopped
    Events,
}

/// Flags of `get`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GetArgs {
    /// What to list
    what: What,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
    /// Prints changes as they happen, after the list
    #[arg(short, long)]
    watch: bool,
    /// Words that must all be found
    #[arg(short, long, value_name = "TEXT")]
    q: Option<String>,
    /// Only of this upstream; repeatable, like all filters: any of the values
    #[arg(long, value_name = "NAME")]
    upstream: Vec<String>,
    /// Only of this source
    #[arg(long, value_name = "SOURCE")]
    source: Vec<String>,
    /// Only of this kind: rest, grpc
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only with this label
    #[arg(short, long, value_name = "K=V")]
    label: Vec<String>,
    /// Only with this tag
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only deprecated ones, or only others
    #[arg(long, value_name = "BOOL")]
    deprecated: Option<bool>,
    /// Only stale ones, or only others
    #[arg(long, value_name = "BOOL")]
    stale: Option<bool>,
    /// With schemas (json and yaml)
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl GetArgs {
    fn filters(&self) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        let mut each = |name: &'static str, values: &[String]| query.extend(values.iter().map(|v| (name, v.clone())));
        each("upstream", &self.upstream);
        each("source", &self.source);
        each("kind", &self.kind);
        each("label", &self.label);
        each("tag", &self.tag);
        each("q", self.q.as_slice());
        each("namespace", self.client.namespace.as_slice());
        query.extend(self.deprecated.map(|b| ("deprecated", b.to_string())));
        query.extend(self.stale.map(|b| ("stale", b.to_string())));
        query.extend(self.full.then(|| ("view", "full".to_owned())));
        query
    }
}

/// Lists, and follows with `--watch`.
pub(crate) async fn run(args: &GetArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let mut since = None;
    if args.what != What::Events {
        let (path, columns): (&str, &[Column]) = match args.what {
            What::Upstreams => ("/api/v1/upstreams", UPSTREAMS),
            What::Functions => ("/api/v1/functions", FUNCTIONS),
            What::Sources | What::Events => ("/api/v1/sources", SOURCES),
        };
        since = client.json("/api/v1", &[]).await?["revision"].as_u64();
        let mut query = args.filters();
        if args.what != What::Sources {
            query.push(("limit", "1000".to_owned()));
        }
        output::list(&client.pages(path, &query).await?, columns, args.output)?;
    }
    if args.what == What::Events || args.watch {
        follow(&client, args, since).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints events as lines until the daemon closes the stream.
async fn follow(client: &Client, args: &GetArgs, since: Option<u64>) -> anyhow::Result<()> {
    let query: Vec<_> = since.map(|s| ("since", s.to_string())).into_iter().collect();
    let mut body = client.send(Method::GET, "/api/v1/events", &query).await?.bytes_stream();
    let mut pending = VecDeque::new();
    while let Some(piece) = body.next().await {
        pending.extend(piece?);
        while let Some(end) = pending.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let Some(data) = line.strip_prefix(b"data:") else { continue };
            let event: Value = serde_json::from_slice(data)?;
            let wanted = match args.what {
                What::Upstreams => event["kind"] == "upstream",
                What::Functions => event["kind"] == "function",
                What::Sources => false,
                What::Events => true,
            };
            match args.output {
                _ if !wanted => {}
                Format::Json | Format::Yaml => println!("{event}"),
                _ => println!(
                    "{:>8}  {:8} {:9} {}",
                    event["revision"],
                    text(&event["type"]),
                    text(&event["kind"]),
                    text(&event["name"])
                ),
            }
        }
    }
    Ok(())
}

/// The path of one upstream in the API.
pub(crate) fn upstream_path(name: &str) -> String {
    format!("/api/v1/upstreams/{}", segment(name))
}

const UPSTREAMS: &[Column] = &[
    ("NAME", false, |i| text(&i["name"])),
    ("SOURCE", false, |i| text(&i["source"])),
    ("KINDS", false, |i| text(&i["kinds"])),
    ("FUNCTIONS", false, |i| text(&i["functionCount"])),
    ("ENDPOINTS", false, |i| {
        let all = i["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
        format!("{}/{}", all.iter().filter(|e| e["healthy"] == true).count(), all.len())
    }),
    ("DISCOVERY", false, |i| text(&i["discovery"]["state"])),
    ("STALE", false, |i| if i["stale"] == true { "stale".to_owned() } else { String::new() }),
    ("NAMESPACE", true, |i| text(&i["namespace"])),
    ("ID", true, |i| text(&i["id"])),
    ("LAST SEEN", true, |i| text(&i["lastSeen"])),
    ("ERROR", true, |i| text(&i["discovery"]["error"])),
];

const FUNCTIONS: &[Column] = &[
    ("UPSTREAM", false, |i| text(&i["upstream"])),
    ("FUNCTION", false, |i| text(&i["name"])),
    ("KIND", false, |i| text(&i["kind"])),
    ("SUMMARY", false, |i| cut(&text(&i["summary"]))),
    ("CALL", true, |i| text(&i["callUrl"])),
    ("TAGS", true, |i| text(&i["tags"])),
    ("REVISION", true, |i| text(&i["revision"])),
];

const SOURCES: &[Column] = &[
    ("SOURCE", false, |i| text(&i["name"])),
    ("STATE", false, |i| text(&i["state"])),
    ("UPSTREAMS", false, |i| text(&i["upstreams"])),
    ("LAST SUCCESS", false, |i| text(&i["lastSuccess"])),
    ("ERROR", false, |i| cut(&text(&i["lastError"]))),
    ("HELD BACK", true, |i| text(&i["heldBack"])),
];

/// The most characters of a text in a table.
const CELL: usize = 60;

fn cut(text: &str) -> String {
    match text.chars().count() > CELL {
        true => text.chars().take(CELL - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
