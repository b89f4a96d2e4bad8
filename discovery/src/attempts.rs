//! What discovery asked of each upstream and what came of it, for `portolan why`.
//!
//! The same question with the same answer is one line that counts, so that a re-probe each minute does not push the
//! interesting lines out. Bounded for each upstream and in all.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catalog::model::{Kind, UpstreamId};
use jiff::Timestamp;
use serde::Serialize;

/// The most lines kept for one upstream.
pub const MOST_PER_UPSTREAM: usize = 50;
/// The fewest lines that an upstream may keep, however many upstreams there are: one round of questions.
const FEWEST_PER_UPSTREAM: usize = 16;
/// Lines kept in all, above which each upstream keeps fewer: some 10 MB.
const MOST_IN_ALL: usize = 50_000;
/// The longest text of a question or an answer, in bytes; what a server says is cut there.
const LONGEST_TEXT: usize = 300;

/// One question to one endpoint, with what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it was made, the last time.
    pub time: Timestamp,
    /// How often with this same result, one time after the other.
    pub times: u32,
    /// The kind on whose behalf; absent for what all kinds share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Where.
    pub endpoint: SocketAddr,
    /// What was asked: `GET /openapi.json`.
    pub asked: Box<str>,
    /// What came: `200 application/json, 1234 bytes`, or what went wrong.
    pub answer: Box<str>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Attempt {
    fn is_repeated_by(&self, next: &Attempt) -> bool {
        self.endpoint == next.endpoint
            && self.kind == next.kind
            && self.asked == next.asked
            && self.answer == next.answer
    }
}

/// All attempts. Cheap to clone; every clone is the same journal.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<HashMap<UpstreamId, VecDeque<Attempt>>>>);

impl Journal {
    /// Writes down one attempt.
    pub fn record(&self, upstream: &UpstreamId, mut attempt: Attempt) {
        cut(&mut attempt.asked);
        cut(&mut attempt.answer);
        let mut journal = self.lock();
        let most = (MOST_IN_ALL / journal.len().max(1)).clamp(FEWEST_PER_UPSTREAM, MOST_PER_UPSTREAM);
        let lines = journal.entry(upstream.clone()).or_default();
        if let Some(at) = lines.iter().rposition(|line| line.is_repeated_by(&attempt)) {
            attempt.times = lines.remove(at).map_or(1, |line| line.times.saturating_add(1));
        }
        while lines.len() >= most {
            lines.pop_front();
        }
        lines.push_back(attempt);
    }

    /// The attempts on one upstream, newest first.
    pub fn of(&self, upstream: &UpstreamId) -> Vec<Attempt> {
        self.lock().get(upstream).map(|lines| lines.iter().rev().cloned().collect()).unwrap_or_default()
    }

    /// Drops what is kept of an upstream that is no more.
    pub fn forget(&self, upstream: &UpstreamId) {
        self.lock().remove(upstream);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UpstreamId, VecDeque<Attempt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(text: &mut Box<str>) {
    if text.len() > LONGEST_TEXT {
        *text = format!("{}…", &text[..text.floor_char_boundary(LONGEST_TEXT)]).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(asked: &str, answer: &str) -> Attempt {
        let endpoint = "127.0.0.1:1".parse().unwrap();
        let time = Timestamp::now();
        Attempt { time, times: 1, kind: None, endpoint, asked: asked.into(), answer: answer.into(), took_ms: 0 }
    }

    #[test]
    fn a_repeated_attempt_is_one_line_that_counts() {
        let (journal, id) = (Journal::default(), UpstreamId::from("a-1"));
        for _ in 0..3 {
            journal.record(&id, attempt("GET /a", "404"));
            journal.record(&id, attempt("GET /b", "200"));
        }
        journal.record(&id, attempt("GET /b", "500"));
        let lines: Vec<_> = journal.of(&id).iter().map(|a| format!("{} {} x{}", a.asked, a.answer, a.times)).collect();
        assert_eq!(lines, ["GET /b 500 x1", "GET /b 200 x3", "GET /a 404 x3"]);
    }

    #[test]
    fn the_newest_lines_are_kept_and_long_texts_cut() {
        let (journal, id) = (Journal::default(), UpstreamId::from("a-1"));
        for n in 0..200 {
            journal.record(&id, attempt(&format!("GET /{n}"), &"é".repeat(1000)));
        }
        let lines = journal.of(&id);
        assert_eq!((lines.len(), &*lines[0].asked), (MOST_PER_UPSTREAM, "GET /199"));
        assert!(lines[0].answer.len() < LONGEST_TEXT + 4);
        journal.forget(&id);
        assert!(journal.of(&id).is_empty());
    }

    #[test]
    fn many_upstreams_share_the_room() {
        let journal = Journal::default();
        for upstream in 0..5_000 {
            for n in 0..20 {
                journal.record(&UpstreamId::from(&*format!("u-{upstream}")), attempt(&format!("GET /{n}"), "404"));
            }
        }
        let kept: usize = journal.lock().values().map(VecDeque::len).sum();
        assert!(kept <= 2 * MOST_IN_ALL, "{kept}");
        assert!(journal.of(&UpstreamId::from("u-4999")).len() >= FEWEST_PER_UPSTREAM);
    }
}
