//! Values by name, in memory alone: whoever gets one puts it in its place, and whoever uses it looks there each time, so that what is
//! replaced is used from then on.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

/// All places by name. Cheap to clone; every clone is the same.
pub struct Places<T>(Arc<Mutex<ByName<T>>>);

type ByName<T> = HashMap<Box<str>, Arc<Place<T>>>;

impl<T> Places<T> {
    /// The place of what is called `name`, whether or not there is anything yet. Places with nothing that nobody holds are forgotten.
    pub fn place(&self, name: &str) -> Arc<Place<T>> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(name) {
            return place.clone();
        }
        places.retain(|_, place| Arc::strong_count(place) > 1 || place.now().is_some());
        places.entry(name.into()).or_default().clone()
    }
}

// Derived, these would ask the same of `T`.

impl<T> Clone for Places<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> fmt::Debug for Places<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").finish_non_exhaustive()
    }
}

/// The place of one name. What is there is replaced as a whole; reading it takes no lock.
pub struct Place<T>(ArcSwapOption<T>);

impl<T> Place<T> {
    /// What is there now.
    pub fn now(&self) -> Option<Arc<T>> {
        self.0.load_full()
    }
}

impl<T: PartialEq> Place<T> {
    /// Puts `value` in the place of what there was. What equals that is nothing new: the pointer to it stays the same.
    pub fn put(&self, value: Option<T>) {
        if self.0.load().as_deref() != value.as_ref() {
            self.0.store(value.map(Arc::new));
        }
    }
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self(ArcSwapOption::empty())
    }
}

impl<T> fmt::Debug for Place<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_place() {
        let all = Places::default();
        let place = all.place("a");
        assert_eq!((place.now(), all.place("b").now()), (None, None));
        all.clone().place("a").put(Some("hidden"));
        assert_eq!((place.now().as_deref(), all.place("b").now()), (Some(&"hidden"), None));
        assert!(!format!("{all:?} {place:?}").contains("hidden"));
        all.place("a").put(None);
        assert_eq!(place.now(), None);
    }

    #[test]
    fn a_place_with_nothing_that_nobody_holds_is_forgotten() {
        let all = Places::default();
        let held = all.place("held");
        all.place("filled").put(Some(1));
        for name in ["a", "b", "c"] {
            all.place(name).put(Some(2));
            all.place(name).put(None);
        }
        all.place("d");
        held.put(Some(3));
        assert_eq!(["held", "filled"].map(|name| all.place(name).now().as_deref().copied()), [Some(3), Some(1)]);
        let places = all.0.lock().unwrap();
        let mut left: Vec<&str> = places.keys().map(|name| &**name).collect();
        left.sort_unstable();
        assert_eq!(left, ["d", "filled", "held"]);
    }
}
