//! The metrics of the whole daemon: requests by the gateway, discovery and the catalog from what is known when they are read.

use std::collections::BTreeMap;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Api, word};

/// Everything that is measured.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    /// What `registry` holds, and what is known of discovery.
    pub(crate) fn new(registry: Registry) -> Self {
        Self(registry)
    }

    /// As OpenMetrics text.
    pub(super) fn encode(&self, api: &Api) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.0);
        let mut now = String::new();
        let _ = encode(&mut now, &discovery(api));
        // Each text ends in a line that may stand only once.
        text.truncate(text.trim_end().trim_end_matches("# EOF").len());
        text + &now
    }
}

type Labels = Vec<(String, String)>;

fn label(name: &str, value: impl Into<String>) -> Labels {
    vec![(name.to_owned(), value.into())]
}

/// Discovery and the catalog, as they are now.
fn discovery(api: &Api) -> Registry {
    let mut registry = Registry::default();
    let up = Family::<Labels, Gauge>::default();
    let success = Family::<Labels, Gauge>::default();
    let lag = Family::<Labels, Gauge<f64, std::sync::atomic::AtomicU64>>::default();
    for status in api.board.read() {
        let source = || label("source", &*status.source);
        up.get_or_create(&source()).set(i64::from(word(&status.state) == "ok"));
        if let Some(time) = status.last_success {
            success.get_or_create(&source()).set(time.as_second());
        }
        if let Some(ms) = status.lag {
            lag.get_or_create(&source()).set(ms as f64 / 1000.0);
        }
    }
    let attempts = Family::<Labels, prometheus_client::metrics::counter::Counter>::default();
    for (result, count) in api.prober.outcomes().counts().read() {
        attempts.get_or_create(&label("result", result)).inc_by(count);
    }
    let snapshot = api.catalog.snapshot();
    let mut kinds: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in snapshot.upstreams(None) {
        for function in &entry.functions {
            *kinds.entry(function.function.kind.as_str()).or_default() += 1;
        }
    }
    let functions = Family::<Labels, Gauge>::default();
    for (kind, count) in kinds {
        functions.get_or_create(&label("kind", kind)).set(count);
    }
    let revision = Gauge::<i64>::default();
    revision.set(snapshot.revision as i64);
    registry.register("portolan_source_up", "Whether a source is as it should be", up);
    registry.register("portolan_source_last_success_timestamp_seconds", "When a source last reported", success);
    registry.register("portolan_propagation_seconds", "How long a source's last report took to become visible", lag);
    registry.register("portolan_probe_attempts", "Looks at upstreams, by what came of them", attempts);
    registry.register("portolan_functions", "Functions in the catalog", functions);
    registry.register("portolan_catalog_revision", "The catalog's revision", revision);
    registry
}
