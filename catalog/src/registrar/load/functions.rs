//! The functions of all upstreams: nearly all of what a start reads, so that the runtime's threads share it.

use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::pending::Pending;
use crate::model::Digest;
use crate::settings::Settings;
use crate::snapshot::UpstreamEntry;
use crate::store::{Key, Keys, Space, Store, StoreError};

/// A part ends with the upstream that has this many functions in all: enough that parts cost nothing, few enough that all threads have some.
const PART: usize = 1_000;

/// Reads functions, part by part.
pub(super) struct Functions<'a> {
    store: &'a Arc<dyn Store>,
    settings: &'a Arc<Settings>,
    /// Of the next part, and how many functions they have.
    waiting: Vec<Pending>,
    size: usize,
    parts: JoinSet<Result<Vec<Arc<UpstreamEntry>>, StoreError>>,
}

impl<'a> Functions<'a> {
    pub(super) fn new(store: &'a Arc<dyn Store>, settings: &'a Arc<Settings>) -> Self {
        Self { store, settings, waiting: Vec::new(), size: 0, parts: JoinSet::new() }
    }

    /// Reads those of `upstream`. Upstreams come in the order of their ids.
    pub(super) fn read(&mut self, upstream: Pending) {
        if self.size >= PART {
            self.start(first_key(&upstream));
        }
        self.size += upstream.records.len();
        self.waiting.push(upstream);
    }

    /// All upstreams with their functions, in the order of their ids.
    pub(super) async fn all(mut self) -> Result<Vec<Arc<UpstreamEntry>>, StoreError> {
        self.start(Space::Function.keys().end);
        let mut all = Vec::new();
        let mut failed = Ok(());
        // To the last, also after an error: a part that is read holds the store.
        while let Some(part) = self.parts.join_next().await {
            match part.unwrap_or_else(|error| resume_unwind(error.into_panic())) {
                Ok(part) => all.extend(part),
                Err(error) => failed = failed.and(Err(error)),
            }
        }
        failed?;
        all.sort_unstable_by(|a, b| a.upstream.id.cmp(&b.upstream.id));
        Ok(all)
    }

    fn start(&mut self, end: Vec<u8>) {
        self.size = 0;
        let part = std::mem::take(&mut self.waiting);
        if let Some(first) = part.first() {
            let keys = first_key(first)..end;
            self.parts.spawn(read(self.store.clone(), self.settings.clone(), keys, part));
        }
    }
}

/// No function of this upstream is before it.
fn first_key(upstream: &Pending) -> Vec<u8> {
    Key::Function(upstream.upstream.id.clone(), Digest::ZERO).to_bytes()
}

/// The upstreams of `part` with their functions, which are in `keys`.
async fn read(
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    keys: Keys,
    mut part: Vec<Pending>,
) -> Result<Vec<Arc<UpstreamEntry>>, StoreError> {
    let mut at = 0;
    let mut each = |key: Key, bytes: &[u8]| {
        if let Key::Function(id, record) = &key {
            at += part[at..].iter().take_while(|pending| pending.upstream.id < *id).count();
            if let Some(pending) = part.get_mut(at).filter(|pending| pending.upstream.id == *id) {
                pending.add(&key, *record, bytes, &settings)?;
            }
        }
        Ok(())
    };
    store.load(keys, &mut each).await?;
    Ok(part.into_iter().map(|pending| Arc::new(pending.finish())).collect())
}
