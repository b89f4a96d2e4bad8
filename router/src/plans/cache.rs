//! A bounded cache with a second chance: what was used since the hand last passed stays, what was not goes.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

struct Slot<K, V> {
    key: K,
    value: V,
    used: bool,
}

/// At most `limit` values. A look-up is one hash; nothing is moved.
pub(crate) struct Cache<K, V, S> {
    limit: usize,
    places: HashMap<K, usize, S>,
    slots: Vec<Slot<K, V>>,
    hand: usize,
}

impl<K: Copy + Eq + Hash, V, S: BuildHasher + Default> Cache<K, V, S> {
    /// Empty, for at most `limit` values; at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), places: HashMap::default(), slots: Vec::new(), hand: 0 }
    }

    /// The value under `key`.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        let slot = &mut self.slots[*self.places.get(key)?];
        slot.used = true;
        Some(&slot.value)
    }

    /// Puts a value under `key`, in the place of the one before, or of one that was not used for long when all places are taken.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if let Some(place) = self.places.get(&key) {
            self.slots[*place].value = value;
            return;
        }
        let slot = Slot { key, value, used: false };
        if self.slots.len() < self.limit {
            self.places.insert(key, self.slots.len());
            self.slots.push(slot);
            return;
        }
        while std::mem::take(&mut self.slots[self.hand].used) {
            self.hand = (self.hand + 1) % self.slots.len();
        }
        let gone = std::mem::replace(&mut self.slots[self.hand], slot);
        self.places.remove(&gone.key);
        self.places.insert(key, self.hand);
        self.hand = (self.hand + 1) % self.slots.len();
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_used_stays() {
        let mut cache = Cache::<u32, u32, RandomState>::new(3);
        (0..3).for_each(|n| cache.insert(n, n * 10));
        assert_eq!(cache.get(&0), Some(&0));
        cache.insert(3, 30);
        assert_eq!([0, 1, 2, 3].map(|n| cache.get(&n).copied()), [Some(0), None, Some(20), Some(30)]);
    }

    proptest! {
        /// Beside a map without a limit: never more than the limit, never a wrong value, and what was just put is there.
        #[test]
        fn never_wrong_and_never_too_large(limit in 1usize..8, actions in prop::collection::vec((0u8..12, any::<Option<u16>>()), 0..200)) {
            let mut cache = Cache::<u8, u16, RandomState>::new(limit);
            let mut twin = HashMap::new();
            for (key, action) in actions {
                if let Some(value) = action {
                    cache.insert(key, value);
                    twin.insert(key, value);
                    prop_assert_eq!(cache.get(&key), Some(&value));
                } else if let Some(value) = cache.get(&key) {
                    prop_assert_eq!(Some(value), twin.get(&key));
                }
                prop_assert!(cache.slots.len() <= limit && cache.places.len() == cache.slots.len());
            }
        }
    }
}
