//! The daemon, put together: all rooms by name, top to bottom as the data flow.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use catalog::model::SourceId;
use catalog::store::SledStore;
use catalog::{Catalog, Registrar};
use discovery::Prober;
use discovery::Supervisor;
use discovery::attempts::Journal;
use discovery::board::Status;
use discovery::eligibility::Rules;
use discovery::fetch::{Fetcher, Held};
use discovery::policy::AddressPolicy;
use discovery::registry;
use discovery::sources::consul::InUse;
use discovery::why::Explainer;
use plugins::Keyring;
use plugins::functions::rest::DOCUMENT_PATHS;
use plugins::registry::FUNCTION_KINDS;
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
use crate::reload::Reload;
use crate::stop::{self, Stopper};
use crate::table;

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
        let mut hangups = life::hangups()?;
        let daemon = Daemon::start(config).await?;
        let ready = async {
            daemon.ready().await;
            life::notify("READY=1");
            daemon.tell();
            std::future::pending().await
        };
        let reloads = async {
            while hangups.recv().await.is_some() {
                daemon.reload.run();
            }
        };
        tokio::select! {
            ((), ()) = async { tokio::join!(ready, reloads) } => {}
            () = signals.stop() => {}
        }
        daemon.stop().await
    })
}

/// A running daemon.
pub(crate) struct Daemon {
    config: Config,
    /// The store had nothing when it was opened: asked before any source could report.
    was_empty: bool,
    /// Sources that nobody asked for.
    unasked: BTreeSet<String>,
    pub(crate) api: Api,
    pub(crate) admin: SocketAddr,
    router: Router,
    tasks: JoinSet<()>,
    registrar: JoinSet<()>,
    stopper: Stopper,
    reload: Reload,
    notes: Notes,
}

