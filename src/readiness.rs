//! Whether the daemon is ready, and if not, why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A part that can stand in the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Part {
    /// The start: the catalog is loaded and, when it is empty, first lists and looks are waited for.
    Start,
    /// The end has begun.
    Stop,
}

/// What stands in the way. Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    obstacles: Arc<Mutex<BTreeMap<Part, String>>>,
    catalog: catalog::Catalog,
}

impl Readiness {
    /// Not ready: the start has only begun.
    pub(crate) fn starting(catalog: catalog::Catalog) -> Self {
        let first = BTreeMap::from([(Part::Start, "starting".to_owned())]);
        Self { obstacles: Arc::new(Mutex::new(first)), catalog }
    }

    /// `part` stands in the way, because of `why`.
    pub(crate) fn block(&self, part: Part, why: &str) {
        self.obstacles.lock().unwrap_or_else(PoisonError::into_inner).insert(part, why.to_owned());
    }

    /// `part` does not stand in the way any more.
    pub(crate) fn clear(&self, part: Part) {
        self.obstacles.lock().unwrap_or_else(PoisonError::into_inner).remove(&part);
    }

    /// What stands in the way now; nothing means ready.
    pub(crate) fn obstacles(&self) -> Vec<String> {
        let mut all: Vec<_> = self.obstacles.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.extend(self.catalog.health().map(|trouble| trouble.error.to_string()));
        all
    }
}
