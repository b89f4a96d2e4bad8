//! One upstream as the prober sees it: which kinds it is offered to, and when next. Decides, and does nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use catalog::model::{EndpointSet, Kind, KindState, UpstreamSpec};
use catalog::snapshot::UpstreamEntry;
use jiff::{SignedDuration, Timestamp};
use plugins::FunctionKind;
use tokio::time::Instant;

use super::look::Looked;
use super::outcome::{Discovery, KindLook, State, Verdict};
use super::pace;
use crate::eligibility::Rules;

/// Kinds that are due this soon are looked for in the same round: they share its connections.
const TOGETHER: Duration = Duration::from_millis(500);

/// The soonest that a confirmation is asked for.
const CONFIRM_LEAST: Duration = Duration::from_secs(1);

/// What is one function may be asleep, and a look starts it: it is looked at when its source says something else, and else this seldom.
const ASLEEP: Duration = Duration::from_secs(24 * 3_600);

/// One kind on one upstream.
struct Offer {
    kind: &'static dyn FunctionKind,
    verdict: Verdict,
    /// Whether it was found here once, so that a failure is news.
    established: bool,
    failures: u32,
    /// The probe's newest note, where the catalog has an older one.
    note: Option<String>,
    last: Option<(Instant, Timestamp)>,
    due: Instant,
}

/// One upstream.
pub(super) struct Tracked {
    spec: Arc<UpstreamSpec>,
    endpoints: EndpointSet,
    offers: Vec<Offer>,
    rule: String,
    off: bool,
    /// Where its source itself lists its functions: whether it has listed some.
    listed: Option<bool>,
    /// An instance that was not there before: asked first.
    newcomer: Option<SocketAddr>,
    /// Which endpoint was asked last, so that a confirmation comes from another one.
    asked: Option<SocketAddr>,
}

/// Who is offered to which kinds.
pub(super) struct Eligibility {
    pub(super) kinds: &'static [&'static dyn FunctionKind],
    pub(super) rules: Rules,
}

impl Tracked {
    /// An upstream that is new here, to be looked at from `due` on.
    pub(super) fn new(entry: &UpstreamEntry, endpoints: EndpointSet, who: &Eligibility, due: Instant) -> Self {
        let (spec, offers, rule) = (entry.upstream.spec.clone(), Vec::new(), String::new());
        let mut tracked = Self { spec, endpoints, offers, rule, off: false, listed: None, newcomer: None, asked: None };
        tracked.offer(entry, who, due);
        tracked
    }

    /// Takes what the catalog says now. What is looked for sooner because of it is due at once.
    pub(super) fn update(&mut self, entry: &UpstreamEntry, endpoints: EndpointSet, who: &Eligibility, now: Instant) {
        for offer in &mut self.offers {
            offer.established = entry.upstream.kinds.contains_key(&offer.kind.kind());
        }
        self.listed = self.listed.map(|_| !entry.upstream.kinds.is_empty());
        let before = std::mem::replace(&mut self.endpoints, endpoints);
        if !Arc::ptr_eq(&self.spec, &entry.upstream.spec) && self.spec != entry.upstream.spec {
            self.spec = entry.upstream.spec.clone();
            return self.offer(entry, who, now);
        }
        let new = self.endpoints.usable().iter().find(|address| !before.usable().contains(address));
        if let Some(newcomer) = new {
            self.newcomer = Some(*newcomer);
            for offer in &mut self.offers {
                let earliest = offer.last.map_or(now, |(last, _)| last + pace::new_instance(&offer.verdict));
                offer.due = offer.due.min(earliest.max(now));
            }
        }
    }

