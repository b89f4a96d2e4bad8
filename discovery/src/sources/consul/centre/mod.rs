//! One data centre. Three watches tell that something happened and, where it was a check, to whom. What they name is read at once,
//! and the rest in rounds: a list of services wakes for each new or lost instance, but does not say of what.

mod rounds;
mod services;
mod warm;

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::checks::{Affected, Checks};
use super::client::{Answer, Client};
use super::error::ConsulError;
use super::queue::{self, Queue, Rank};
use super::resolve::Resolver;
use super::view::View;
use super::watch::follow;
use super::wire::{Check, Services};
use super::{InUse, Tell, limits};
use rounds::Rounds;
use services::Known;
use warm::{Told, Warm, Woken};

/// What a data centre is watched with.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    pub(super) client: &'a Client,
    pub(super) view: &'a View,
    pub(super) catalog: &'a dyn Tell,
    pub(super) resolver: &'a Resolver,
}

/// A data centre that is being watched.
pub(super) struct Centre<'a> {
    tools: Tools<'a>,
    /// Its place in the view; 0 is the local one.
    at: usize,
    name: Arc<str>,
    list: BoxStream<'static, Result<Answer<Services>, ConsulError>>,
    /// The index of the last list.
    index: u64,
    /// The list, asked for without waiting for a change: lost rights are none.
    sweep: FuturesUnordered<BoxFuture<'a, Result<Answer<Services>, ConsulError>>>,
    checks: [Watched; 2],
    services: BTreeMap<Arc<str>, Known>,
    queue: Queue,
    rounds: Rounds,
    reading: FuturesUnordered<BoxFuture<'a, (Arc<str>, Told)>>,
    resolving: FuturesUnordered<BoxFuture<'a, Resolved>>,
    warm: Warm,
    /// How far the first look is.
    start: Start,
    /// When those that a lost list lacks are taken for gone.
    doubt: Option<Instant>,
    /// When the list is asked for without waiting, and hosts are resolved again.
    again: Instant,
    /// The list was asked for anew, because a service that it has had no instance.
    listing: bool,
    /// Counts changes, to tell which service changed last.
    changes: u64,
}

/// The checks of one state.
struct Watched {
    last: Checks,
    index: u64,
    list: BoxStream<'static, Result<Answer<Vec<Check>>, ConsulError>>,
}

/// How far the first look at a data centre is.
enum Start {
    /// The list is not there yet.
    Listing,
    /// These are not read yet.
    Reading(HashSet<Arc<str>>),
    /// Everything was read once.
    Done,
}

/// The addresses of hosts.
type Addresses = BTreeMap<String, Vec<IpAddr>>;
/// Those of a service's hosts; `None` where they took too long.
type Resolved = (Arc<str>, Option<Addresses>);

enum Event {
    Listed(Result<Answer<Services>, ConsulError>),
    Swept(Result<Answer<Services>, ConsulError>),
    Checked(usize, Result<Answer<Vec<Check>>, ConsulError>),
    Read(Arc<str>, Told),
    Resolved(Resolved),
    Woken(Woken),
    Due,
}

impl<'a> Centre<'a> {
    /// Watches the data centre `name`, in the view at `at`, with queries of their own for those of its services that are `in_use`
    /// while `centres` data centres share the connections.
    pub(super) fn new(
        tools: Tools<'a>,
        (at, name): (usize, Arc<str>),
        in_use: watch::Receiver<InUse>,
        centres: watch::Receiver<usize>,
    ) -> Self {
        let checks = ["critical", "warning"].map(|state| Watched {
            last: Checks::default(),
            index: 0,
            list: watch_path(tools.client, &name, &["health", "state", state], 0),
        });
        Self {
            list: watch_path(tools.client, &name, &["catalog", "services"], 0),
            index: 0,
            sweep: FuturesUnordered::new(),
            checks,
            services: tools.view.services(at).into_iter().map(|service| (service, Known::default())).collect(),
            queue: Queue::default(),
            rounds: Rounds::default(),
            reading: FuturesUnordered::new(),
            resolving: FuturesUnordered::new(),
            warm: Warm::new(in_use, centres),
            start: Start::Listing,
            doubt: None,
            again: Instant::now() + limits::AGAIN,
            listing: false,
            changes: 0,
            tools,
            at,
            name,
        }
    }

