//! Descriptor pools: the compiled-in one, and those that bound calls share.

use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use catalog::model::Digest;
use prost_reflect::DescriptorPool;

/// The well-known types.
pub(super) static BUILT_IN: LazyLock<DescriptorPool> = LazyLock::new(DescriptorPool::global);

/// How many pools are kept for the next binding. Bound calls hold their own, so that this is about building alone: the
/// methods of one server are usually bound one after another.
const KEPT: usize = 16;

/// The pools of the newest bindings, by the content that they are made of; the newest last.
static SHARED: Mutex<Vec<(Digest, DescriptorPool)>> = Mutex::new(Vec::new());

/// The pool of the attachment `set`, whose content is `digest`.
pub(super) fn shared(digest: Digest, set: &Bytes) -> Result<DescriptorPool, String> {
    if let Some(found) = touch(digest) {
        return Ok(found);
    }
    // Built outside the lock: it takes milliseconds. Two that build the same at once are no harm.
    let pool = DescriptorPool::decode(set.clone()).map_err(|e| e.to_string())?;
    let mut kept = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push((digest, pool.clone()));
    Ok(pool)
}

fn touch(digest: Digest) -> Option<DescriptorPool> {
    let mut kept = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let at = kept.iter().position(|(of, _)| *of == digest)?;
    let found = kept.remove(at);
    let pool = found.1.clone();
    kept.push(found);
    Some(pool)
}
