//! Schemas: what refers to which definition, complete ones put together from the store, and where two differ.

mod difference;
mod materials;
mod refs;
#[cfg(test)]
mod tests;

pub(crate) use difference::{Difference, difference};
pub(crate) use materials::{Names, blob, materials};
pub(crate) use refs::{Reach, refs};