    /// Watches until Consul fails twice in a row.
    pub(super) async fn watch(mut self) -> Result<Infallible, ConsulError> {
        // Before the first read, so that no change falls between the two.
        for watched in &mut self.checks {
            if let Some(answer) = watched.list.next().await {
                watched.take(answer?);
            }
        }
        loop {
            self.begin_reads();
            match self.event().await {
                Event::Listed(answer) => self.listed(answer?)?,
                Event::Swept(answer) => self.swept(answer?)?,
                Event::Checked(state, answer) => self.checked(state, answer?),
                Event::Read(service, told) => {
                    self.queue.done(&service);
                    self.read(&service, told?);
                }
                Event::Resolved((service, addresses)) => self.resolved(&service, addresses),
                Event::Woken(Woken::Told(service, told)) => self.read(&service, told?),
                Event::Woken(Woken::Wanted) => self.keep_warm(),
                Event::Due => self.due(Instant::now()),
            }
        }
    }

    /// Waits for the next thing to happen. May be dropped at any time.
    async fn event(&mut self) -> Event {
        let now = Instant::now();
        let due = [Some(self.again), self.doubt, self.rounds.due(now)].into_iter().flatten().min();
        let [critical, warning] = &mut self.checks;
        tokio::select! {
            Some(answer) = self.list.next() => Event::Listed(answer),
            Some(answer) = self.sweep.next() => Event::Swept(answer),
            Some(answer) = critical.list.next() => Event::Checked(0, answer),
            Some(answer) = warning.list.next() => Event::Checked(1, answer),
            Some((service, told)) = self.reading.next() => Event::Read(service, told),
            Some(resolved) = self.resolving.next() => Event::Resolved(resolved),
            woken = self.warm.next() => Event::Woken(woken),
            () = sleep_until(due.unwrap_or(self.again)) => Event::Due,
        }
    }

    fn begin_reads(&mut self) {
        while self.may_read() {
            let Some(service) = self.queue.next() else { break };
            // One that has a query of its own is told of everything by that.
            let known = self.services.get(&service).is_some_and(|known| !known.missing);
            if !known || (self.warm.has(&service) && matches!(self.start, Start::Done)) {
                self.queue.done(&service);
                continue;
            }
            let (client, centre) = (self.tools.client, self.name.clone());
            self.reading.push(Box::pin(async move {
                let told = client.read(&["health", "service", &service], Some(&centre)).await;
                (service, told)
            }));
        }
        if self.queue.round_is_over() {
            self.rounds.end(Instant::now());
        }
    }

    fn may_read(&self) -> bool {
        let most = if self.at == 0 { limits::LOCAL_READS } else { limits::REMOTE_READS };
        self.reading.len() + self.sweep.len() < most
    }

    /// Does what its time has come for.
    fn due(&mut self, now: Instant) {
        if self.rounds.due(now).is_some_and(|due| due <= now) {
            self.rounds.begin(now);
            let order = queue::round(self.services.iter().map(|(name, known)| (name.clone(), known.changed)));
            order.iter().for_each(|name| self.queue.ask(name, Rank::Round));
        }
        if self.doubt.is_some_and(|until| until <= now) {
            self.doubt = None;
            let gone = self.services.iter().filter(|(_, known)| known.missing).map(|(name, _)| name.clone());
            self.forget(gone.collect());
        }
        if self.again <= now {
            self.again = now + limits::AGAIN;
            if self.may_read() && matches!(self.start, Start::Done) {
                let (client, centre) = (self.tools.client, self.name.clone());
                self.sweep.push(Box::pin(async move { client.read(&["catalog", "services"], Some(&centre)).await }));
            }
            let named = self.services.iter().filter(|(_, known)| known.reading.is_some());
            let named: Vec<_> = named.map(|(name, _)| name.clone()).collect();
            named.iter().for_each(|name| self.resolve(name));
        }
    }
}

impl Watched {
    /// Whom the change concerns that `answer` tells of; `None` where it tells of one and not of whose.
    fn take(&mut self, answer: Answer<Vec<Check>>) -> Option<Affected> {
        let affected = self.last.replace(answer.body);
        let moved = std::mem::replace(&mut self.index, answer.index) != answer.index;
        (!moved || affected != Affected::default()).then_some(affected)
    }
}

fn watch_path<T: serde::de::DeserializeOwned + Send + 'static>(
    client: &Client,
    data_centre: &Arc<str>,
    path: &[&str],
    index: u64,
) -> BoxStream<'static, Result<Answer<T>, ConsulError>> {
    follow(client, path.iter().map(|segment| (*segment).to_owned()).collect(), data_centre.to_string(), index)
}
