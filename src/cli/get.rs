//! `portolan get`: lists of a running daemon.

use std::collections::VecDeque;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, ValueEnum};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;

use super::client::{Client, ClientArgs};
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

    /// Why these flags do not go together: an event says less of a thing than a list does.
    fn contradiction(&self) -> Option<String> {
        let unknown = |name: &str| match (self.what, self.watch) {
            (What::Sources | What::Events, _) => true,
            (What::Functions, true) => ["source", "label", "stale", "q"].contains(&name),
            (What::Upstreams, true) => ["stale", "q"].contains(&name),
            _ => false,
        };
        let what = self.what.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        if self.what == What::Sources && self.watch {
            return Some(format!("{what} cannot be watched"));
        }
        let name = self.filters().into_iter().map(|(name, _)| name).find(|name| unknown(name))?;
        let watched = if self.watch { ", while they are watched" } else { "" };
        Some(format!("{what} have no filter `{name}`{watched}"))
    }

    /// Whether the filters let an event pass.
    fn wants(&self, event: &Value) -> bool {
        let object = &event["object"];
        let any = |wanted: &[String], of: &[&Value]| {
            let is = |wanted: &String, value: &Value| match value {
                Value::Array(values) => values.iter().any(|value| value == wanted),
                value => value == wanted,
            };
            wanted.is_empty() || wanted.iter().any(|wanted| of.iter().any(|value| is(wanted, value)))
        };
        let label = |label: &String| match label.split_once('=') {
            Some((name, value)) => object["labels"][name] == value,
            None => !object["labels"][label].is_null(),
        };
        let common = any(self.client.namespace.as_slice(), &[&object["namespace"]])
            && any(&self.kind, &[&object["kind"], &object["kinds"]]);
        match self.what {
            What::Sources => false,
            What::Events => true,
            What::Upstreams => {
                event["kind"] == "upstream"
                    && common
                    && any(&self.upstream, &[&object["name"], &object["id"]])
                    && any(&self.source, &[&object["source"], &object["sourceId"]])
                    && (self.label.is_empty() || self.label.iter().any(label))
            }
            What::Functions => {
                event["kind"] == "function"
                    && common
                    && any(&self.upstream, &[&object["upstream"], &object["upstreamId"]])
                    && any(&self.tag, &[&object["tags"]])
                    && self.deprecated.is_none_or(|wanted| (object["deprecated"] == true) == wanted)
            }
        }
    }
}

/// Lists, and follows with `--watch`.
pub(crate) async fn run(args: &GetArgs) -> anyhow::Result<ExitCode> {
    if let Some(contradiction) = args.contradiction() {
        super::Cli::command().error(ErrorKind::ArgumentConflict, contradiction).exit();
    }
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
            match args.output {
                _ if !args.wants(&event) => {}
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    fn args(line: &str) -> GetArgs {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            args: GetArgs,
        }
        Line::try_parse_from(["get"].into_iter().chain(line.split_whitespace())).unwrap().args
    }

    #[test]
    fn a_watch_shows_what_its_filters_let_pass() {
        let pet = json!({"kind": "function", "object": {
            "upstream": "pets", "upstreamId": "pets-1", "namespace": "n", "name": "list", "kind": "rest", "tags": ["a", "b"], "deprecated": false}});
        let pets = json!({"kind": "upstream", "object": {
            "id": "pets-1", "name": "pets", "namespace": "n", "source": "static", "sourceId": "static=pets",
            "kinds": ["rest", "grpc"], "labels": {"k": "v"}}});
        for (line, of_function, of_upstream) in [
            ("--watch", true, true),
            ("--watch --upstream pets --kind rest -n n", true, true),
            ("--watch --upstream other --upstream pets", true, true),
            ("--watch --upstream other", false, false),
            ("--watch --kind grpc", false, true),
            ("--watch -n other", false, false),
        ] {
            assert_eq!(args(&format!("functions {line}")).wants(&pet), of_function, "{line}");
            assert_eq!(args(&format!("upstreams {line}")).wants(&pets), of_upstream, "{line}");
            assert!(!args(&format!("functions {line}")).wants(&pets) && args("events").wants(&pets), "{line}");
        }
        let check = |line: &str, event: &Value, expected: bool| assert_eq!(args(line).wants(event), expected, "{line}");
        check("functions -w --tag b", &pet, true);
        check("functions -w --tag c", &pet, false);
        check("functions -w --deprecated true", &pet, false);
        check("upstreams -w -l k=v", &pets, true);
        check("upstreams -w -l k=w", &pets, false);
        check("upstreams -w --source consul", &pets, false);
        check("upstreams -w --source static", &pets, true);
        check("upstreams -w --source static=pets", &pets, true);
        check("upstreams -w --source static=cats", &pets, false);
        check("functions -w --upstream pets-1", &pet, true);
        check("upstreams -w --upstream pets-1", &pets, true);
    }

    #[test]
    fn what_an_event_does_not_say_cannot_be_watched_for() {
        let check = |line: &str, expected: bool| {
            assert_eq!(args(line).contradiction().is_some(), expected, "{line}: {:?}", args(line).contradiction());
        };
        check("sources", false);
        check("sources --watch", true);
        check("sources --kind rest", true);
        check("events --upstream pets", true);
        check("functions -q pet --stale true --label k=v", false);
        check("functions -w --label k=v", true);
        check("functions -w -q pet", true);
        check("upstreams -w --stale true", true);
    }
}
