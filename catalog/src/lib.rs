//! The catalog: what there is to call, and the one place where that is written down.
//!
//! Sources and probes *report*; the registrar, the only writer, compares each report with what is known, commits the
//! difference to the [`store`] and then publishes one immutable [`Snapshot`]. Everything durable that a reader
//! sees was on disk first. This crate knows no source, no function kind and no network.
//!
//! [`open`] loads a store and returns the door ([`Catalog`]) and the writer ([`Registrar`]), which its parent runs.

mod error;
pub mod events;
#[doc(hidden)]
pub mod fuzzing;
mod handle;
pub mod history;
mod listing;
pub mod model;
mod prepare;
mod published;
mod records;
mod registrar;
pub mod report;
mod request;
mod schema;
mod settings;
pub mod snapshot;
pub mod store;

pub use error::CatalogError;
pub use handle::{Catalog, open};
pub use published::StoreTrouble;
pub use registrar::Registrar;
pub use settings::{AddressPolicy, Clock, Settings};
pub use snapshot::Snapshot;
