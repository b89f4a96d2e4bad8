//! A worker: one thread with its own runtime, listening socket and connections. Nothing of it is shared with another worker.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use catalog::{Catalog, Snapshot};
use plugins::{Filter, Problem, Reason};
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::call::target::Target;
use crate::connection::{self, Caller, Ending};
use crate::hash::Quick;
use crate::ids::RequestIds;
use crate::lanes::{Lanes, Turn};
use crate::limits;
use crate::log::Log;
use crate::metrics::{Metrics, Tally};
use crate::plans::planner::{Ask, Order, Orders, PlanError, Planned};
use crate::plans::{Key, Plan, PlanCache};
use crate::timers::Timers;
use crate::transport::Pools;

/// What every worker is given.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) catalog: Catalog,
    pub(crate) namespace: Arc<str>,
    pub(crate) filters: Arc<[Arc<dyn Filter>]>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Log,
    pub(crate) orders: Orders,
    /// How many connections of callers a worker may have.
    pub(crate) connections: usize,
    /// The address that is listened on.
    pub(crate) address: SocketAddr,
    /// Set to the instant at which the last requests are cut off.
    pub(crate) stopping: watch::Receiver<Option<Instant>>,
}

/// A worker's state, shared by its own tasks.
pub(crate) struct Worker {
    pub(crate) filters: Arc<[Arc<dyn Filter>]>,
    pub(crate) timers: Rc<Timers>,
    pub(crate) ids: RequestIds,
    pub(crate) log: Log,
    pub(crate) pools: Pools,
    /// How many sweeps there were: a clock that costs nothing to read.
    pub(crate) sweeps: Rc<Cell<u32>>,
    /// Counts what comes to no function.
    pub(crate) no_function: Arc<Tally>,
    number: usize,
    namespace: Arc<str>,
    catalog: Catalog,
    snapshot: RefCell<Arc<Snapshot>>,
    plans: RefCell<PlanCache<Rc<Plan>>>,
    lanes: Lanes,
    /// Addresses with connections that some upstream has lost since the last sweep.
    lost: RefCell<HashSet<SocketAddr, Quick>>,
    callers: RefCell<Vec<Weak<Caller>>>,
    pub(crate) metrics: Arc<Metrics>,
    orders: Orders,
    /// Where the rotation of the next lane starts, so that workers do not all begin with the same endpoint.
    start: Cell<usize>,
}

/// What a request finds in the snapshot.
pub(crate) enum Found {
    /// A plan, and its turn.
    Plan(Rc<Plan>, Turn),
    /// A function that has no plan on this worker yet.
    Unplanned(Box<Unplanned>),
}

/// A function without a plan, in the snapshot that the request began with.
pub(crate) struct Unplanned {
    /// Where its calls are counted, whether or not it gets a plan.
    pub(crate) tally: Arc<Tally>,
    ask: Ask,
    key: Key,
    answer: oneshot::Receiver<Planned>,
    snapshot: Arc<Snapshot>,
}

impl Worker {
    pub(crate) fn new(number: usize, common: &Common) -> Self {
        let sweeps = Rc::<Cell<u32>>::default();
        Self {
            filters: common.filters.clone(),
            timers: Rc::default(),
            ids: RequestIds::new(),
            log: common.log.clone(),
            pools: Pools::new(&sweeps),
            sweeps,
            no_function: common.metrics.none(number),
            number,
            namespace: common.namespace.clone(),
            catalog: common.catalog.clone(),
            snapshot: RefCell::new(common.catalog.snapshot()),
            plans: RefCell::new(PlanCache::new(limits::PLANS_PER_WORKER)),
            lanes: Lanes::default(),
            lost: RefCell::default(),
            callers: RefCell::default(),
            metrics: common.metrics.clone(),
            orders: common.orders.clone(),
            start: Cell::new(number),
        }
    }

    /// Takes the newest snapshot if there is a newer one. The old one is taken apart elsewhere.
    fn refresh(&self) {
        let mut snapshot = self.snapshot.borrow_mut();
        if snapshot.generation != self.catalog.generation() {
            let old = std::mem::replace(&mut *snapshot, self.catalog.snapshot());
            // A full queue, or none any more: then it is taken apart here.
            _ = self.orders.try_send(Order::Retire(old));
        }
    }

    /// Looks up the function that `target` names. No waiting, and one snapshot.
    pub(crate) fn find(&self, target: &Target<'_>) -> Result<Found, Problem> {
        self.refresh();
        let snapshot = self.snapshot.borrow();
        let namespace = target.namespace.as_deref().unwrap_or(&self.namespace);
        let upstream = snapshot.upstream(namespace, &target.upstream).ok_or_else(|| {
            Problem::new(
                Reason::UnknownUpstream,
                format!("There is no upstream {} in namespace {namespace}", target.upstream),
            )
        })?;
        let function = upstream.function(&target.function).ok_or_else(|| {
            let detail = format!("The upstream {} has no function {}", target.upstream, target.function);
            Problem::new(Reason::UnknownFunction, detail)
        })?;
        let key = Key::of(&upstream.upstream, function);
        if let Some(plan) = self.plans.borrow_mut().get(&key) {
            let turn = plan.lane.turn(&snapshot, |address| self.lose(address));
            return Ok(Found::Plan(plan.clone(), turn));
        }
        let (sender, answer) = oneshot::channel();
        let ask = Ask { upstream: upstream.clone(), function: function.clone(), answer: sender };
        let tally = self.tally(&ask);
        Ok(Found::Unplanned(Box::new(Unplanned { tally, ask, key, answer, snapshot: snapshot.clone() })))
    }

