//! What binding a function takes, put together from the store.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refs;
use crate::model::{Digest, Materials, UpstreamId};
use crate::snapshot::FunctionEntry;
use crate::store::{Key, Store, StoreError};

/// The name of each definition, and its content: a table's blob.
pub(crate) type Names = BTreeMap<String, Digest>;

/// The complete schemas of a function, with every definition that they reach under `$defs`, and its attachments.
pub(crate) async fn materials(
    store: &dyn Store,
    upstream: &UpstreamId,
    entry: &FunctionEntry,
) -> Result<Materials, StoreError> {
    let mut shared = Shared { store, upstream, names: Names::new(), read: BTreeMap::new() };
    if let Some(table) = entry.definitions {
        shared.names = blob(store, upstream, table).await?;
    }
    let input = shared.complete(entry.function.input).await?;
    let output = match entry.function.output {
        Some(output) => Some(shared.complete(output).await?),
        None => None,
    };
    let mut attachments = Vec::new();
    for digest in entry.function.attachments() {
        attachments.push(bytes(store, upstream, digest).await?);
    }
    Ok(Materials { input, output, attachments })
}

/// The definitions of one function, each read once.
struct Shared<'a> {
    store: &'a dyn Store,
    upstream: &'a UpstreamId,
    names: Names,
    read: BTreeMap<String, Value>,
}

impl Shared<'_> {
    async fn complete(&mut self, schema: Digest) -> Result<Value, StoreError> {
        let mut schema: Value = blob(self.store, self.upstream, schema).await?;
        let mut reached = Map::new();
        let mut open = refs(&schema, |name| self.names.contains_key(name));
        while let Some(name) = open.pop_first() {
            if reached.contains_key(&name) {
                continue;
            }
            let definition = self.definition(&name).await?;
            open.extend(refs(&definition, |name| self.names.contains_key(name)));
            reached.insert(name, definition);
        }
        // A schema `true` refers to nothing.
        if let (Value::Object(members), false) = (&mut schema, reached.is_empty()) {
            members.insert("$defs".into(), Value::Object(reached));
        }
        Ok(schema)
    }

    async fn definition(&mut self, name: &str) -> Result<Value, StoreError> {
        if let Some(definition) = self.read.get(name) {
            return Ok(definition.clone());
        }
        let definition: Value = match self.names.get(name) {
            Some(&digest) => blob(self.store, self.upstream, digest).await?,
            None => Value::Bool(true),
        };
        self.read.insert(name.to_owned(), definition.clone());
        Ok(definition)
    }
}

/// A content of an upstream, as JSON.
pub(crate) async fn blob<T: DeserializeOwned>(
    store: &dyn Store,
    upstream: &UpstreamId,
    digest: Digest,
) -> Result<T, StoreError> {
    let content = bytes(store, upstream, digest).await?;
    serde_json::from_slice(&content).map_err(|error| corrupt(upstream, digest, &error.to_string()))
}

async fn bytes(store: &dyn Store, upstream: &UpstreamId, digest: Digest) -> Result<Bytes, StoreError> {
    let content = store.get(&Key::Blob(upstream.clone(), digest)).await?;
    content.ok_or_else(|| corrupt(upstream, digest, "it is missing"))
}

fn corrupt(upstream: &UpstreamId, digest: Digest, cause: &str) -> StoreError {
    StoreError::Corrupt { key: format!("{:?}", Key::Blob(upstream.clone(), digest)).into(), cause: cause.into() }
}
