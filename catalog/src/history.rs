//! A function's history: its newest revisions, each with what changed. Digests and places, never contents.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{Digest, Function, UpstreamId};
use crate::records::{HistoryRecord, RevisionRecord, decode, encode, time};
use crate::schema::Difference;
use crate::snapshot::UpstreamEntry;
use crate::store::{Key, Store, StoreError};

/// The most revisions that are kept of a function.
pub const MAX_REVISIONS: usize = 20;

/// The largest record of one function's history, in bytes; the oldest revisions go first.
pub const MAX_BYTES: usize = 64 << 10;

/// One revision of a function.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The catalog's revision that has it.
    pub revision: u64,
    /// When that was.
    pub at: Timestamp,
    /// The function's digest since then.
    pub digest: Digest,
    /// JSON pointers to what changed: in the function's fields, its schemas (`/input`, `/output`) and the definitions that these
    /// share (`/definitions/NAME`). Empty for the revision that added it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// How many more places changed than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The kept revisions of a function, newest first; `None` when the upstream has no function of this name.
pub(crate) async fn read(
    store: &dyn Store,
    upstream: &UpstreamEntry,
    name: &str,
) -> Result<Option<Vec<Revision>>, StoreError> {
    let Some(entry) = upstream.function(name) else { return Ok(None) };
    let record = load(store, &upstream.upstream.id, &entry.function).await?;
    let revision = |record: RevisionRecord| Revision {
        revision: record.revision,
        at: time(record.at),
        digest: record.digest,
        changed: record.changed,
        more: record.more,
    };
    Ok(Some(record.revisions.into_iter().rev().map(revision).collect()))
}

/// The record of a function's history. A function that never changed has none: its own record says all.
pub(crate) async fn load(
    store: &dyn Store,
    upstream: &UpstreamId,
    function: &Function,
) -> Result<HistoryRecord, StoreError> {
    let key = Key::History(upstream.clone(), function.name.clone());
    match store.get(&key).await? {
        Some(bytes) => {
            let mut record: HistoryRecord = decode(&key, &bytes)?;
            // A change set that was not finished may have left a revision that never was.
            record.revisions.retain(|known| known.revision <= function.revision);
            Ok(record)
        }
        None => {
            let first = RevisionRecord {
                revision: function.revision,
                at: function.last_seen.as_millisecond(),
                digest: function.digest,
                changed: Vec::new(),
                more: 0,
            };
            Ok(HistoryRecord { revisions: vec![first] })
        }
    }
}

impl HistoryRecord {
    /// Adds the revision that `function` became by `difference`, and drops the oldest ones that are too many.
    pub(crate) fn push(&mut self, function: &Function, difference: Difference) -> bytes::Bytes {
        self.revisions.push(RevisionRecord {
            revision: function.revision,
            at: function.last_seen.as_millisecond(),
            digest: function.digest,
            changed: difference.places,
            more: difference.more,
        });
        let surplus = self.revisions.len().saturating_sub(MAX_REVISIONS);
        self.revisions.drain(..surplus);
        loop {
            let bytes = encode(self);
            if bytes.len() <= MAX_BYTES || self.revisions.len() == 1 {
                return bytes;
            }
            self.revisions.remove(0);
        }
    }
}
