//! The newest revisions of one function.

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// Oldest first.
#[derive(Default, Debug, Serialize, Deserialize)]
pub(crate) struct HistoryRecord {
    pub(crate) revisions: Vec<RevisionRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RevisionRecord {
    pub(crate) revision: u64,
    /// In milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) digest: Digest,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changed: Vec<String>,
    /// How many more places changed than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) more: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