    /// Decides anew which kinds it is offered to; all of them are due then. One that was found here once is offered it whatever is spoken
    /// now: only a look can deny it.
    fn offer(&mut self, entry: &UpstreamEntry, who: &Eligibility, due: Instant) {
        self.listed = self.spec.aws.as_ref().map(|_| !entry.upstream.kinds.is_empty());
        let upstream = &entry.upstream;
        let decision = who.rules.decide(&upstream.origin.source, &upstream.namespace, &self.spec);
        (self.off, self.rule) = match self.listed {
            Some(_) => (true, "its source lists its functions".into()),
            None => (!decision.on, decision.rule),
        };
        let is_established = |kind: &dyn FunctionKind| entry.upstream.kinds.contains_key(&kind.kind());
        let may_be = |kind: &dyn FunctionKind| kind.probe().is_some_and(|probe| probe.looks_at(&self.spec));
        let offered = who.kinds.iter().filter(|kind| !self.off && (may_be(**kind) || is_established(**kind)));
        let offer = |kind: &&'static dyn FunctionKind| {
            let established = is_established(*kind);
            let verdict = if established { Verdict::Found } else { Verdict::Waiting };
            Offer { kind: *kind, verdict, established, failures: 0, note: None, last: None, due }
        };
        self.offers = offered.map(offer).collect();
        if self.offers.is_empty() && !self.off {
            self.off = true;
            self.rule = "no kind of function can be found over its protocol".into();
        }
    }

    /// When the next round is due; `None` where there is nobody to ask.
    pub(super) fn due(&self) -> Option<Instant> {
        self.offers.iter().map(|offer| offer.due).min().filter(|_| !self.endpoints.usable().is_empty())
    }

    /// Makes all looks due.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.offers.iter_mut().for_each(|offer| offer.due = now);
    }

    /// Whether it was never looked at and can be.
    pub(super) fn awaits_first_look(&self) -> bool {
        self.due().is_some() && self.offers.iter().any(|offer| offer.verdict == Verdict::Waiting)
    }

    /// The kinds that are due, each with what is known of it; `known` is what the catalog has.
    pub(super) fn due_kinds(
        &self,
        known: &BTreeMap<Kind, KindState>,
        now: Instant,
    ) -> Vec<(&'static dyn FunctionKind, Option<KindState>)> {
        let due = self.offers.iter().filter(|offer| offer.due <= now + TOGETHER);
        let with_note = |offer: &Offer, state: &KindState| KindState {
            hint: offer.note.clone().or_else(|| state.hint.clone()),
            ..state.clone()
        };
        due.map(|offer| (offer.kind, known.get(&offer.kind.kind()).map(|state| with_note(offer, state)))).collect()
    }

    /// Which endpoints to ask, the first one first.
    pub(super) fn candidates(&mut self, most: usize) -> Vec<SocketAddr> {
        in_order(self.endpoints.usable(), self.asked, self.newcomer.take(), most)
    }

    /// Why it is never looked at, where that is so.
    pub(super) fn off(&self) -> Option<&str> {
        self.off.then_some(&*self.rule)
    }

    /// Its spec.
    pub(super) fn spec(&self) -> &Arc<UpstreamSpec> {
        &self.spec
    }

    /// Writes down what a round found for one kind.
    pub(super) fn judged(&mut self, looked: Looked, now: Instant) {
        let Looked { kind, verdict, endpoint, confirm, note } = looked;
        self.asked = Some(endpoint);
        let others = self.offers.iter().any(|o| o.kind.kind() != kind.kind() && o.verdict == Verdict::Found);
        let Some(offer) = self.offers.iter_mut().find(|offer| offer.kind.kind() == kind.kind()) else { return };
        offer.established |= verdict == Verdict::Found;
        offer.failures = if matches!(verdict, Verdict::Failed(_)) { offer.failures.saturating_add(1) } else { 0 };
        let wait = pace::after(&verdict, offer.failures, others && !offer.established);
        let wait = confirm.map_or(wait, |confirm| confirm.min(wait).max(CONFIRM_LEAST));
        let is_known = matches!(verdict, Verdict::Found | Verdict::NotThis);
        let wait = if is_known && self.spec.sole_function.is_some() { ASLEEP } else { wait };
        // A new instance that came during the round was not asked in it.
        let wait = self.newcomer.map_or(wait, |_| wait.min(pace::new_instance(&verdict)));
        offer.due = now + wait;
        if verdict == Verdict::Found {
            offer.note = note;
        }
        offer.verdict = verdict;
        offer.last = Some((now, Timestamp::now()));
    }

    /// What people see of it.
    pub(super) fn shown(&self, running: bool, now: Instant) -> Discovery {
        let time = |due: Instant| timestamp(due, now).filter(|_| !running && !self.endpoints.usable().is_empty());
        let kinds = self.offers.iter().map(|offer| KindLook {
            kind: offer.kind.kind(),
            state: offer.verdict.state(),
            error: offer.verdict.error(),
            last_attempt: offer.last.map(|(_, time)| time),
            next_attempt: time(offer.due),
        });
        let (state, error) = self.state();
        let next_attempt = self.due().and_then(time);
        Discovery { state, error, next_attempt, rule: self.rule.clone(), kinds: kinds.collect() }
    }

    /// A kind that was found once and now fails is what counts most, then one that is found, then one that could not be found out.
    fn state(&self) -> (State, Option<String>) {
        let failing = |offer: &&Offer| matches!(offer.verdict, Verdict::Failed(_));
        let lost = self.offers.iter().filter(failing).find(|offer| offer.established);
        let found = self.offers.iter().any(|offer| offer.verdict == Verdict::Found);
        match lost.or_else(|| self.offers.iter().find(failing).filter(|_| !found)) {
            _ if self.listed == Some(true) => (State::Found, None),
            _ if self.listed == Some(false) => (State::Waiting, Some("its source has not listed its functions".into())),
            _ if self.off => (State::Off, None),
            Some(offer) => (State::Failing, offer.verdict.error()),
            None if found => (State::Found, None),
            None if self.endpoints.usable().is_empty() => (State::Waiting, Some("it has no healthy endpoint".into())),
            None if self.offers.iter().any(|offer| offer.verdict == Verdict::Waiting) => (State::Waiting, None),
            None => (State::None, None),
        }
    }
}

