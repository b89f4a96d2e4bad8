//! The daemon, put together: all rooms by name, top to bottom as the data flow.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use catalog::Registrar;
use catalog::store::SledStore;
use discovery::Prober;
use discovery::Supervisor;
use discovery::attempts::Journal;
use discovery::fetch::Fetcher;
use discovery::policy::AddressPolicy;
use discovery::registry;
use discovery::sources::consul::InUse;
use discovery::why::Explainer;
use plugins::functions::rest::DOCUMENT_PATHS;
use plugins::registry::FUNCTION_KINDS;
use prometheus_client::registry::Registry;
use router::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin;
use crate::api::{Api, Gateway, Metrics};
use crate::called;
use crate::config::Config;
use crate::gateway;
use crate::life;
use crate::readiness::{Part, Readiness};
use crate::stop::{self, Stopper};

/// Threads of the control runtime: discovery, the registrar, the admin address. Requests have their own.
const CONTROL_THREADS: usize = 2;

/// The store's folder within the data folder.
pub(crate) fn store_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("store")
}

/// Runs a daemon until it is told to stop.
pub(crate) fn serve(config: Config) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(CONTROL_THREADS).thread_name("control").enable_all().build()?;
    runtime.block_on(async {
        let signals = life::Signals::listen()?;
        let daemon = Daemon::start(config).await?;
        tokio::select! {
            () = daemon.ready() => {
                life::notify("READY=1");
                eprintln!("{}", daemon.table());
            }
            () = signals.stop() => return daemon.stop().await,
        }
        signals.stop().await;
        daemon.stop().await
    })
}

/// A running daemon.
pub(crate) struct Daemon {
    config: Config,
    /// The store had nothing when it was opened: asked before any source could report.
    was_empty: bool,
    pub(crate) api: Api,
    pub(crate) admin: SocketAddr,
    router: Router,
    tasks: JoinSet<()>,
    registrar: JoinSet<()>,
    stopper: Stopper,
    notes: Vec<(&'static str, String)>,
}

impl Daemon {
    /// Starts all of it. Both addresses listen when this returns.
    pub(crate) async fn start(config: Config) -> anyhow::Result<Self> {
        let (stopper, stop) = stop::pair();

        // The store, and the catalog on it: served before any source has answered.
        let folder = store_folder(&config.data_dir);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("make {}; --data-dir names another", folder.display()))?;
        let store = Arc::new(SledStore::open(&folder).await?);
        let policy = Policy::new(&config)?;
        let (catalog, registrar) = catalog::open(store, policy.catalog_settings(&config)).await?;
        let was_empty = catalog.snapshot().upstream_count() == 0;
        let mut registrars = JoinSet::new();
        registrars.spawn(Registrar::run(registrar));

        // The gateway and the admin address.
        let router = Router::start(gateway::settings(&config)?, catalog.clone()).context("--gateway")?;
        let listener =
            TcpListener::bind(config.admin).await.with_context(|| format!("--admin: listen on {}", config.admin))?;
        let admin_address = listener.local_addr()?;
        let policy = policy.knows([router.address(), admin_address]);

        // Discovery: sources report, the prober looks.
        let (called, in_use) = watch::channel(InUse::default());
        let (mut sources, mut notes) = (Vec::new(), Vec::new());
        for (kind, opened) in registry::open(&sourcing(&config, in_use)?)? {
            sources.extend(opened.sources);
            notes.push((kind.name, opened.note));
        }
        let supervisor = Supervisor::new(catalog.clone(), sources);
        let journal = Journal::default();
        let fetcher = Fetcher::new(policy, config.discovery.allowed_hosts.clone(), journal.clone());
        let prober = Prober::new(catalog.clone(), fetcher, journal.clone(), FUNCTION_KINDS, probing(&config));

        let mut registry = Registry::default();
        router.register(&mut registry);
        let readiness = Readiness::starting(catalog.clone());
        let explainer = Explainer {
            catalog: catalog.clone(),
            namespace: config.discovery_namespace.as_str().into(),
            board: supervisor.board().clone(),
            outcomes: prober.handle().outcomes().clone(),
            journal: journal.clone(),
        };
        let api = Api {
            board: supervisor.board().clone(),
            prober: prober.handle(),
            explainer,
            readiness,
            gateway: Gateway {
                url: config.public_url(router.address()),
                namespace: config.discovery_namespace.clone(),
            },
            gateway_address: router.address(),
            metrics: Arc::new(Metrics::new(registry)),
            scratch: config.data_dir.clone().into(),
            stop: stop.clone(),
            catalog,
        };
        let mut tasks = JoinSet::new();
        let until = || {
            let stop = stop.clone();
            async move { stop.cancelled().await }
        };
        tasks.spawn(supervisor.run(until()));
        tasks.spawn(prober.run(until()));
        let follow = called::follow(router.counters(), api.catalog.clone(), config.discovery_namespace.clone(), called);
        let stopped = until();
        tasks.spawn(async move {
            tokio::select! {
                () = follow => {}
                () = stopped => {}
            }
        });
        tasks.spawn(admin::serve(listener, admin::door(&config, admin_address)?, api.clone(), stop.clone()));
        Ok(Self { config, was_empty, api, admin: admin_address, router, tasks, registrar: registrars, stopper, notes })
    }

