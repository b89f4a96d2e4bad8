//! What the daemon tells the catalog at the start.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::Kind;

/// Why an address must never be called; `None` where it may be. Asked for every endpoint that a source reports.
pub type AddressPolicy = Arc<dyn Fn(SocketAddr) -> Option<String> + Send + Sync>;

/// Tells the time of day. Durations are measured by tokio's clock, which tests can pause.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the daemon tells the catalog at the start.
#[derive(Clone)]
pub struct Settings {
    /// The namespace of what is discovered.
    pub namespace: Arc<str>,
    /// The function kinds; of two that are found at once, the earlier one's functions get their names first.
    pub kinds: Arc<[Kind]>,
    /// Kinds of sources; of newcomers at once, those of an earlier one get their names first. Others come last.
    pub sources: Arc<[Arc<str>]>,
    /// Which addresses are refused.
    pub refuse: AddressPolicy,
    /// The time of day.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespace: "gloo-system".into(),
            kinds: [].into(),
            sources: ["static", "kubernetes", "consul", "aws"].map(Arc::from).into(),
            refuse: Arc::new(|_| None),
            clock: Arc::new(Timestamp::now),
        }
    }
}

impl Settings {
    /// Now, in the whole milliseconds that records keep.
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.clock)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// The kind called `name`; a known one costs no memory.
    pub(crate) fn kind(&self, name: &str) -> Kind {
        let known = self.kinds.iter().find(|kind| kind.as_str() == name);
        known.cloned().unwrap_or_else(|| Kind::from(name.to_owned()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, kinds, sources, .. } = self;
        f.debug_struct("Settings")
            .field("namespace", namespace)
            .field("kinds", kinds)
            .field("sources", sources)
            .finish_non_exhaustive()
    }
}