/// At most `most` of `usable`: a newcomer before all others, then those that follow the one that was asked last.
fn in_order(
    usable: &[SocketAddr],
    asked: Option<SocketAddr>,
    newcomer: Option<SocketAddr>,
    most: usize,
) -> Vec<SocketAddr> {
    let mut addresses = usable.to_vec();
    addresses.sort();
    addresses.dedup();
    let next = asked.map_or(0, |asked| addresses.partition_point(|address| *address <= asked));
    addresses.rotate_left(next);
    if let Some(at) = newcomer.and_then(|new| addresses.iter().position(|address| *address == new)) {
        addresses[..=at].rotate_right(1);
    }
    addresses.truncate(most);
    addresses
}

fn timestamp(due: Instant, now: Instant) -> Option<Timestamp> {
    let wait = SignedDuration::try_from(due.saturating_duration_since(now)).ok()?;
    Timestamp::now().checked_add(wait).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_come_first_and_nobody_is_asked_twice_in_a_row() {
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let check = |usable: &[u16], asked: Option<u16>, newcomer: Option<u16>, wanted: &[u16]| {
            let usable: Vec<_> = usable.iter().copied().map(at).collect();
            let got = in_order(&usable, asked.map(at), newcomer.map(at), 2);
            assert_eq!(got, wanted.iter().copied().map(at).collect::<Vec<_>>());
        };
        check(&[3, 1, 2, 1], None, None, &[1, 2]);
        check(&[1, 2, 3], Some(1), None, &[2, 3]);
        check(&[1, 2, 3], Some(3), None, &[1, 2]);
        check(&[1, 3], Some(2), None, &[3, 1]);
        check(&[1, 2, 3], Some(1), Some(1), &[1, 2]);
        check(&[1, 2, 3], None, Some(3), &[3, 1]);
        check(&[1], Some(1), Some(9), &[1]);
        check(&[], Some(1), Some(1), &[]);
    }
}
