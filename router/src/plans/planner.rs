//! Makes plans on the control runtime: reads a function's materials, binds it where blocking is allowed, and keeps the result for
//! all workers. Who asks for a plan that is being made waits for that one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use catalog::model::{Materials, Tls, UpstreamSpec, Validation};
use catalog::snapshot::{FunctionEntry, UpstreamEntry};
use catalog::{Catalog, CatalogError, Snapshot};
use plugins::{Carrier, FunctionKind, Keyring, Problem, Reason};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Bound, Key, PlanCache, speaks_tls};
use crate::budget::Budget;
use crate::limits;
use crate::transport::{Secure, SecureError};

/// A plan, or why there is none.
pub(crate) type Planned = Result<Arc<Bound>, PlanError>;

/// Why there is no plan.
#[derive(Clone, Debug)]
pub(crate) enum PlanError {
    /// The function has changed since it was looked up.
    Changed,
    /// It cannot be called.
    Problem(Problem),
}

impl From<Problem> for PlanError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// What workers send.
pub(crate) enum Order {
    /// A plan is wanted.
    Plan(Ask),
    /// A snapshot that a worker no longer needs: if this is its last reference, it is taken apart here and not beside requests.
    Retire(Arc<Snapshot>),
}

/// A function that a worker wants to call.
pub(crate) struct Ask {
    pub(crate) upstream: Arc<UpstreamEntry>,
    pub(crate) function: Arc<FunctionEntry>,
    pub(crate) answer: oneshot::Sender<Planned>,
}

/// A worker's end of the planner.
pub(crate) type Orders = mpsc::Sender<Order>;

/// The planner: one task for all workers.
pub(crate) struct Planner {
    maker: Arc<Maker>,
    known: PlanCache<Known>,
    waiting: HashMap<Key, Vec<oneshot::Sender<Planned>>>,
    jobs: JoinSet<(Key, Keyed, Planned)>,
}

/// What a key points to.
type Keyed = (Arc<FunctionEntry>, Arc<UpstreamSpec>);

/// What came of making a plan.
struct Known {
    planned: Planned,
    /// A failure holds until then.
    until: Option<Instant>,
    /// Held, so that no other function comes to lie where this one was.
    _keyed: Keyed,
}

impl Planner {
    /// A planner for functions of these kinds, called with what is on `keyring`; `validation` holds where an upstream says nothing of it, `collected` is for all bodies
    /// that are collected.
    pub(crate) fn new(
        catalog: Catalog,
        kinds: &'static [&'static dyn FunctionKind],
        keyring: Keyring,
        validation: Validation,
        collected: Budget,
    ) -> Self {
        Self {
            maker: Arc::new(Maker { catalog, kinds, keyring, validation, collected, secure: Mutex::default() }),
            known: PlanCache::new(limits::PLANS),
            waiting: HashMap::new(),
            jobs: JoinSet::new(),
        }
    }

    /// Takes orders until no worker is left.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv(), if self.jobs.len() < limits::BINDS => match order {
                    None => return,
                    Some(Order::Retire(snapshot)) => drop(snapshot),
                    Some(Order::Plan(ask)) => self.take(ask),
                },
                Some(done) = self.jobs.join_next() => {
                    // A job catches what it runs; only shutting down cancels it.
                    if let Ok((key, keyed, planned)) = done {
                        self.settle(key, keyed, planned);
                    }
                }
            }
        }
    }

    fn take(&mut self, ask: Ask) {
        let key = Key::of(&ask.upstream.upstream, &ask.function);
        if let Some(known) = self.known.get(&key)
            && known.until.is_none_or(|until| Instant::now() < until)
        {
            // Who asked may have left.
            _ = ask.answer.send(known.planned.clone());
            return;
        }
        let waiting = self.waiting.entry(key).or_default();
        waiting.push(ask.answer);
        if waiting.len() == 1 {
            let maker = self.maker.clone();
            let keyed = (ask.function.clone(), ask.upstream.upstream.spec.clone());
            self.jobs.spawn(async move { (key, keyed, maker.make(ask.upstream, ask.function).await) });
        }
    }

    fn settle(&mut self, key: Key, keyed: Keyed, planned: Planned) {
        for answer in self.waiting.remove(&key).into_iter().flatten() {
            _ = answer.send(planned.clone());
        }
        let until = match &planned {
            Ok(_) => None,
            Err(PlanError::Problem(problem)) if problem.reason == Reason::Unbindable => {
                Some(Instant::now() + limits::UNBINDABLE)
            }
            // What may be over at once is not remembered.
            Err(_) => return,
        };
        self.known.insert(key, Known { planned, until, _keyed: keyed });
    }
}

