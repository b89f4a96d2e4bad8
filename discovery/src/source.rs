//! The seam to a place where things are registered.

use std::convert::Infallible;

use catalog::CatalogError;
use catalog::model::SourceId;
use futures_util::future::BoxFuture;

use crate::reports::Reports;

/// Watches one place. What every source does, and its exam checks:
///
/// - it reports a full list first and deltas after; a full list only when it knows everything;
/// - it waits for a change where the protocol allows that, and polls only where it does not;
/// - when it breaks it returns, and takes nothing away; the supervisor runs it again;
/// - dropping the future stops it at once; it leaves no task behind.
pub trait Source: Send + Sync {
    /// Which source it is.
    fn id(&self) -> &SourceId;

    /// Watches until it breaks.
    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>>;
}

/// Why a source broke, for `GET /sources`. Never holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// The place cannot be reached or answers with an error.
    #[error("{act}: {cause}")]
    Place {
        /// What was tried.
        act: String,
        /// What came of it.
        cause: String,
    },
    /// The place takes us for nobody who may ask: there are no keys that it knows, or they have no right.
    #[error("{act}: {cause}")]
    Refused {
        /// What was tried.
        act: String,
        /// What came of it.
        cause: String,
    },
    /// The catalog did not take it.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}