    /// Where the calls of this function are counted.
    fn tally(&self, ask: &Ask) -> Arc<Tally> {
        let upstream = &ask.upstream.upstream;
        let label = match upstream.namespace == self.namespace {
            true => upstream.name.clone(),
            false => format!("{}@{}", upstream.name, upstream.namespace).into(),
        };
        self.metrics.tally(self.number, &label, &ask.function.function.name)
    }

    /// Asks for a plan and keeps it.
    pub(crate) async fn plan(&self, unplanned: Box<Unplanned>) -> Result<(Rc<Plan>, Turn), PlanError> {
        let Unplanned { tally, ask, key, answer, snapshot } = *unplanned;
        let upstream = ask.upstream.upstream.id.clone();
        let stopping = || Problem::new(Reason::Unavailable, "Portolan is stopping");
        self.orders.try_send(Order::Plan(ask)).map_err(|error| match error {
            TrySendError::Full(_) => {
                Problem::new(Reason::Overloaded, "Too many functions are called for the first time")
            }
            TrySendError::Closed(_) => stopping(),
        })?;
        let bound = answer.await.map_err(|_| stopping())??;
        let lane = self.lanes.to(&upstream, self.start.replace(self.start.get().wrapping_add(1)));
        let plan = Rc::new(Plan { bound, lane, tally });
        self.plans.borrow_mut().insert(key, plan.clone());
        let turn = plan.lane.turn(&snapshot, |address| self.lose(address));
        Ok((plan, turn))
    }

    /// An upstream has lost an endpoint. Whether another shares its address, and the connections there, is looked up at the next sweep:
    /// a request that comes after thousands were lost should not pay for it.
    fn lose(&self, address: &SocketAddr) {
        if self.pools.has(address) {
            self.lost.borrow_mut().insert(*address);
        }
    }

    /// A new connection.
    fn welcome(self: &Rc<Self>, peer: SocketAddr, local: SocketAddr) -> Rc<Caller> {
        let caller = Rc::new(Caller::new(self, peer, local));
        self.callers.borrow_mut().push(Rc::downgrade(&caller));
        caller
    }

    /// Tells each connection for which `when` holds.
    fn tell(&self, ending: Ending, when: impl Fn(&Caller) -> bool) {
        self.callers.borrow_mut().retain(|caller| {
            let caller = caller.upgrade();
            caller.iter().filter(|caller| when(caller)).for_each(|caller| caller.tell(ending));
            caller.is_some()
        });
    }

    /// Ends what is no longer needed, every [`limits::SWEEP`].
    fn sweep(&self) {
        self.sweeps.update(|n| n.wrapping_add(1));
        let now = Instant::now();
        self.tell(Ending::Cut, |caller| caller.is_overdue(now));
        self.refresh();
        self.lanes.sweep(&self.snapshot.borrow(), |address| self.lose(address));
        let mut lost = self.lost.take();
        self.lanes.keep(&mut lost);
        lost.iter().for_each(|address| self.pools.forget(address));
        self.pools.sweep();
    }
}

/// Says that further callers wait, at most every [`limits::FULL_PAUSE`]: `told` is when that was last.
fn tell_full(number: usize, connections: usize, told: &mut Option<Instant>) {
    let now = Instant::now();
    if told.is_none_or(|told| now.duration_since(told) >= limits::FULL_PAUSE) {
        *told = Some(now);
        tracing::warn!(
            number,
            connections,
            "a worker has all connections that it may have, and further callers wait: let the process open more files (ulimit -n, LimitNOFILE=)"
        );
    }
}

/// Runs a worker until it is told to stop and its requests are over, or cut off. The body of its thread.
pub(crate) fn run(number: usize, common: &Common, listener: TcpListener) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(limits::READERS).build_local(LocalOptions::default());
    let served = runtime.and_then(|runtime| runtime.block_on(serve(number, common, listener)));
    if let Err(error) = served {
        tracing::error!(%error, number, "a worker ended");
    }
}

/// The same on the runtime that polls this.
pub(crate) async fn serve(number: usize, common: &Common, listener: TcpListener) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let worker = Rc::new(Worker::new(number, common));
    let mut stopping = common.stopping.clone();
    let mut connections = JoinSet::new();
    let mut refused = false;
    let mut told = None;
    let mut sweep = tokio::time::interval(limits::SWEEP);
    let end = loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < common.connections => match accepted {
                Ok((stream, peer)) => {
                    refused = false;
                    connections.spawn_local(connection::serve(worker.welcome(peer, common.address), stream));
                    if connections.len() >= common.connections {
                        tell_full(number, common.connections, &mut told);
                    }
                }
                Err(error) => {
                    // It may go on for as long as descriptors are scarce: once is enough.
                    if !std::mem::replace(&mut refused, true) {
                        tracing::warn!(%error, "connections cannot be accepted");
                    }
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = sweep.tick() => worker.sweep(),
            // The sender gone is a router that was dropped: then nothing is waited for.
            end = stopping.wait_for(Option::is_some) => break end.ok().and_then(|end| *end).unwrap_or_else(Instant::now),
        }
    };
    drop(listener);
    worker.tell(Ending::Finish, |_| true);
    let drained = async {
        loop {
            tokio::select! {
                ended = connections.join_next() => if ended.is_none() { break },
                _ = sweep.tick() => worker.sweep(),
            }
        }
    };
    if tokio::time::timeout_at(end, drained).await.is_err() {
        tracing::info!(number, "requests were cut off at the end of the grace period");
    }
    Ok(())
}
