//! What the router reads of the catalog.

use std::sync::Arc;

use catalog::model::{Materials, Upstream};
use catalog::snapshot::FunctionEntry;
use catalog::{CatalogError, Snapshot};
use futures_util::future::BoxFuture;

/// The catalog as the router sees it.
pub trait Directory: Send + Sync {
    /// The newest generation: cheap enough to ask at every request.
    fn generation(&self) -> u64;

    /// The newest snapshot.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// What binding a function takes.
    fn materials<'a>(
        &'a self,
        upstream: &'a Upstream,
        function: &'a FunctionEntry,
    ) -> BoxFuture<'a, Result<Materials, CatalogError>>;
}
