//! What a start found and what it did not: a table for people, and the same as log events where logs are read by machines.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;

use discovery::board::{State, Status};

use crate::api::Api;
use crate::cli::serve::LogFormat;
use crate::config::{Access, Config, is_loopback};

/// The most parts of a source that are told of one by one; `GET /sources` has all.
const MOST_PARTS: usize = 5;

/// A line: what it is about, and what there is to say.
type Row = (String, String);

/// Tells what was found; `notes` are what each kind of source says of its search.
pub(crate) fn tell(config: &Config, api: &Api, admin: SocketAddr, notes: &[(&'static str, String)]) {
    let rows = rows(config, api, admin, notes);
    match config.log_format {
        LogFormat::Text => eprintln!("{}", table(&rows)),
        LogFormat::Json => {
            for (what, found) in rows {
                tracing::info!(what, found, "daemon.found");
            }
        }
    }
}

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
    let mut table = format!("portolan {}", env!("CARGO_PKG_VERSION"));
    for (what, found) in rows {
        // Writing to a string cannot fail.
        let _ = write!(table, "\n  {what:width$}  {found}");
    }
    table
}

fn rows(config: &Config, api: &Api, admin: SocketAddr, notes: &[(&'static str, String)]) -> Vec<Row> {
    let scheme = if config.admin_tls.is_some() { "https" } else { "http" };
    let mut rows: Vec<Row> = vec![
        ("gateway".into(), format!("{}/fn/…{}", api.gateway.url, who(config))),
        ("admin".into(), format!("{scheme}://{admin}")),
        ("catalog".into(), format!("{}, in {}", catalog(api), config.data_dir.display())),
    ];
    for status in api.board.read() {
        rows.push((format!("source {}", status.source), told(&status)));
        rows.extend(parts(&status));
    }
    rows.extend(notes.iter().map(|(kind, note)| (format!("{kind} sources"), note.clone())));
    rows
}

/// Who may call, where that is not everybody who reaches the gateway.
fn who(config: &Config) -> &'static str {
    match config.function_urls.access {
        None if !is_loopback(config.gateway.ip()) => "  (closed until functionUrls.access says who may call)",
        Some(Access::Token) => "  (with the call token)",
        None | Some(Access::Open) => "",
    }
}

fn catalog(api: &Api) -> String {
    let snapshot = api.catalog.snapshot();
    let mut kinds = BTreeMap::<&str, usize>::new();
    for entry in snapshot.upstreams(None) {
        for function in &entry.functions {
            *kinds.entry(function.function.kind.as_str()).or_default() += 1;
        }
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    let (upstreams, functions) = (snapshot.upstream_count(), snapshot.function_count());
    format!("{upstreams} upstreams, {functions} functions{kinds}, revision {}", snapshot.revision)
}

/// How a source is, for who sees it for the first time.
fn told(status: &Status) -> String {
    let error = status.last_error.as_ref().map(|error| format!(": {}", error.message)).unwrap_or_default();
    match status.state {
        State::Starting => format!("has not answered yet{error}; until it does, what the catalog has of it stays"),
        State::Ok => {
            let left_out = match status.left_out.len() {
                0 => String::new(),
                count => format!("; leaves out {count}, GET /api/v1/sources says why"),
            };
            format!("ok, lists {} upstreams with {} endpoints{left_out}", status.upstreams, status.endpoints)
        }
        State::Failing => format!("failing{error}; it is tried again, and what the catalog has of it stays"),
        State::Stopped => "stopped".into(),
    }
}

/// What of a source fails while the rest goes on.
fn parts(status: &Status) -> Vec<Row> {
    let failing = status.failing_parts.iter();
    let mut rows: Vec<Row> =
        failing.take(MOST_PARTS).map(|(part, failure)| (format!("  {part}"), failure.message.clone())).collect();
    if let Some(more) = status.failing_parts.len().checked_sub(MOST_PARTS).filter(|more| *more > 0) {
        rows.push(("  …".to_owned(), format!("{more} more parts fail")));
    }
    rows
}

#[cfg(test)]
mod tests {
    use discovery::board::Failure;
    use jiff::Timestamp;

    use super::*;

    fn failure(message: &str) -> Failure {
        Failure { time: Timestamp::UNIX_EPOCH, message: message.to_owned() }
    }

    fn status(state: State) -> Status {
        Status {
            source: "kubernetes".to_owned(),
            state,
            since: Timestamp::UNIX_EPOCH,
            last_success: None,
            last_error: None,
            failing_parts: BTreeMap::new(),
            as_of: BTreeMap::new(),
            upstreams: 3,
            endpoints: 7,
            lag: None,
            restarts: 0,
            refused: false,
            left_out: BTreeMap::new(),
        }
    }

    #[test]
    fn a_source_says_how_it_is() {
        let check = |state, error: Option<&str>, expected: &str| {
            assert_eq!(told(&Status { last_error: error.map(failure), ..status(state) }), expected);
        };
        let stays = "what the catalog has of it stays";
        check(State::Starting, None, &format!("has not answered yet; until it does, {stays}"));
        check(State::Ok, Some("an old one"), "ok, lists 3 upstreams with 7 endpoints");
        check(State::Failing, Some("refused"), &format!("failing: refused; it is tried again, and {stays}"));
        let left_out = BTreeMap::from([("kube-system/dns:53".to_owned(), "UDP".to_owned())]);
        let expected = "ok, lists 3 upstreams with 7 endpoints; leaves out 1, GET /api/v1/sources says why";
        assert_eq!(told(&Status { left_out, ..status(State::Ok) }), expected);
    }

    #[test]
    fn what_fails_of_a_source_is_named_and_bounded() {
        let failing = |parts: usize| Status {
            failing_parts: (0..parts).map(|part| (format!("part{part}"), failure("forbidden"))).collect(),
            ..status(State::Ok)
        };
        assert!(parts(&failing(0)).is_empty());
        assert_eq!(parts(&failing(1)), [("  part0".to_owned(), "forbidden".to_owned())]);
        assert_eq!(parts(&failing(5)).len(), 5);
        assert_eq!(parts(&failing(9))[5], ("  …".to_owned(), "4 more parts fail".to_owned()));
    }

    #[test]
    fn a_table_is_aligned() {
        let rows = [("a".to_owned(), "one".to_owned()), ("longer".to_owned(), "two".to_owned())];
        assert_eq!(table(&rows).split_once('\n').unwrap().1, "  a       one\n  longer  two");
    }
}
