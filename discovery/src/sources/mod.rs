//! The sources, a folder each. All are rows of the [`registry`](crate::registry).

pub mod files;
pub mod fixed;
mod hints;
pub(crate) mod hosts;
//! The sources, a folder each.

pub mod consul;
