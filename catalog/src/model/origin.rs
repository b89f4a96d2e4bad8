//! Where an upstream comes from.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One configured source: its kind (`static`, `consul`, …) and, where several of a kind run, which one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SourceId {
    /// `static`, `consul`, … as the catalog's vocabulary has it.
    pub kind: Arc<str>,
    /// Tells sources of one kind apart (an address, a file); empty for the only or default one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub instance: Arc<str>,
}

impl SourceId {
    /// The source `kind`, told apart by `instance` (empty: the only one).
    pub fn new(kind: &str, instance: &str) -> Self {
        Self { kind: kind.into(), instance: instance.into() }
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.instance.is_empty() {
            write!(f, "={}", self.instance)?;
        }
        Ok(())
    }
}

/// What an upstream *is*, for ever: the source that lists it and the key it has there.
/// Names, labels and addresses may change; the origin does not.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// The source that lists it.
    pub source: SourceId,
    /// The source's own key for it: a service's name, a resource's namespace and name.
    pub key: Arc<str>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.key)
    }
}
