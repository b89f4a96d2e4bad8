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
    /// Those that nobody asks, as the keys for that are not there.
    without_keys: BTreeSet<Arc<str>>,
    left_out: BTreeMap<Arc<str>, LeftOut>,
}

impl Standing {
    /// Returns whether that is news.
    pub(crate) fn answers(&mut self, place: &Arc<str>) -> bool {
        let has_failed = self.failing.remove(place).is_some();
        self.answered.insert(place.clone()) || has_failed
    }

    /// Returns whether that is news. AWS's words to one and the same thing may be others each time: that is none.
    pub(crate) fn fails(&mut self, place: &Arc<str>, error: &AwsError) -> bool {
        let is_same = |known: &AwsError| (&known.act, known.trouble) == (&error.act, error.trouble);
        let is_news = !self.fault(place).is_some_and(is_same);
        if is_news {
            self.failing.insert(place.clone(), error.clone());
        }
        is_news
    }

    /// Why the last list of `place` failed.
    pub(crate) fn fault(&self, place: &str) -> Option<&AwsError> {
        self.failing.get(place)
    }

    /// There are no keys to ask it with. Returns whether that is news.
    pub(crate) fn has_no_keys(&mut self, place: &Arc<str>) -> bool {
        self.without_keys.insert(place.clone())
    }

    /// Forgets which places have no keys, but for these. Returns whether that is news.
    pub(crate) fn keep_without_keys(&mut self, stays: impl Fn(&Arc<str>) -> bool) -> bool {
        let before = self.without_keys.len();
        self.without_keys.retain(|place| stays(place));
        self.without_keys.len() != before
    }

    /// Whether waiting for its first word is over: it answered, failed, or cannot be asked.
    pub(crate) fn is_known(&self, place: &str) -> bool {
        self.answered.contains(place) || self.failing.contains_key(place) || self.without_keys.contains(place)
    }

    /// It is watched no more.
    pub(crate) fn forget(&mut self, place: &str) {
        self.failing.remove(place);
        self.answered.remove(place);
        self.without_keys.remove(place);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Trouble;

    #[test]
    fn only_what_is_something_else_is_news() {
        let (mut standing, place) = (Standing::default(), Arc::from("eu-west-1"));
        let error = |act: &str, text: &str| AwsError::new(act, Trouble::Denied, text);
        assert_eq!([standing.answers(&place), standing.answers(&place)], [true, false]);
        let fails = [("list", "one"), ("list", "other"), ("read", "one")];
        assert_eq!(fails.map(|(act, text)| standing.fails(&place, &error(act, text))), [true, false, true]);
        assert_eq!([standing.answers(&place), standing.answers(&place)], [true, false]);
    }
}
