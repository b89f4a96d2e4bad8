//! The entries of a snapshot: upstreams and functions, each behind its own pointer, which stays the same as long as the entry does.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

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
    /// What search looks at, in lower case: the name, a line end, and the rest.
    pub(crate) text: Arc<str>,
}

/// How much of a description search looks at, in bytes: its first lines say what a function is about.
const SEARCHED_DESCRIPTION: usize = 256;

impl FunctionEntry {
    pub(crate) fn new(function: Function, record: Digest, definitions: Option<Digest>) -> Self {
        let mut text = String::with_capacity(function.name.len() + function.origin.len() + 128);
        text.push_str(&function.name);
        let summary = function.summary.as_deref().into_iter();
        let description = function.description.as_deref().map(|text| cut(text, SEARCHED_DESCRIPTION));
        let tags = function.tags.iter().map(|tag| &**tag);
        for part in [&*function.origin].into_iter().chain(summary).chain(tags).chain(description) {
            text.push('\n');
            text.push_str(part);
        }
        text.make_ascii_lowercase();
        let text = if text.is_ascii() { text } else { text.to_lowercase() };
        Self { function, record, definitions, text: text.into() }
    }
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
