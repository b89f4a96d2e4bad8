//! The prober: offers each upstream of the catalog to every function kind that can describe itself, and tells the catalog what
//! they found.
//!
//! It follows the catalog's snapshots and looks at what is new, changed or due, at one endpoint at a time. Looks are capped in number and
//! rate, bounded in time and memory, and recorded. An upstream that hangs delays no other.

mod handle;
mod lanes;
mod look;
mod outcome;
mod pace;
#[cfg(test)]
mod tests;
mod tracked;
#[cfg(test)]
mod traps;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use catalog::model::{UpstreamId, UpstreamSpec};
use catalog::{Catalog, Snapshot};
use plugins::FunctionKind;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

pub use handle::{Handle, RefreshError};
pub use outcome::{Counts, Discovery, KindLook, Outcomes, State};

use crate::attempts::Journal;
use crate::eligibility::Rules;
use crate::fetch::Fetcher;
use handle::{Answer, Progress, QUEUE, Request};
use lanes::{Lane, Lanes, Overdue, PATIENCE};
use look::{ENDPOINTS, Job, Looked, Looker};
use outcome::Verdict;
use pace::Throttle;
use tracked::{Eligibility, Tracked};

/// What the prober is told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is looked at.
    pub rules: Rules,
    /// Paths where documents are usually found, in the order to try.
    pub document_paths: Arc<[String]>,
}

/// Looks at upstreams.
pub struct Prober {
    looker: Looker,
    journal: Journal,
    who: Eligibility,
    requests: mpsc::Receiver<Request>,
    handle: Handle,
    progress: watch::Sender<Progress>,
    /// How many upstreams wait for their first look.
    unseen: usize,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    seen: Arc<Snapshot>,
    upstreams: HashMap<UpstreamId, Entry>,
    queue: BTreeSet<(Instant, UpstreamId)>,
    lanes: Lanes,
    throttle: Throttle,
    rounds: JoinSet<Vec<Looked>>,
    tasks: HashMap<Id, UpstreamId>,
}

/// An upstream with what is going on.
struct Entry {
    tracked: Tracked,
    /// When it stands in the queue.
    queued: Option<Instant>,
    /// Whether it waits for a place in a lane.
    waits: bool,
    round: Option<Running>,
    /// Whether its last round was too long for the quick lane.
    slow: bool,
    /// Whether someone asked for a look since the round began.
    again: bool,
    asked: Vec<Answer>,
    /// Whether it is counted among those that wait for their first look.
    unseen: bool,
}

/// A round that runs.
struct Running {
    lane: Lane,
    task: AbortHandle,
    since: Instant,
    /// What it looks at; what it finds is void once that is another.
    spec: Arc<UpstreamSpec>,
}

