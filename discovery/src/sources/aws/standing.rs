//! How all places together stand: which answer, which fail, what they leave out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::describe::LeftOut;
use crate::SourceError;
use crate::aws::AwsError;

/// How the places stand.
#[derive(Default)]
pub(super) struct Standing {
    /// Those that have answered in this run.
    answered: BTreeSet<Arc<str>>,
    /// Those whose last list failed.
    failing: BTreeMap<Arc<str>, AwsError>,
    left_out: BTreeMap<Arc<str>, LeftOut>,
}

impl Standing {
    pub(super) fn answers(&mut self, place: &Arc<str>) {
        self.failing.remove(place);
        self.answered.insert(place.clone());
    }

    pub(super) fn fails(&mut self, place: &Arc<str>, error: &AwsError) {
        self.failing.insert(place.clone(), error.clone());
    }

    /// Returns whether that is news.
    pub(super) fn leaves_out(&mut self, place: &Arc<str>, left_out: LeftOut) -> bool {
        let before = self.left_out.insert(place.clone(), left_out);
        before.as_ref() != self.left_out.get(place)
    }

    /// Whether any place has answered.
    pub(super) fn is_there(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Why nothing can be said of any of all `places`; `None` while one answers.
    pub(super) fn failure(&self, places: usize) -> Option<SourceError> {
        let failing = self.failing.values().next().filter(|_| self.failing.len() == places)?;
        Some(failing.clone().into())
    }

    /// All that is left out.
    pub(super) fn left_out(&self) -> LeftOut {
        self.left_out.values().flatten().cloned().collect()
    }
}
