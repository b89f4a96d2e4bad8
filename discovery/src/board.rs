//! The state of every source, for `GET /sources`, metrics and readiness.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use catalog::model::SourceId;
use catalog::report::Report;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::SourceError;

/// The most entries that one source's list of what it leaves out has.
pub const MOST_LEFT_OUT: usize = 1_000;

/// The longest reason that is kept of each, in bytes.
const LONGEST_REASON: usize = 512;

/// How a source is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has not given a full list in this process yet.
    #[default]
    Starting,
    /// It watches, and what it reported is current.
    Ok,
    /// It broke and is run again after a while; what it listed stays.
    Failing,
    /// It is not run any more.
    Stopped,
}

/// What is known of a source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Which source: `consul`, `consul=10.0.0.1:8500`.
    pub source: String,
    /// How it is.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// When it last reported, or learned that nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    /// Why it last broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Failure>,
    /// What of it fails while the rest goes on, such as a data centre.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failing_parts: BTreeMap<String, Failure>,
    /// Upstreams that it lists.
    pub upstreams: usize,
    /// Their endpoints.
    pub endpoints: usize,
    /// How long the catalog took to make its last report visible, in milliseconds.
    #[serde(rename = "lagMs", skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// How often it was run again.
    pub restarts: u64,
    /// When each part of what it tells was read, where parts are read at their own times: of several readings the oldest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub as_of: BTreeMap<String, Timestamp>,
    /// Whether the place refused the last run, so that running again is of little use.
    #[serde(skip)]
    pub refused: bool,
    /// What the place has and the source does not list, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, String>,
}

/// Why a source broke.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// When.
    pub time: Timestamp,
    /// What happened.
    pub message: String,
}

#[derive(Debug)]
struct Row {
    status: Status,
    listed: HashMap<Arc<str>, usize>,
}

/// What a report says of how many endpoints there are.
pub(crate) enum Counted {
    /// These upstreams, and no other.
    All(HashMap<Arc<str>, usize>),
    /// This upstream has so many.
    One(Arc<str>, usize),
    /// This upstream is none any more.
    None(Arc<str>),
    /// It is about something else.
    Nothing,
}

impl From<&Report> for Counted {
    fn from(report: &Report) -> Self {
        match report {
            Report::Full(all) | Report::Doubted(all) => {
                Self::All(all.iter().map(|l| (l.key.clone(), l.endpoints.len())).collect())
            }
            Report::Changed(one) => Self::One(one.key.clone(), one.endpoints.len()),
            Report::Endpoints(key, endpoints) => Self::One(key.clone(), endpoints.len()),
            Report::Removed(key) => Self::None(key.clone()),
            Report::Over(_) => Self::Nothing,
        }
    }
}

/// All states. Cheap to clone; every clone is the same board.
#[derive(Clone, Debug)]
pub struct Board(Arc<watch::Sender<BTreeMap<SourceId, Row>>>);

impl Default for Board {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeMap::new())))
    }
}

impl Board {
    /// The state of every source, in the order of their ids.
    pub fn read(&self) -> Vec<Status> {
        self.0.borrow().values().map(|row| row.status.clone()).collect()
    }

    /// When `source` last reported, or learned that nothing changed.
    pub fn last_success(&self, source: &SourceId) -> Option<Timestamp> {
        self.0.borrow().get(source)?.status.last_success
    }

