//! What looks found, for the catalog API and `portolan why`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use catalog::model::{Kind, UpstreamId};
use jiff::Timestamp;
use serde::Serialize;

/// Where the looks at an upstream stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was not looked at yet.
    Waiting,
    /// It has functions.
    Found,
    /// It describes no functions.
    None,
    /// It could not be found out, or not any more.
    Failing,
    /// It is never looked at.
    Off,
}

/// What is known of the looks at one upstream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovery {
    /// Where they stand.
    pub state: State,
    /// What went wrong last, where something did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it is looked at next; absent while it is being looked at, and where it never is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
    /// Why it is looked at as it is: the rule that decided.
    #[serde(skip)]
    pub rule: String,
    /// Kind by kind.
    #[serde(skip)]
    pub kinds: Vec<KindLook>,
}

/// What is known of the looks for one kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindLook {
    /// The kind.
    pub kind: Kind,
    /// Where they stand.
    pub state: State,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was last looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<Timestamp>,
    /// When it is looked for next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
}

/// What the last look for one kind found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Waiting,
    Found,
    NotThis,
    Failed(String),
}

impl Verdict {
    pub(super) fn state(&self) -> State {
        match self {
            Self::Waiting => State::Waiting,
            Self::Found => State::Found,
            Self::NotThis => State::None,
            Self::Failed(_) => State::Failing,
        }
    }

    pub(super) fn error(&self) -> Option<String> {
        match self {
            Self::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }
}

/// How many looks had which result, since the start.
#[derive(Default, Debug)]
pub struct Counts {
    /// Functions were found.
    pub found: AtomicU64,
    /// Nothing changed.
    pub unchanged: AtomicU64,
    /// It is not that kind.
    pub none: AtomicU64,
    /// It could not be found out.
    pub failed: AtomicU64,
}

impl Counts {
    /// Each result by its name in the metrics.
    pub fn read(&self) -> [(&'static str, u64); 4] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("found", read(&self.found)),
            ("unchanged", read(&self.unchanged)),
            ("none", read(&self.none)),
            ("failed", read(&self.failed)),
        ]
    }
}

/// What is known of all upstreams. Cheap to clone; every clone shows the same.
#[derive(Clone, Default, Debug)]
pub struct Outcomes {
    all: Arc<RwLock<HashMap<UpstreamId, Discovery>>>,
    counts: Arc<Counts>,
}

impl Outcomes {
    /// What is known of one.
    pub fn of(&self, upstream: &UpstreamId) -> Option<Discovery> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(upstream).cloned()
    }

    /// The results of all looks.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn show(&self, upstream: &UpstreamId, discovery: Discovery) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).insert(upstream.clone(), discovery);
    }

    pub(super) fn forget(&self, upstream: &UpstreamId) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).remove(upstream);
    }
}
