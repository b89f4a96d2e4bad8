//! Discovery: finds what runs ([`Source`]) and what it offers (the prober), and reports both to the catalog.
//!
//! A source may simply fail: the supervisor restarts it with backoff and jitter, paces it and shows its state. The prober
//! offers each upstream to every function kind that can describe itself, politely: capped, paced, and recorded.

pub mod attempts;
pub mod aws;
mod backoff;
pub mod board;
pub mod documents;
pub mod eligibility;
#[cfg(test)]
mod exam;
pub mod fetch;
#[doc(hidden)]
pub mod fuzzing;
pub mod policy;
pub mod prober;
pub mod registry;
mod reports;
pub mod resources;
pub mod source;
pub mod sources;
pub mod supervisor;
#[cfg(test)]
mod testing;
pub mod why;

pub use prober::Prober;
pub use reports::Reports;
pub use source::{Source, SourceError};
pub use supervisor::Supervisor;
