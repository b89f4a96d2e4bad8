//! The seam to whatever keeps the catalog: records under typed keys, committed a change set at a time.
//!
//! A store knows nothing of what its records mean. What it promises:
//!
//! - [`Store::commit`] returns when the whole change set is durable, on power loss too, and a reader never sees half of it.
//!   A backend without large transactions writes blobs first and the manifest last, and drops what is no longer named after that.
//!   After an error any part of it may have happened, up to a torn set; the registrar reads what did before it goes on.
//! - [`Store::load`] sees whole change sets alone.
//! - Blobs (functions, schemas) never change under their key: it holds the digest of their content.

pub mod archive;
mod embedded;
#[cfg(test)]
pub(crate) mod faulty;
mod key;
pub mod memory;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

pub use embedded::SledStore;
#[cfg(test)]
pub(crate) use faulty::{Fault, Faulty};
pub use memory::Memory;

use crate::model::{Digest, UpstreamId};

/// The families of records, in the order of their place in an ordered store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Space {
    /// One record for the whole store: format version, revision, writer.
    Meta,
    /// One for each upstream: what it is and which function records it has.
    Manifest,
    /// One for each function of each upstream, by content.
    Function,
    /// Schemas, definitions and attachments of an upstream, by content.
    Blob,
    /// The last known endpoints of an upstream; written behind.
    Endpoints,
    /// The newest revisions of one function.
    History,
    /// The event log, by revision.
    Event,
}

/// Where a record is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Key {
    /// The one record about the store.
    Meta,
    /// An upstream's manifest.
    Manifest(UpstreamId),
    /// A function of an upstream, by the digest of its record.
    Function(UpstreamId, Digest),
    /// A content of an upstream.
    Blob(UpstreamId, Digest),
    /// An upstream's endpoints.
    Endpoints(UpstreamId),
    /// A function's history, by upstream and by the function's name.
    History(UpstreamId, Arc<str>),
    /// Event `n` of a revision.
    Event(u64, u32),
}

impl Key {
    /// The family it belongs to.
    pub fn space(&self) -> Space {
        match self {
            Self::Meta => Space::Meta,
            Self::Manifest(_) => Space::Manifest,
            Self::Function(..) => Space::Function,
            Self::Blob(..) => Space::Blob,
            Self::Endpoints(_) => Space::Endpoints,
            Self::History(..) => Space::History,
            Self::Event(..) => Space::Event,
        }
    }
}

/// Keys as bytes, from the first up to the second; [`Space::keys`] are those of a whole family.
pub type Keys = Range<Vec<u8>>;

/// What becomes durable together. Belongs to one upstream (or to none: endpoints, event trimming), so that
/// backends with small transactions can keep the promise too.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ChangeSet {
    /// Written first; each is new, or may be overwritten in any order.
    pub records: Vec<(Key, Bytes)>,
    /// Written last: what makes the change visible (a manifest, the meta record).
    pub manifest: Vec<(Key, Bytes)>,
    /// Dropped after that.
    pub drops: Vec<Key>,
}

impl ChangeSet {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.manifest.is_empty() && self.drops.is_empty()
    }
}

/// Why a store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the network refused; trying again may help.
    #[error("the store cannot {act}: {cause}")]
    Unavailable {
        /// What was tried.
        act: &'static str,
        /// What the backend said.
        cause: Arc<str>,
    },
    /// Another process has it.
    #[error("another process has the store {place} open; stop it, or give this one another --data-dir")]
    Locked {
        /// The folder or address.
        place: Arc<str>,
    },
    /// It was written by a newer version.
    #[error(
        "the store was written by portolan {writer} (format {found}, this version reads up to {known}); run that version or a newer one"
    )]
    Newer {
        /// The version that wrote it.
        writer: Arc<str>,
        /// Its format.
        found: u32,
        /// The newest format read here.
        known: u32,
    },
    /// What it holds cannot be read.
    #[error("the store's record {key} cannot be read: {cause}")]
    Corrupt {
        /// Which record.
        key: Arc<str>,
        /// What is wrong.
        cause: Arc<str>,
    },
}

/// Receives records while a space is loaded; an error ends the load.
pub type Each<'a> = dyn FnMut(Key, &[u8]) -> Result<(), StoreError> + Send + 'a;

/// Keeps records. One process writes; all of it may read.
pub trait Store: Send + Sync + fmt::Debug {
    /// Hands every record in `keys` to `each`, in key order. Several may load at once.
    fn load<'a>(&'a self, keys: Keys, each: &'a mut Each<'_>) -> BoxFuture<'a, Result<(), StoreError>>;

    /// One record.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>>;

    /// Applies the change sets in order and returns when all are durable. An error leaves open whether they are: the caller reads
    /// what is there before it commits anything else. Without change sets it makes sure that the store is open, and no more.
    fn commit(&self, changes: Vec<ChangeSet>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Counts the commits that others made to a shared store; never changes for one that has a single process.
    fn watch(&self) -> watch::Receiver<u64>;
}
