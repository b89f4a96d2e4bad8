//! Why the catalog refuses.

use std::sync::Arc;

use crate::store::StoreError;

/// Why the catalog refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CatalogError {
    /// The change could not be made durable, or what was asked for could not be read. A change did not happen, as far as is known;
    /// one that reached the disk all the same shows as soon as the store works again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such entry (any more).
    #[error("there is no {0} in the catalog")]
    Unknown(String),
    /// A source still lists it.
    #[error("{0} is still listed by its source; it can be forgotten once it is not")]
    StillListed(String),
    /// A backup could not be written.
    #[error("the backup cannot be written: {0}")]
    Backup(Arc<str>),
    /// The daemon is stopping.
    #[error("the catalog is closed")]
    Closed,
}
