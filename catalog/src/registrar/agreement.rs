//! When a probe's answer is believed. What an answer adds or changes is taken at once; what it takes away waits until a second
//! endpoint, or a second look, agrees. While two versions of a service run behind one name, the functions of both stay.
//!
//! One [`Agreement`] holds what the recent answers for one kind on one upstream were. It is not kept across restarts: then the
//! confirmations begin anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Digest;

/// A second look at the same endpoint agrees when it comes this much later: a rolling restart has moved on by then.
pub(super) const SECOND_LOOK: Duration = Duration::from_secs(30);

/// For so long an endpoint's answer vouches for what it had, unless the endpoint is gone or has answered anew.
const VOUCHES: Duration = Duration::from_secs(600);

/// So many answers in a row that are none of this kind, over [`NEGATIVE_SPAN`], remove what an earlier one had.
const NEGATIVES: u32 = 3;

/// The time that the negative answers must span.
const NEGATIVE_SPAN: Duration = Duration::from_secs(600);

/// How many endpoints' answers are remembered; of more, the oldest is forgotten. Two versions show within a few answers.
const MAX_ANSWERS: usize = 8;

/// What the recent answers were.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// The newest of each endpoint, oldest first.
    answers: Vec<Answer>,
    /// The functions that the catalog keeps although the newest answers lack them, by origin.
    absences: BTreeMap<Box<str>, Absence>,
    /// Contents of functions that were replaced lately, and when.
    replaced: HashMap<(Box<str>, Digest), Instant>,
    negatives: Option<(u32, Instant)>,
}

#[derive(Debug)]
struct Answer {
    endpoint: SocketAddr,
    at: Instant,
    /// The functions of the catalog that it lacks, or has otherwise.
    lacks: BTreeSet<Box<str>>,
}

/// Since when, and by which endpoint first, a function is said to be gone.
#[derive(Debug)]
struct Absence {
    since: Instant,
    by: SocketAddr,
}

/// Functions, each with the digest of its content.
pub(super) type Contents<'a> = BTreeMap<&'a str, Digest>;

/// What becomes of the functions of the catalog.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict<'a> {
    /// To be added.
    pub(super) add: BTreeSet<&'a str>,
    /// To be replaced by what the answer has.
    pub(super) take: BTreeSet<&'a str>,
    /// To be removed.
    pub(super) remove: BTreeSet<&'a str>,
    /// To be kept as they are, though the answer lacks them or has them otherwise.
    pub(super) keep: BTreeSet<&'a str>,
}

impl Agreement {
    /// Whether something is kept that the newest answers lack.
    pub(super) fn is_open(&self) -> bool {
        !self.absences.is_empty()
    }

    /// Within which time another look should come.
    pub(super) fn confirm_within(&self, now: Instant) -> Option<Duration> {
        let first = self.absences.values().map(|absence| absence.since).min()?;
        // One that is kept for longer waits for another endpoint.
        let left = SECOND_LOOK.saturating_sub(now.duration_since(first));
        Some(if left.is_zero() { SECOND_LOOK } else { left })
    }

    /// Weighs the answer `new` of `endpoint`, `None` where it is what the catalog has, against the catalog's functions `old`.
    /// `is_listed` says whether the upstream still has an endpoint.
    pub(super) fn weigh<'a>(
        &mut self,
        now: Instant,
        endpoint: SocketAddr,
        is_listed: impl Fn(SocketAddr) -> bool,
        old: &Contents<'a>,
        new: Option<&Contents<'a>>,
    ) -> Verdict<'a> {
        self.negatives = None;
        self.answers.retain(|answer| {
            answer.endpoint != endpoint && now.duration_since(answer.at) < VOUCHES && is_listed(answer.endpoint)
        });
        self.replaced.retain(|_, at| now.duration_since(*at) < VOUCHES);
        let new = new.unwrap_or(old);
        let mut verdict = Verdict::default();
        let mut lacks = BTreeSet::new();
        for (&origin, &content) in old {
            let offered = new.get(origin).copied();
            if offered == Some(content) {
                self.absences.remove(origin);
                continue;
            }
            // A content that was replaced lately is no news: it is the other version, still running.
            let news = offered.filter(|offered| !self.replaced.contains_key(&(origin.into(), *offered)));
            if news.is_none() && !self.confirmed(now, endpoint, origin) {
                lacks.insert(origin.into());
                verdict.keep.insert(origin);
                continue;
            }
            self.absences.remove(origin);
            match offered {
                Some(_) => {
                    self.replaced.insert((origin.into(), content), now);
                    verdict.take.insert(origin);
                }
                None => {
                    verdict.remove.insert(origin);
                }
            }
        }
        verdict.add = new.keys().filter(|origin| !old.contains_key(*origin)).copied().collect();
        self.absences.retain(|origin, _| verdict.keep.contains(&**origin));
        self.remember(Answer { endpoint, at: now, lacks }, &verdict);
        verdict
    }

    /// Whether the endpoint's denial of a function is enough.
    fn confirmed(&mut self, now: Instant, endpoint: SocketAddr, origin: &str) -> bool {
        let absence = self.absences.entry(origin.into()).or_insert(Absence { since: now, by: endpoint });
        let agreed = absence.by != endpoint || now.duration_since(absence.since) >= SECOND_LOOK;
        agreed && self.answers.iter().all(|answer| answer.lacks.contains(origin))
    }

    fn remember(&mut self, answer: Answer, verdict: &Verdict<'_>) {
        for other in &mut self.answers {
            // What is new to the catalog, the others did not have; what is gone from it, nobody lacks.
            other.lacks.extend(verdict.add.iter().chain(&verdict.take).map(|origin| Box::from(*origin)));
            for origin in &verdict.remove {
                other.lacks.remove(*origin);
            }
        }
        if self.answers.len() == MAX_ANSWERS {
            self.answers.remove(0);
        }
        self.answers.push(answer);
    }

    /// Counts an answer that is none of this kind. Returns when enough have agreed that it is so.
    pub(super) fn deny(&mut self, now: Instant) -> bool {
        let (count, since) = self.negatives.unwrap_or((0, now));
        self.negatives = Some((count + 1, since));
        count + 1 >= NEGATIVES && now.duration_since(since) >= NEGATIVE_SPAN
    }

    /// Within which time another negative answer should come: so that the last of them ends the span.
    pub(super) const DENIED_AGAIN: Duration = Duration::from_secs(NEGATIVE_SPAN.as_secs() / (NEGATIVES as u64 - 1));
}
