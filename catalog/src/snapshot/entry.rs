//! The entries of a snapshot: upstreams and functions, each behind its own pointer, which stays the same as long as the entry does.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use super::texts::Texts;
use crate::model::{Digest, Function, Upstream};

/// One upstream with its functions.
#[derive(Clone, Debug)]
pub struct UpstreamEntry {
    /// The upstream.
    pub upstream: Upstream,
    /// Its functions, by name.
    pub functions: Box<[Arc<FunctionEntry>]>,
    /// Whether what it offers may still grow or shrink: set while a probe's removal waits to be confirmed.
    pub unconfirmed: bool,
    /// What its functions share.
    pub(crate) tables: Box<[Table]>,
    /// What search looks at.
    pub(crate) texts: Arc<Texts>,
}

/// Which definition has which content, kept as a blob; here only what it takes to know which blobs are in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Table {
    /// The blob's own digest.
    pub(crate) digest: Digest,
    /// The contents that it names.
    pub(crate) contents: Arc<[Digest]>,
}

impl UpstreamEntry {
    /// `upstream` with these functions, in any order, and the tables that they refer to.
    pub(crate) fn new(upstream: Upstream, mut functions: Vec<Arc<FunctionEntry>>, tables: Box<[Table]>) -> Self {
        functions.sort_unstable_by(|a, b| a.function.name.cmp(&b.function.name));
        let texts = Arc::new(Texts::new(&functions));
        Self { upstream, functions: functions.into(), unconfirmed: false, tables, texts }
    }

    /// The function called `name`.
    pub fn function(&self, name: &str) -> Option<&Arc<FunctionEntry>> {
        let at = self.functions.binary_search_by(|f| (*f.function.name).cmp(name)).ok()?;
        self.functions.get(at)
    }

    /// Every blob that it cannot do without.
    pub(crate) fn blobs(&self) -> BTreeSet<Digest> {
        let tables = self.tables.iter().flat_map(|table| table.contents.iter().copied().chain([table.digest]));
        self.functions.iter().flat_map(|entry| entry.function.blobs()).chain(tables).collect()
    }
}

/// One function with what is looked up in it.
#[derive(Clone, Debug)]
pub struct FunctionEntry {
    /// The function.
    pub function: Function,
    /// The content of its record in the store.
    pub record: Digest,
    /// The table of the definitions that its schemas refer to.
    pub(crate) definitions: Option<Digest>,
}

impl Function {
    /// The contents that it names itself: its schemas and its binding's attachments.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = Digest> {
        [self.input].into_iter().chain(self.output).chain(self.attachments())
    }

    /// The contents in its binding's `attachments`.
    pub(crate) fn attachments(&self) -> Vec<Digest> {
        attachments(self.binding.get())
    }
}

/// The digests in the array `attachments` of a binding; none where there is no such array.
fn attachments(binding: &str) -> Vec<Digest> {
    #[derive(Deserialize)]
    struct Attached {
        attachments: Vec<Digest>,
    }
    if !binding.contains("\"attachments\"") {
        return Vec::new();
    }
    serde_json::from_str::<Attached>(binding).map(|binding| binding.attachments).unwrap_or_default()
}

/// The beginning of `text`: at most `limit` bytes, whole characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