impl Prober {
    /// Will offer what is in `catalog` to `kinds`, through `fetcher`, which writes to `journal`.
    pub fn new(
        catalog: Catalog,
        fetcher: Fetcher,
        journal: Journal,
        kinds: &'static [&'static dyn FunctionKind],
        settings: Settings,
    ) -> Self {
        let (sender, requests) = mpsc::channel(QUEUE);
        let (progress, shown) = watch::channel(Progress::default());
        let outcomes = Outcomes::default();
        let snapshots = catalog.subscribe();
        let handle = Handle { requests: sender, outcomes: outcomes.clone(), progress: shown };
        Self {
            looker: Looker { catalog, fetcher, outcomes, document_paths: settings.document_paths },
            journal,
            who: Eligibility { kinds, rules: settings.rules },
            requests,
            handle,
            progress,
            unseen: 0,
            snapshots,
            seen: Arc::default(),
            upstreams: HashMap::new(),
            queue: BTreeSet::new(),
            lanes: Lanes::default(),
            throttle: Throttle::new(Instant::now()),
            rounds: JoinSet::new(),
            tasks: HashMap::new(),
        }
    }

    /// Reaches it while it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Looks until `stop`, or until the catalog is gone.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        self.snapshots.mark_changed();
        loop {
            let wake = self.advance();
            let wait = async {
                match wake {
                    Some(wake) => sleep_until(wake).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut stop => break,
                changed = self.snapshots.changed() => match changed {
                    Ok(()) => self.follow(),
                    Err(_) => break,
                },
                Some(done) = self.rounds.join_next_with_id() => self.finished(done),
                Some(request) = self.requests.recv() => self.requested(request),
                () = wait => {}
            }
        }
        self.rounds.shutdown().await;
    }

    /// Takes the newest snapshot; looks only at what differs from the one before.
    fn follow(&mut self) {
        let next = self.snapshots.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.seen, next.clone());
        let (now, first) = (Instant::now(), self.progress.borrow().generation == 0);
        let known = if first { next.upstreams(None).filter(|e| !e.upstream.kinds.is_empty()).count() } else { 0 };
        let mut nth = 0;
        for id in next.changed_since(&before) {
            let Some(entry) = next.by_id(id) else {
                self.forget(id);
                continue;
            };
            let endpoints = next.endpoints(id).cloned().unwrap_or_default();
            if let Some(there) = self.upstreams.get_mut(id) {
                there.tracked.update(entry, endpoints, &self.who, now);
            } else {
                let old = first && !entry.upstream.kinds.is_empty();
                let due = if old { now + pace::spread(nth, known) } else { now };
                nth += usize::from(old);
                let tracked = Tracked::new(entry, endpoints, &self.who, due);
                self.upstreams.insert(id.clone(), Entry::new(tracked));
            }
            self.requeue(id);
        }
        self.show_progress();
    }

    fn forget(&mut self, id: &UpstreamId) {
        let Some(entry) = self.upstreams.remove(id) else { return };
        if let Some(queued) = entry.queued {
            self.queue.remove(&(queued, id.clone()));
        }
        if let Some(round) = entry.round {
            round.task.abort();
            self.tasks.remove(&round.task.id());
            self.lanes.leave(round.lane, id);
        }
        self.unseen -= usize::from(entry.unseen);
        self.looker.outcomes.forget(id);
        self.journal.forget(id);
    }

    /// Puts an upstream into the queue where it is due now, and shows where it stands. Where it never is, nobody waits for a look.
    fn requeue(&mut self, id: &UpstreamId) {
        let Some(entry) = self.upstreams.get_mut(id) else { return };
        if let Some(queued) = entry.queued.take() {
            self.queue.remove(&(queued, id.clone()));
        }
        let running = entry.round.is_some();
        if let Some(due) = entry.tracked.due().filter(|_| !running && !entry.waits) {
            entry.queued = Some(due);
            self.queue.insert((due, id.clone()));
        }
        if entry.tracked.due().is_none() && !running {
            entry.refuse(id);
        }
        self.unseen -= usize::from(entry.unseen);
        entry.unseen = entry.tracked.awaits_first_look();
        self.unseen += usize::from(entry.unseen);
        self.looker.outcomes.show(id, entry.tracked.shown(running, Instant::now()));
    }

    /// Does what is due and says when to come back.
    fn advance(&mut self) -> Option<Instant> {
        let now = Instant::now();
        while let Some(overdue) = self.lanes.overdue(now) {
            self.overdue(&overdue);
        }
        while self.queue.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, id)) = self.queue.pop_first() else { break };
            let Some(entry) = self.upstreams.get_mut(&id) else { continue };
            (entry.queued, entry.waits) = (None, true);
            self.lanes.wait(if entry.slow { Lane::Slow } else { Lane::Quick }, id);
        }
        let mut throttled = None;
        while self.lanes.can_start() {
            if let Err(when) = self.throttle.take(now) {
                throttled = Some(when);
                break;
            }
            if let Some((lane, id)) = self.lanes.next(now) {
                self.start(lane, id, now);
            }
        }
        let next_due = self.queue.first().map(|(due, _)| *due);
        [throttled, next_due, self.lanes.next_overdue()].into_iter().flatten().min()
    }

    fn overdue(&mut self, overdue: &Overdue) {
        let (Overdue::Moved(id) | Overdue::Cut(id)) = overdue;
        let Some(entry) = self.upstreams.get_mut(id) else { return };
        entry.slow = true;
        match (overdue, &mut entry.round) {
            (Overdue::Moved(_), Some(round)) => round.lane = Lane::Slow,
            (_, round) => {
                entry.waits = true;
                if let Some(round) = round.take() {
                    round.task.abort();
                    self.tasks.remove(&round.task.id());
                }
            }
        }
    }

    fn start(&mut self, lane: Lane, id: UpstreamId, now: Instant) {
        let idle = self.upstreams.get_mut(&id).filter(|entry| entry.round.is_none());
        let job = idle.and_then(|entry| {
            entry.waits = false;
            let known = &self.seen.by_id(&id)?.upstream.kinds;
            let kinds = entry.tracked.due_kinds(known, now);
            let endpoints = entry.tracked.candidates(ENDPOINTS);
            let spec = entry.tracked.spec().clone();
            let possible = !kinds.is_empty() && !endpoints.is_empty();
            possible.then(|| Job { upstream: id.clone(), spec, endpoints, kinds })
        });
        match (job, self.upstreams.get_mut(&id)) {
            (Some(job), Some(entry)) => {
                let spec = job.spec.clone();
                let task = self.rounds.spawn(self.looker.clone().look(job));
                self.tasks.insert(task.id(), id.clone());
                entry.again = false;
                entry.round = Some(Running { lane, task, since: now, spec });
                self.requeue(&id);
            }
            _ => {
                self.lanes.leave(lane, &id);
                self.requeue(&id);
            }
        }
    }

    fn finished(&mut self, done: Result<(Id, Vec<Looked>), JoinError>) {
        let (task, looked) = match done {
            Ok((task, looked)) => (task, found_first(looked)),
            Err(error) => (error.id(), Vec::new()),
        };
        let Some(id) = self.tasks.remove(&task) else { return };
        let Some(entry) = self.upstreams.get_mut(&id) else { return };
        let now = Instant::now();
        if let Some(round) = entry.round.take() {
            entry.slow = now - round.since > PATIENCE;
            self.lanes.leave(round.lane, &id);
            entry.again |= !Arc::ptr_eq(&round.spec, entry.tracked.spec());
        }
        looked.into_iter().for_each(|looked| entry.tracked.judged(looked, now));
        match entry.again {
            true => entry.tracked.hurry(now),
            false => {
                let discovery = entry.tracked.shown(false, now);
                // Whoever asked and is gone does not want to know.
                entry.asked.drain(..).for_each(|asked| drop(asked.send(Ok(discovery.clone()))));
            }
        }
        self.requeue(&id);
        self.show_progress();
    }

    fn requested(&mut self, Request(id, answer): Request) {
        let Some(entry) = self.upstreams.get_mut(&id) else { return };
        entry.tracked.hurry(Instant::now());
        entry.asked.push(answer);
        entry.again = entry.round.is_some();
        self.requeue(&id);
    }

    /// Shows how far it is.
    fn show_progress(&self) {
        let now = Progress { generation: self.seen.generation, unseen: self.unseen };
        self.progress.send_if_modified(|shown| std::mem::replace(shown, now) != now);
    }
}

/// What is found says how a failure beside it is meant.
fn found_first(mut looked: Vec<Looked>) -> Vec<Looked> {
    looked.sort_by_key(|looked| looked.verdict != Verdict::Found);
    looked
}

impl Entry {
    fn new(tracked: Tracked) -> Self {
        Self {
            tracked,
            queued: None,
            waits: false,
            round: None,
            slow: false,
            again: false,
            asked: Vec::new(),
            unseen: false,
        }
    }

    /// Answers those that asked for a look that cannot be.
    fn refuse(&mut self, id: &UpstreamId) {
        let refused = match self.tracked.off() {
            Some(rule) => RefreshError::Off(id.clone(), rule.to_owned()),
            None => RefreshError::NoEndpoint(id.clone()),
        };
        // Whoever asked and is gone does not want to know.
        self.asked.drain(..).for_each(|asked| drop(asked.send(Err(refused.clone()))));
    }
}