/// What making a plan takes.
struct Maker {
    catalog: Catalog,
    kinds: &'static [&'static dyn FunctionKind],
    keyring: Keyring,
    validation: Validation,
    collected: Budget,
    secure: Mutex<Vec<Prepared>>,
}

/// TLS as it is configured and as it was prepared: one pointer for equal configurations, so that their connections are shared.
struct Prepared {
    tls: Tls,
    carrier: Carrier,
    secure: Weak<Secure>,
}

impl Maker {
    async fn make(self: Arc<Self>, upstream: Arc<UpstreamEntry>, function: Arc<FunctionEntry>) -> Planned {
        let materials = self.catalog.materials(&upstream, &function).await.map_err(|error| match error {
            CatalogError::Unknown(_) => PlanError::Changed,
            error => {
                tracing::error!(%error, upstream = %upstream.upstream.id, function = %function.function.name, "no materials");
                Problem::new(Reason::Unavailable, "The catalog's store cannot be read now").into()
            }
        })?;
        tokio::task::spawn_blocking(move || self.bind(&upstream, function, &materials)).await.unwrap_or_else(|error| {
            tracing::error!(%error, "binding a function failed");
            Err(Problem::new(Reason::Internal, "Binding this function failed").into())
        })
    }

    fn bind(&self, upstream: &UpstreamEntry, entry: Arc<FunctionEntry>, materials: &Materials) -> Planned {
        let unbindable = |cause: String| Problem::new(Reason::Unbindable, cause);
        let (spec, function) = (&upstream.upstream.spec, &entry.function);
        let kind = self.kinds.iter().find(|kind| kind.kind() == function.kind);
        let kind = kind.ok_or_else(|| unbindable(format!("Functions of kind {} cannot be called", function.kind)))?;
        let mut told = spec.clone();
        if spec.hints.validation.is_none() {
            Arc::make_mut(&mut told).hints.validation = Some(self.validation);
        }
        let call = kind.bind(function, materials, &told, &self.keyring).map_err(|error| unbindable(error.0))?;
        let secure = match speaks_tls(&upstream.upstream, &entry) {
            false => None,
            true => {
                Some(self.secure(spec.tls.as_ref(), call.carrier()).map_err(|error| unbindable(error.to_string()))?)
            }
        };
        Ok(Arc::new(Bound {
            secure,
            collected: self.collected.part(&upstream.upstream.id),
            timeout: call.timeout(),
            streams: call.streams(),
            carrier: call.carrier(),
            host: spec.host.as_deref().map(Into::into),
            call,
            _function: entry,
            _spec: spec.clone(),
        }))
    }

    fn secure(&self, tls: Option<&Tls>, carrier: Carrier) -> Result<Arc<Secure>, SecureError> {
        let tls = tls.cloned().unwrap_or_default();
        let mut prepared = self.secure.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.retain(|p| p.secure.strong_count() > 0);
        if let Some(secure) =
            prepared.iter().find(|p| p.tls == tls && p.carrier == carrier).and_then(|p| p.secure.upgrade())
        {
            return Ok(secure);
        }
        let secure = Arc::new(Secure::new(&tls, carrier, &self.keyring)?);
        prepared.push(Prepared { tls, carrier, secure: Arc::downgrade(&secure) });
        Ok(secure)
    }
}
