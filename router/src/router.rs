//! Starts and stops a gateway.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use catalog::Catalog;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::budget::Budget;
use crate::config::Config;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::plans::planner::Planner;
use crate::worker::{self, Common};
use crate::{limits, listener};

/// A running gateway. To drop it is to cut off its requests; [`Router::stop`] lets them finish.
pub struct Router {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    stopping: watch::Sender<Option<Instant>>,
    threads: Vec<JoinHandle<()>>,
    /// The planner; ends when the workers have.
    _control: JoinSet<()>,
}

/// Reads how often each upstream was called.
#[derive(Clone, Debug)]
pub struct Counters(Arc<Metrics>);

impl Counters {
    /// How often each upstream was called since the start, by name. Past the limit of labels calls are not told apart.
    pub fn calls(&self) -> BTreeMap<Arc<str>, u64> {
        self.0.calls()
    }
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not free, or not ours.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The system gives no threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl Router {
    /// Starts a gateway. Its sockets listen when this returns. Must be called on a tokio runtime, which makes its plans.
    pub fn start(config: Config, catalog: Catalog) -> Result<Self, StartError> {
        let workers = config.workers.max(1);
        let (address, listeners) =
            listener::bind(config.address, workers).map_err(|error| StartError::Listen(config.address, error))?;
        let metrics = Arc::new(Metrics::new(workers));
        let output = Box::new(io::stdout());
        let (log, writer) =
            Log::start(config.access_log, metrics.dropped_lines.clone(), output).map_err(StartError::Thread)?;
        let (orders, queue) = mpsc::channel(limits::PLANNER_QUEUE);
        let mut control = JoinSet::new();
        let collected = Budget::new(limits::COLLECTED, limits::COLLECTED_PER_UPSTREAM);
        control.spawn(
            Planner::new(catalog.clone(), config.kinds, config.keyring, config.validation, collected).run(queue),
        );
        let (stopping, stopped) = watch::channel(None);
        let common = Common {
            catalog,
            namespace: config.namespace,
            filters: config.filters,
            metrics: metrics.clone(),
            log,
            orders,
            connections: limits::connections(workers),
            address,
            stopping: stopped,
        };
        let mut threads: Vec<_> = writer.into_iter().collect();
        for (number, listener) in listeners.into_iter().enumerate() {
            let common = common.clone();
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            let thread = thread.spawn(move || worker::run(number, &common, listener)).map_err(StartError::Thread)?;
            threads.push(thread);
        }
        Ok(Self { address, metrics, stopping, threads, _control: control })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What reads how often each upstream was called; outlives the gateway.
    pub fn counters(&self) -> Counters {
        Counters(self.metrics.clone())
    }

    /// Adds the metrics of requests to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.metrics.clone()));
    }

    /// Stops accepting, lets requests finish for as long as `grace`, cuts off the rest, and returns when all threads have ended and the
    /// access log is written.
    pub async fn stop(self, grace: Duration) {
        let Self { stopping, threads, .. } = self;
        stopping.send_replace(Some(Instant::now() + grace));
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().filter_map(|thread| thread.join().err()).count());
        if let Ok(panicked @ 1..) = joined.await {
            tracing::error!(panicked, "threads of the gateway panicked");
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::config::AccessLog;

    async fn start(address: SocketAddr) -> Result<Router, StartError> {
        let store = Arc::new(catalog::store::Memory::default());
        let (catalog, _) = catalog::open(store, catalog::Settings::default()).await.unwrap();
        let config = Config {
            address,
            workers: 3,
            namespace: "gloo-system".into(),
            filters: plugins::registry::filters(&plugins::filters::Settings::default()),
            keyring: Default::default(),
            kinds: plugins::registry::FUNCTION_KINDS,
            validation: catalog::model::Validation::Enforce,
            access_log: AccessLog::Off,
        };
        Router::start(config, catalog)
    }

    async fn ask(address: SocketAddr) -> io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_gateway_runs_from_start_to_stop() {
        let router = start("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = router.address();
        for _ in 0..20 {
            assert!(ask(address).await.unwrap().starts_with("HTTP/1.1 404"));
        }
        let taken = start(address).await.unwrap_err().to_string();
        assert!(taken.contains(&address.to_string()) && taken.contains("in use"), "{taken}");
        router.stop(Duration::from_secs(5)).await;
        assert!(ask(address).await.is_err());
        start(address).await.unwrap().stop(Duration::ZERO).await;
    }
}