    /// Returns when it is ready: at once with a catalog; on an empty store when each source has given its first full list and first looks
    /// are done, or when the time for that is over.
    pub(crate) async fn ready(&self) {
        let first = async {
            let started = |all: &[discovery::board::Status]| all.iter().all(|s| s.last_success.is_some());
            self.api.board.wait_for(started).await;
            self.api.prober.settled(self.api.catalog.generation()).await;
        };
        if self.was_empty && tokio::time::timeout(self.config.warmup, first).await.is_err() {
            tracing::warn!(
                seconds = self.config.warmup.as_secs(),
                "daemon.warmup_over: not every source has answered yet"
            );
        }
        self.api.readiness.clear(Part::Start);
    }

    /// Stops in order: no longer ready, then no new requests, then no requests, then nothing.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        life::notify("STOPPING=1");
        self.api.readiness.block(Part::Stop, "stopping");
        tokio::time::sleep(self.config.drain_delay).await;
        self.router.stop(self.config.grace).await;
        self.stopper.stop();
        while self.tasks.join_next().await.is_some() {}
        // The registrar writes what waits and ends when nobody can ask it any more.
        drop(self.api);
        while self.registrar.join_next().await.is_some() {}
        Ok(())
    }

    /// What was found and what was not, for people.
    pub(crate) fn table(&self) -> String {
        life::table(&self.config, &self.api, self.admin, &self.notes)
    }
}

/// What the configuration says of sources.
fn sourcing(config: &Config, in_use: watch::Receiver<InUse>) -> anyhow::Result<registry::Settings> {
    let parse = |text: &String| text.parse().with_context(|| format!("--upstream {text}"));
    Ok(registry::Settings {
        upstreams: config.upstreams.iter().map(parse).collect::<Result<_, _>>()?,
        resources: config.resources.iter().cloned().collect(),
        asked: config.sources.iter().map(|text| text.as_str().into()).collect(),
        environment: Some(|name| std::env::var(name).ok()),
        in_use: Some(in_use),
    })
}

fn probing(config: &Config) -> discovery::prober::Settings {
    let given = &config.discovery;
    let usual = match given.document_paths.is_empty() {
        true => DOCUMENT_PATHS.iter().map(|p| (*p).to_owned()).collect(),
        false => given.document_paths.clone(),
    };
    let paths = given.more_document_paths.iter().cloned().chain(usual).collect();
    let off = discovery::prober::Off { sources: given.off.sources.clone(), namespaces: given.off.namespaces.clone() };
    discovery::prober::Settings { off, document_paths: paths }
}

/// Which addresses are never called. Ports that the system chooses are known only once the listeners are up, and the catalog is opened
/// before that; nothing is reported to it until then.
struct Policy {
    allowed: Vec<discovery::policy::Network>,
    known: Arc<OnceLock<AddressPolicy>>,
    first: AddressPolicy,
}

impl Policy {
    fn new(config: &Config) -> anyhow::Result<Self> {
        let parse = |text: &String| text.parse().with_context(|| format!("discovery.allowedLinkLocal: {text}"));
        let allowed: Vec<_> = config.discovery.allowed_link_local.iter().map(parse).collect::<Result<_, _>>()?;
        let first = AddressPolicy::new([config.gateway, config.admin], allowed.clone());
        Ok(Self { allowed, known: Arc::default(), first })
    }

    fn catalog_settings(&self, config: &Config) -> catalog::Settings {
        let (known, first) = (self.known.clone(), self.first.clone());
        catalog::Settings {
            namespace: config.discovery_namespace.as_str().into(),
            kinds: FUNCTION_KINDS.iter().map(|k| k.kind()).collect(),
            refuse: Arc::new(move |address| known.get().unwrap_or(&first).refuses(address)),
            ..catalog::Settings::default()
        }
    }

    fn knows(self, own: [SocketAddr; 2]) -> AddressPolicy {
        let policy = AddressPolicy::new(own, self.allowed);
        self.known.get_or_init(|| policy).clone()
    }
}
