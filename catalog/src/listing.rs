//! What the reporter of a source's own functions does before the registrar sees them: it digests them and compares them with the
//! catalog, in its own task.

use std::sync::Arc;

use crate::model::{Digest, Kind};
use crate::prepare::{Content, Pasts, pasts};
use crate::snapshot::UpstreamEntry;
use crate::store::{Store, StoreError};

/// The functions of one kind that a source lists for an upstream, compared with what the catalog had when the source looked.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) kind: Kind,
    pub(crate) content: Arc<Content>,
    /// Of the whole list, in whatever order it came.
    pub(crate) digest: Digest,
    pub(crate) base: Arc<UpstreamEntry>,
    pub(crate) pasts: Pasts,
}

impl Listing {
    /// Compares `content` with the functions of `kind` that `base` has.
    pub(crate) async fn new(
        store: &dyn Store,
        base: Arc<UpstreamEntry>,
        kind: &Kind,
        content: &Arc<Content>,
    ) -> Result<Self, StoreError> {
        let (kind, content, digest) = (kind.clone(), content.clone(), content.digest());
        let mut listing = Self { kind, content, digest, base, pasts: Pasts::new() };
        if !listing.is_same() {
            listing.pasts = pasts(store, &listing.base, &listing.kind, &listing.content).await?;
        }
        Ok(listing)
    }

    /// Whether it is as the catalog has it.
    pub(crate) fn is_same(&self) -> bool {
        self.base.upstream.kinds.get(&self.kind).is_some_and(|known| known.digest == self.digest)
    }
}
