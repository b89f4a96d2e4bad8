//! The sources, a folder each. All are rows of the [`registry`](crate::registry).

pub mod aws;
pub mod clouds;
pub mod consul;
pub mod ec2;
pub mod files;
pub mod fixed;
pub(crate) mod hints;
pub(crate) mod hosts;
pub mod kubernetes;
pub mod resources;
