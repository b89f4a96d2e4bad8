//! What the reporter of a description does before the registrar sees it: digests, and what the store has to be asked for. It is
//! the expensive part of a probe's report, and so it is done in the reporter's own task.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::model::{Described, Description, Digest, Function, Kind, UpstreamId};
use crate::records::HistoryRecord;
use crate::schema::{Difference, Names, Reach, blob, difference};
use crate::snapshot::{FunctionEntry, Table, UpstreamEntry, cut};
use crate::store::{Store, StoreError};

/// The longest summary that is kept, in bytes; it is meant to be one line.
const MAX_SUMMARY: usize = 512;

/// The most complaints that are kept of one description; of more, their number.
const MAX_COMPLAINTS: usize = 16;

/// The longest complaint that is kept, in bytes: it quotes what is foreign.
const MAX_COMPLAINT: usize = 256;

/// A probe's answer, made ready by its reporter.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) upstream: UpstreamId,
    pub(crate) kind: Kind,
    pub(crate) endpoint: SocketAddr,
    pub(crate) answer: LookAnswer,
}

/// What it says.
#[derive(Debug)]
pub(crate) enum LookAnswer {
    /// It is none of this kind, or that could not be found out.
    Denied,
    /// It is as the catalog has it.
    Unchanged,
    /// It is this.
    Found(Box<Found>),
}

/// A description, compared with what the catalog had when its reporter looked.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) content: Arc<Content>,
    pub(crate) digest: Digest,
    pub(crate) tls: bool,
    pub(crate) hint: Option<String>,
    pub(crate) base: Arc<UpstreamEntry>,
    pub(crate) pasts: Pasts,
}

/// A description, digested.
#[derive(Debug)]
pub(crate) struct Content {
    /// In the document's order; origins are unique.
    pub(crate) functions: Vec<Candidate>,
    /// The definitions that the functions share.
    pub(crate) table: Option<Table>,
    /// The contents of all blobs that it takes.
    pub(crate) blobs: HashMap<Digest, Bytes>,
    /// What was left out of it, and why.
    pub(crate) complaints: Vec<String>,
    names: Names,
    definitions: BTreeMap<String, Value>,
}

/// A function as a description has it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) described: Described,
    pub(crate) binding: Box<RawValue>,
    pub(crate) input: Digest,
    pub(crate) output: Option<Digest>,
    pub(crate) digest: Digest,
    /// Of everything that a person or a caller sees of it.
    pub(crate) content: Digest,
    /// The definitions that it reaches.
    reach: BTreeSet<String>,
}

impl Content {
    /// Digests a description.
    pub(crate) fn new(description: Description) -> Self {
        let Description { functions, definitions, attachments, complaints } = description;
        let mut blobs: HashMap<Digest, Bytes> = HashMap::new();
        let mut keep = |content: Vec<u8>| {
            let digest = Digest::of([&*content]);
            blobs.entry(digest).or_insert_with(|| content.into());
            digest
        };
        let reach = Reach::new(&definitions);
        let mut shared = Names::new();
        let mut origins = BTreeSet::new();
        let mut candidates = Vec::with_capacity(functions.len());
        for described in functions {
            if !origins.insert(described.origin.clone()) {
                continue;
            }
            let reached = reach.from([&described.input].into_iter().chain(&described.output));
            for &name in &reached {
                if !shared.contains_key(name) {
                    shared.insert(name.to_owned(), keep(text(&definitions[name])));
                }
            }
            let input = keep(text(&described.input));
            let output = described.output.as_ref().map(|output| keep(text(output)));
            candidates.push(Candidate::new(described, input, output, &reached, &shared));
        }
        let table = (!shared.is_empty()).then(|| {
            let digest = keep(serde_json::to_vec(&shared).expect("names and digests are text"));
            let contents: BTreeSet<Digest> = shared.values().copied().collect();
            Table { digest, contents: contents.into_iter().collect() }
        });
        blobs.extend(attachments.into_iter().map(|content| (Digest::of([&*content]), content)));
        Self { functions: candidates, table, blobs, complaints: bounded(&complaints), names: shared, definitions }
    }

    /// Of all of it, in whatever order it came.
    pub(crate) fn digest(&self) -> Digest {
        let functions: BTreeMap<_, _> = self.functions.iter().map(|f| (&*f.described.origin, &f.content)).collect();
        let functions = functions.into_iter().flat_map(|(origin, content)| [origin.as_bytes(), content.as_bytes()]);
        Digest::of(functions.chain(self.complaints.iter().map(String::as_bytes)))
    }
}