/// What each kind of source says of its search.
type Notes = Vec<(&'static str, String)>;

impl Daemon {
    /// Starts everything, in the order in which the data flow. A port in use is an error that names its flag.
    pub(crate) async fn start(config: Config) -> anyhow::Result<Self> {
        life::raise_open_files();
        let (stopper, stop) = stop::pair();
        let (mut tasks, mut registrars) = (JoinSet::new(), JoinSet::new());
        let keys = watch::Sender::new(admin::Keys::new(&config, config.tokens.admin.clone())?);
        let reload = Reload::new(&config, keys.clone());

        // The catalog is served before any source has answered.
        let policy = Policy::new(&config);
        let (catalog, registrar) = open_catalog(&config, &policy).await?;
        let was_empty = catalog.snapshot().upstream_count() == 0;
        registrars.spawn(Registrar::run(registrar));

        let keyring = Keyring::default();
        let router = Router::start(gateway::settings(&config, reload.call_token(), keyring.clone()), catalog.clone())
            .context("--gateway")?;
        let (listener, admin) = listen(config.admin).await?;

        let (called, in_use) = watch::channel(InUse::default());
        let settings =
            registry::Settings { in_use: Some(in_use), again: Some(reload.resources()), keyring, ..sourcing(&config) };
        let policy = policy.knows([router.address(), admin]);
        let Discovery { supervisor, prober, explainer, notes, unasked } =
            Discovery::new(&config, settings, &catalog, policy)?;

        let api = Api {
            board: supervisor.board().clone(),
            prober: prober.handle(),
            explainer,
            readiness: Readiness::starting(catalog.clone()),
            gateway: Gateway {
                url: config.public_url(router.address()),
                namespace: config.discovery_namespace.clone(),
            },
            gateway_address: router.address(),
            metrics: Arc::new(metrics(&router)),
            scratch: config.data_dir.clone().into(),
            stop: stop.clone(),
            catalog: catalog.clone(),
        };
        tasks.spawn(supervisor.run(stop.clone().said()));
        tasks.spawn(prober.run(stop.clone().said()));
        let follow = called::follow(router.counters(), catalog, config.discovery_namespace.clone(), called);
        tasks.spawn(stop.clone().ends(follow));
        let door = admin::door(&config, admin, keys.subscribe());
        tasks.spawn(admin::serve(listener, door, api.clone(), stop));
        Ok(Self {
            config,
            was_empty,
            unasked,
            api,
            admin,
            router,
            tasks,
            registrar: registrars,
            stopper,
            reload,
            notes,
        })
    }

    /// Returns when it is ready: at once with a catalog; on an empty store when each source has given its first full list (or is refused
    /// one that nobody asked for) and first looks are done, or when the time for that is over.
    pub(crate) async fn ready(&self) {
        let first = async {
            let is_over = |s: &Status| s.refused && self.unasked.contains(&s.source);
            let started = |s: &Status| s.last_success.is_some() || is_over(s);
            self.api.board.wait_for(|all| all.iter().all(started)).await;
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

    /// Tells what was found and what was not.
    fn tell(&self) {
        table::tell(&self.config, &self.api, self.admin, &self.notes);
    }
}

/// The store, and the catalog on it.
async fn open_catalog(config: &Config, policy: &Policy) -> anyhow::Result<(Catalog, Registrar)> {
    let folder = store_folder(&config.data_dir);
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}; --data-dir names another", folder.display()))?;
    let store = Arc::new(SledStore::open(&folder).await?);
    Ok(catalog::open(store, policy.catalog_settings(config)).await?)
}

async fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("--admin: listen on {address}"))?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Sources report, the prober looks, and both can be asked why.
struct Discovery {
    supervisor: Supervisor,
    prober: Prober,
    explainer: Explainer,
    notes: Notes,
    unasked: BTreeSet<String>,
}

impl Discovery {
    /// Put together; nothing runs yet.
    fn new(
        config: &Config,
        settings: registry::Settings,
        catalog: &Catalog,
        policy: AddressPolicy,
    ) -> anyhow::Result<Self> {
        let (mut sources, mut notes, mut unasked) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (kind, opened) in registry::open(&settings)? {
            unasked.extend(opened.unasked.iter().map(SourceId::to_string));
            sources.extend(opened.sources);
            notes.push((kind.name, opened.note));
        }
        let certificates = settings.keyring.certificates().clone();
        let supervisor = Supervisor::new(catalog.clone(), sources);
        let journal = Journal::default();
        let allowed = config.discovery.allowed_hosts.clone();
        let held = Held { documents: settings.documents.clone(), certificates };
        let fetcher = Fetcher::with(held, policy, allowed, journal.clone());
        let prober = Prober::new(catalog.clone(), fetcher, journal.clone(), FUNCTION_KINDS, probing(config));
        let explainer = Explainer {
            catalog: catalog.clone(),
            namespace: config.discovery_namespace.as_str().into(),
            board: supervisor.board().clone(),
            outcomes: prober.handle().outcomes().clone(),
            journal,
        };
        Ok(Self { supervisor, prober, explainer, notes, unasked })
    }
}

fn metrics(router: &Router) -> Metrics {
    let mut registry = prometheus_client::registry::Registry::default();
    router.register(&mut registry);
    Metrics::new(registry)
}

/// What the configuration says of sources.
pub(crate) fn sourcing(config: &Config) -> registry::Settings {
    registry::Settings {
        upstreams: config.upstreams.iter().map(|given| given.value.clone()).collect(),
        resources: config.resources.iter().cloned().collect(),
        asked: registry::Asked::each(&config.sources),
        aws: config.aws.clone(),
        environment: Some(|name| std::env::var(name).ok()),
        kubernetes: config.kubernetes.clone(),
        rules: rules(config),
        namespace: config.discovery_namespace.clone(),
        ..registry::Settings::default()
    }
}

fn probing(config: &Config) -> discovery::prober::Settings {
    let given = &config.discovery;
    let usual = match given.document_paths.is_empty() {
        true => DOCUMENT_PATHS.iter().map(|p| (*p).to_owned()).collect(),
        false => given.document_paths.clone(),
    };
    let paths = given.more_document_paths.iter().cloned().chain(usual).collect();
    discovery::prober::Settings { rules: rules(config), document_paths: paths }
}

fn rules(config: &Config) -> Rules {
    Rules { mode: config.discovery.mode, off: config.discovery.off.clone() }
}

/// Which addresses are never called. Ports that the system chooses are known only once the listeners are up, and the catalog is opened
/// before that; nothing is reported to it until then.
struct Policy {
    allowed: Vec<discovery::policy::Network>,
    known: Arc<OnceLock<AddressPolicy>>,
    first: AddressPolicy,
}

impl Policy {
    fn new(config: &Config) -> Self {
        let allowed: Vec<_> = config.discovery.allowed_link_local.iter().map(|given| given.value).collect();
        let first = AddressPolicy::new([config.gateway, config.admin], allowed.clone());
        Self { allowed, known: Arc::default(), first }
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
