//! The catalog: what there is to call, and the one place where that is written down.
//!
//! Sources and probes *report*; the registrar, the only writer, compares each report with what is known, commits the
//! difference to the [`store`] and then publishes one immutable [`Snapshot`]. Everything durable that a reader
//! sees was on disk first. This crate knows no source, no function kind and no network.

mod handle;
pub mod model;
pub mod report;
pub mod snapshot;
pub mod store;

pub use handle::{Catalog, CatalogError};
pub use snapshot::Snapshot;