fn bounded(complaints: &[String]) -> Vec<String> {
    let more = complaints.len().saturating_sub(MAX_COMPLAINTS);
    let first = complaints.iter().take(MAX_COMPLAINTS).map(|complaint| cut(complaint, MAX_COMPLAINT).to_owned());
    first.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

impl Candidate {
    fn new(
        mut described: Described,
        input: Digest,
        output: Option<Digest>,
        reached: &BTreeSet<&str>,
        names: &Names,
    ) -> Self {
        described.summary = described.summary.map(|text| cut(&text, MAX_SUMMARY).to_owned());
        described.description = described.description.map(|text| cut(&text, Function::MAX_DESCRIPTION).to_owned());
        let binding = serde_json::value::to_raw_value(&described.binding).expect("a value is valid JSON");
        let own = [binding.get().as_bytes(), input.as_bytes(), output.as_ref().map_or(&[], |d| d.as_bytes())];
        let shared = reached.iter().flat_map(|name| [name.as_bytes(), names[*name].as_bytes()]);
        let digest = Digest::of(own.into_iter().chain(shared));
        let content = content(
            &digest,
            described.summary.as_deref(),
            described.description.as_deref(),
            described.deprecated,
            described.safe,
            described.tags.iter().map(String::as_str),
        );
        let reach = reached.iter().map(|name| (*name).to_owned()).collect();
        Self { described, binding, input, output, digest, content, reach }
    }

    /// Whether its schemas refer to shared definitions.
    pub(crate) fn has_definitions(&self) -> bool {
        !self.reach.is_empty()
    }
}

impl Function {
    /// Of everything that a person or a caller sees of it, but for its name.
    pub(crate) fn content(&self) -> Digest {
        let tags = self.tags.iter().map(|tag| &**tag);
        content(&self.digest, self.summary.as_deref(), self.description.as_deref(), self.deprecated, self.safe, tags)
    }
}

fn content<'a>(
    digest: &'a Digest,
    summary: Option<&'a str>,
    description: Option<&'a str>,
    deprecated: bool,
    safe: bool,
    tags: impl Iterator<Item = &'a str>,
) -> Digest {
    let flag = |is_set: bool| if is_set { "1" } else { "" };
    let flags = [summary.is_some(), description.is_some(), deprecated, safe].map(flag);
    let texts = [summary, description].map(Option::unwrap_or_default);
    let texts = flags.into_iter().chain(texts).chain(tags).map(str::as_bytes);
    Digest::of([digest.as_bytes().as_slice()].into_iter().chain(texts))
}

fn text(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a value is valid JSON")
}

/// What became of the functions that a description changes: their histories so far, and where they differ. By origin.
pub(crate) type Pasts = HashMap<Box<str>, (HistoryRecord, Difference)>;

/// Compares `content` with the functions of `kind` that `base` has.
pub(crate) async fn pasts(
    store: &dyn Store,
    base: &UpstreamEntry,
    kind: &Kind,
    content: &Content,
) -> Result<Pasts, StoreError> {
    let old: HashMap<&str, &Arc<FunctionEntry>> = base
        .functions
        .iter()
        .filter(|entry| entry.function.kind == *kind)
        .map(|entry| (&*entry.function.origin, entry))
        .collect();
    let mut past = Past { store, base, tables: HashMap::new(), definitions: HashMap::new() };
    let mut pasts = Pasts::new();
    for new in &content.functions {
        let Some(old) = old.get(new.described.origin.as_str()) else { continue };
        if old.function.content() != new.content {
            let history = crate::history::load(store, &base.upstream.id, &old.function).await?;
            let difference = past.compare(old, new, content).await?;
            pasts.insert(old.function.origin.clone(), (history, difference));
        }
    }
    Ok(pasts)
}

/// The old side of a comparison, each content read once.
struct Past<'a> {
    store: &'a dyn Store,
    base: &'a UpstreamEntry,
    tables: HashMap<Digest, Names>,
    /// What differs within a definition, by its old and new content.
    definitions: HashMap<(Digest, Digest), Difference>,
}

impl Past<'_> {
    async fn compare(
        &mut self,
        old: &FunctionEntry,
        new: &Candidate,
        content: &Content,
    ) -> Result<Difference, StoreError> {
        let mut found = Difference::default();
        difference("", Some(&fields(&old.function)), Some(&described(new)), &mut found);
        if old.function.digest == new.digest {
            return Ok(found);
        }
        if old.function.input != new.input {
            let before: Value = self.read(old.function.input).await?;
            difference("/input", Some(&before), Some(&new.described.input), &mut found);
        }
        if old.function.output != new.output {
            let before: Option<Value> = match old.function.output {
                Some(output) => Some(self.read(output).await?),
                None => None,
            };
            difference("/output", before.as_ref(), new.described.output.as_ref(), &mut found);
        }
        // A definition that only the old one reached shows by the reference that is gone.
        for name in &new.reach {
            let after = content.names[name];
            if let Some(before) = self.definition(old.definitions, name).await?
                && before != after
            {
                self.compare_definition(name, (before, after), content, &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn compare_definition(
        &mut self,
        name: &str,
        digests: (Digest, Digest),
        content: &Content,
        found: &mut Difference,
    ) -> Result<(), StoreError> {
        if !self.definitions.contains_key(&digests) {
            let before: Value = self.read(digests.0).await?;
            let mut within = Difference::default();
            difference("", Some(&before), content.definitions.get(name), &mut within);
            self.definitions.insert(digests, within);
        }
        let within = &self.definitions[&digests];
        let at = format!("/definitions/{}", name.replace('~', "~0").replace('/', "~1"));
        within.places.iter().for_each(|place| found.push(format!("{at}{place}")));
        found.more += within.more;
        Ok(())
    }

    /// The content that a definition had.
    async fn definition(&mut self, table: Option<Digest>, name: &str) -> Result<Option<Digest>, StoreError> {
        let Some(table) = table else { return Ok(None) };
        if !self.tables.contains_key(&table) {
            let names: Names = self.read(table).await?;
            self.tables.insert(table, names);
        }
        Ok(self.tables[&table].get(name).copied())
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, digest: Digest) -> Result<T, StoreError> {
        blob(self.store, &self.base.upstream.id, digest).await
    }
}

fn fields(function: &Function) -> Value {
    let binding: Value = serde_json::from_str(function.binding.get()).unwrap_or_default();
    json!({
        "summary": function.summary, "description": function.description, "deprecated": function.deprecated,
        "safe": function.safe, "tags": function.tags, "binding": binding,
    })
}

fn described(new: &Candidate) -> Value {
    let new = &new.described;
    json!({
        "summary": new.summary, "description": new.description, "deprecated": new.deprecated,
        "safe": new.safe, "tags": new.tags, "binding": new.binding,
    })
}
