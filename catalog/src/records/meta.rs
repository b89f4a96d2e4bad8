//! The record about the whole store.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Who wrote the store, and up to which revision. Written with every change set.
#[derive(Serialize, Deserialize)]
pub(crate) struct MetaRecord<'a> {
    /// The newest version among its records.
    pub(crate) format: u8,
    /// The version of the program that wrote last.
    #[serde(borrow)]
    pub(crate) writer: Cow<'a, str>,
    /// The catalog's revision.
    pub(crate) revision: u64,
}