    /// Returns when `fact` holds for all sources together, at once if it does already.
    pub async fn wait_for(&self, fact: impl Fn(&[Status]) -> bool) {
        let mut changes = self.0.subscribe();
        loop {
            let now: Vec<_> = changes.borrow_and_update().values().map(|row| row.status.clone()).collect();
            if fact(&now) || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Shows `source` as one that starts.
    pub(crate) fn add(&self, source: &SourceId) {
        self.0.send_modify(|rows| {
            rows.entry(source.clone()).or_insert_with(|| Row { status: starting(source), listed: HashMap::new() });
        });
    }

    pub(crate) fn reported(&self, source: &SourceId, counted: Counted, lag: Duration) {
        self.change(source, |row| {
            match counted {
                Counted::All(all) => row.listed = all,
                Counted::One(key, endpoints) => drop(row.listed.insert(key, endpoints)),
                Counted::None(key) => drop(row.listed.remove(&key)),
                // Until it has told of its own there is nothing that could be as of now.
                Counted::Nothing if row.status.last_success.is_none() => return,
                Counted::Nothing => {}
            }
            row.status.upstreams = row.listed.len();
            row.status.endpoints = row.listed.values().sum();
            row.status.lag = lag.as_millis().try_into().ok();
            row.status.last_success = Some(Timestamp::now());
            row.status.enter(State::Ok);
        });
    }

    pub(crate) fn alive(&self, source: &SourceId) {
        self.change(source, |row| {
            // What never reported has nothing that could be as of now.
            if row.status.last_success.is_some() {
                row.status.last_success = Some(Timestamp::now());
                row.status.enter(State::Ok);
            }
        });
    }

    pub(crate) fn leave_out(&self, source: &SourceId, left_out: impl IntoIterator<Item = (String, String)>) {
        let left_out: BTreeMap<_, _> =
            left_out.into_iter().take(MOST_LEFT_OUT).map(|(what, why)| (what, cut(why))).collect();
        self.change(source, |row| row.status.left_out = left_out);
    }

    /// Whether `source` has reported after `then`.
    pub(crate) fn reported_since(&self, source: &SourceId, then: Timestamp) -> bool {
        self.0.borrow().get(source).and_then(|row| row.status.last_success).is_some_and(|last| last > then)
    }

    pub(crate) fn failed(&self, source: &SourceId, error: &SourceError) {
        self.change(source, |row| {
            row.status.last_error = Some(Failure { time: Timestamp::now(), message: error.to_string() });
            row.status.refused = matches!(error, SourceError::Refused { .. });
            row.status.restarts += 1;
            row.status.enter(State::Failing);
        });
    }

    /// A part of `source` fails, or does no more.
    pub(crate) fn part(&self, source: &SourceId, part: &str, failure: Option<String>) {
        self.change(source, |row| match failure {
            Some(message) => {
                let failure = Failure { time: Timestamp::now(), message };
                row.status.last_error = Some(failure.clone());
                row.status.failing_parts.insert(part.to_owned(), failure);
            }
            None => drop(row.status.failing_parts.remove(part)),
        });
    }

    /// A run of `source` begins: what an earlier one said of parts that fail is over.
    pub(crate) fn begins(&self, source: &SourceId) {
        self.change(source, |row| row.status.failing_parts.clear());
    }

    /// The parts of `source` with these names are watched no more.
    pub(crate) fn forget(&self, source: &SourceId, is_gone: impl Fn(&str) -> bool) {
        self.change(source, |row| {
            row.status.failing_parts.retain(|name, _| !is_gone(name));
            row.status.as_of.retain(|name, _| !is_gone(name));
        });
    }

    /// A part of what `source` tells was read then.
    pub(crate) fn as_of(&self, source: &SourceId, part: &str, read: Timestamp) {
        self.change(source, |row| _ = row.status.as_of.insert(part.to_owned(), read));
    }

    pub(crate) fn stopped(&self, source: &SourceId) {
        self.change(source, |row| row.status.enter(State::Stopped));
    }

    fn change(&self, source: &SourceId, change: impl FnOnce(&mut Row)) {
        self.0.send_if_modified(|rows| rows.get_mut(source).map(change).is_some());
    }
}

impl Status {
    fn enter(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.since = Timestamp::now();
        }
    }
}

fn starting(source: &SourceId) -> Status {
    Status {
        source: source.to_string(),
        state: State::Starting,
        since: Timestamp::now(),
        last_success: None,
        last_error: None,
        failing_parts: BTreeMap::new(),
        upstreams: 0,
        endpoints: 0,
        lag: None,
        restarts: 0,
        as_of: BTreeMap::new(),
        refused: false,
        left_out: BTreeMap::new(),
    }
}

/// As much of a text as is kept: it may quote what is foreign.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_REASON));
    text
}

#[cfg(test)]
mod tests {
    use catalog::model::{Endpoint, UpstreamSpec};
    use catalog::report::Listed;

    use super::*;

    fn listed(key: &str, endpoints: usize) -> Listed {
        let endpoint = Endpoint::at("127.0.0.1:1".parse().unwrap());
        let (spec, endpoints) = (UpstreamSpec::default(), vec![endpoint; endpoints]);
        Listed { key: key.into(), name: key.into(), namespace: None, spec, endpoints }
    }

    #[test]
    fn reports_are_counted() {
        let (board, source) = (Board::default(), SourceId::new("static", ""));
        board.add(&source);
        let check = |report: Report, counts: (usize, usize)| {
            board.reported(&source, Counted::from(&report), Duration::from_millis(3));
            let status = board.read().remove(0);
            assert_eq!((status.upstreams, status.endpoints), counts);
            assert_eq!((status.state, status.lag), (State::Ok, Some(3)));
        };
        check(Report::Full(vec![listed("a", 2), listed("b", 1)]), (2, 3));
        check(Report::Endpoints("a".into(), vec![]), (2, 1));
        check(Report::Changed(Box::new(listed("c", 4))), (3, 5));
        check(Report::Removed("b".into()), (2, 4));
        check(Report::Full(vec![]), (0, 0));
    }

    #[test]
    fn what_is_said_of_others_is_no_list() {
        let (board, source) = (Board::default(), SourceId::new("static", ""));
        board.add(&source);
        board.reported(&source, Counted::from(&Report::Over(vec![])), Duration::ZERO);
        assert_eq!((board.read()[0].state, board.read()[0].last_success), (State::Starting, None));
    }

    #[test]
    fn a_part_that_fails_is_shown_until_it_does_no_more() {
        let (board, source) = (Board::default(), SourceId::new("consul", ""));
        board.add(&source);
        board.reported(&source, Counted::from(&Report::Full(vec![listed("a", 1)])), Duration::ZERO);
        board.part(&source, "dc2", Some("no path".into()));
        let status = board.read().remove(0);
        assert_eq!((status.state, &*status.failing_parts["dc2"].message), (State::Ok, "no path"));
        assert_eq!(status.last_error.unwrap().message, "no path");
        board.part(&source, "dc2", None);
        assert_eq!(board.read()[0].failing_parts, BTreeMap::new());
    }

    #[test]
    fn a_failure_keeps_what_was_listed() {
        let (board, source) = (Board::default(), SourceId::new("static", ""));
        board.add(&source);
        board.reported(&source, Counted::from(&Report::Full(vec![listed("a", 1)])), Duration::ZERO);
        board.failed(&source, &SourceError::Place { act: "watch".into(), cause: "gone".into() });
        let status = board.read().remove(0);
        assert_eq!((status.state, status.upstreams, status.restarts), (State::Failing, 1, 1));
        assert!(status.last_success.is_some() && status.last_error.unwrap().message == "watch: gone");
        board.alive(&source);
        assert_eq!(board.read()[0].state, State::Ok);
    }
}
