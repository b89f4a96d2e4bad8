//! How all places together stand: which answer, which fail, what they leave out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::describe::LeftOut;
use crate::SourceError;
use crate::aws::AwsError;

/// How the places stand.
#[derive(Clone, Default)]
pub(crate) struct Standing {
    /// Those that have answered in this run.
    answered: BTreeSet<Arc<str>>,
    /// Those whose last list failed.
    failing: BTreeMap<Arc<str>, AwsError>,
    left_out: BTreeMap<Arc<str>, LeftOut>,
}

impl Standing {
    pub(crate) fn answers(&mut self, place: &Arc<str>) {
        self.failing.remove(place);
        self.answered.insert(place.clone());
    }

    pub(crate) fn fails(&mut self, place: &Arc<str>, error: &AwsError) {
        let known = self.failing.entry(place.clone()).or_insert_with(|| error.clone());
        // AWS's words to one and the same thing may be others each time: that is no news.
        if (&known.act, known.trouble) != (&error.act, error.trouble) {
            known.clone_from(error);
        }
    }

    /// Why the last list of `place` failed.
    pub(crate) fn fault(&self, place: &str) -> Option<&AwsError> {
        self.failing.get(place)
    }

    /// It is watched no more.
    pub(crate) fn forget(&mut self, place: &str) {
        self.failing.remove(place);
        self.answered.remove(place);
        self.left_out.remove(place);
    }

    /// Returns whether that is news.
    pub(crate) fn leaves_out(&mut self, place: &Arc<str>, left_out: LeftOut) -> bool {
        let before = self.left_out.insert(place.clone(), left_out);
        before.as_ref() != self.left_out.get(place)
    }

    /// Whether any place has answered.
    pub(crate) fn is_there(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Why nothing can be said of any of all `places`; `None` while one answers.
    pub(crate) fn failure(&self, places: usize) -> Option<SourceError> {
        let failing = self.failing.values().next().filter(|_| self.failing.len() == places)?;
        Some(failing.clone().into())
    }

    /// All that is left out.
    pub(crate) fn left_out(&self) -> LeftOut {
        self.left_out.values().flatten().cloned().collect()
    }
}
