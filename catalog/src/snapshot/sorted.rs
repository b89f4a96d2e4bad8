//! A sorted map in chunks that shares structure: changing one entry copies its chunk of at most [`CHUNK`] entries and the
//! list of chunks, and nothing else. At 10,000 entries that is some 300 reference counts.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

/// A chunk that grows past this is split in two.
const CHUNK: usize = 128;

type Chunk<K, V> = Arc<Vec<(K, V)>>;

/// A persistent sorted map. `Clone` copies one pointer.
#[derive(Debug)]
pub struct Sorted<K, V> {
    chunks: Arc<Vec<Chunk<K, V>>>,
    len: usize,
}

impl<K, V> Clone for Sorted<K, V> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self { chunks: Arc::default(), len: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> Sorted<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value for which `order` says `Equal`; `order` compares an entry's key with what is sought.
    pub fn find(&self, order: impl Fn(&K) -> Ordering) -> Option<&V> {
        let (chunk, at) = self.place(&order).ok()?;
        Some(&self.chunks[chunk][at].1)
    }

    /// The value under `key`.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(|k| k.borrow().cmp(key))
    }

    /// Entries in order, from the first that is not before `from`.
    pub fn iter<'a>(&'a self, from: Option<&K>) -> impl Iterator<Item = &'a (K, V)> + use<'a, K, V> {
        let (chunk, at) = match from {
            Some(key) => self.place(|k| k.cmp(key)).unwrap_or_else(|place| place),
            None => (0, 0),
        };
        let first = self.chunks.get(chunk).map(|c| &c[at.min(c.len())..]).unwrap_or_default();
        first.iter().chain(self.chunks.iter().skip(chunk + 1).flat_map(|c| c.iter()))
    }

    /// The entries that are not the same in `before`, each as it was and as it is. The work is proportional to the chunks that the two
    /// do not share.
    pub fn differing<'a>(
        &'a self,
        before: &'a Self,
        same: impl Fn(&V, &V) -> bool,
    ) -> Vec<(&'a K, Option<&'a V>, Option<&'a V>)> {
        let mut differing = Vec::new();
        let (old, new) = (before.unshared(self), self.unshared(before));
        let (mut old, mut new) = (old.peekable(), new.peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some((was, _)), Some((is, _))) => was.cmp(is),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return differing,
            };
            let was = if order.is_le() { old.next() } else { None };
            let is = if order.is_ge() { new.next() } else { None };
            match (was, is) {
                (Some((_, was)), Some((_, is))) if same(was, is) => {}
                (Some((key, _)), _) | (None, Some((key, _))) => {
                    differing.push((key, was.map(|(_, value)| value), is.map(|(_, value)| value)));
                }
                (None, None) => {}
            }
        }
    }

    /// The entries of the chunks that `other` has not.
    fn unshared(&self, other: &Self) -> impl Iterator<Item = &(K, V)> {
        let shared: HashSet<_> = other.chunks.iter().map(Arc::as_ptr).collect();
        self.chunks.iter().filter(move |chunk| !shared.contains(&Arc::as_ptr(chunk))).flat_map(|chunk| chunk.iter())
    }

    /// Sets the value under `key` and returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = self.place(|k| k.cmp(&key));
        let chunks = Arc::make_mut(&mut self.chunks);
        match place {
            Ok((chunk, at)) => Some(std::mem::replace(&mut Arc::make_mut(&mut chunks[chunk])[at].1, value)),
            Err((chunk, at)) => {
                self.len += 1;
                if chunks.is_empty() {
                    chunks.push(Arc::default());
                }
                let entries = Arc::make_mut(&mut chunks[chunk]);
                entries.insert(at, (key, value));
                if entries.len() > CHUNK {
                    let upper = entries.split_off(CHUNK / 2);
                    chunks.insert(chunk + 1, Arc::new(upper));
                }
                None
            }
        }
    }

    /// Removes and returns the value under `key`.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (chunk, at) = self.place(|k| k.borrow().cmp(key)).ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let entries = Arc::make_mut(&mut chunks[chunk]);
        let (_, value) = entries.remove(at);
        if entries.is_empty() {
            chunks.remove(chunk);
        }
        self.len -= 1;
        Some(value)
    }

    /// Where the sought entry is (`Ok`), or would be inserted (`Err`): chunk and place in it.
    fn place(&self, order: impl Fn(&K) -> Ordering) -> Result<(usize, usize), (usize, usize)> {
        // The last chunk whose first key is not after the sought one; chunks are never empty.
        let after = self.chunks.partition_point(|c| order(&c[0].0) != Ordering::Greater);
        let chunk = after.saturating_sub(1);
        match self.chunks.get(chunk) {
            None => Err((0, 0)),
            Some(entries) => match entries.binary_search_by(|(k, _)| order(k)) {
                Ok(at) => Ok((chunk, at)),
                Err(at) => Err((chunk, at)),
            },
        }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for Sorted<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let sorted: std::collections::BTreeMap<K, V> = entries.into_iter().collect();
        let len = sorted.len();
        let mut chunks: Vec<Chunk<K, V>> = Vec::with_capacity(len / (CHUNK / 2) + 1);
        let mut current = Vec::with_capacity(CHUNK / 2);
        for entry in sorted {
            current.push(entry);
            if current.len() == CHUNK / 2 {
                chunks.push(Arc::new(std::mem::replace(&mut current, Vec::with_capacity(CHUNK / 2))));
            }
        }
        if !current.is_empty() {
            chunks.push(Arc::new(current));
        }
        Self { chunks: Arc::new(chunks), len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_what_was_inserted_changed_or_removed() {
        let before: Sorted<u32, u32> = (0..1_000).map(|key| (2 * key, key)).collect();
        let mut after = before.clone();
        assert!(after.differing(&before, |a, b| a == b).is_empty());
        after.insert(7, 7);
        after.insert(8, 99);
        after.insert(10, 5);
        after.remove(&1_000);
        after.insert(5_000, 1);
        let differing = after.differing(&before, |a, b| a == b);
        let wanted =
            [(&7, None, Some(&7)), (&8, Some(&4), Some(&99)), (&1_000, Some(&500), None), (&5_000, None, Some(&1))];
        assert_eq!(differing, wanted);
        assert_eq!(before.differing(&Sorted::default(), |a, b| a == b).len(), 1_000);
        assert_eq!(Sorted::default().differing(&before, |a, b| a == b).len(), 1_000);
    }

    #[test]
    fn what_two_maps_share_is_not_compared() {
        let before: Sorted<u32, u32> = (0..10_000).map(|key| (key, key)).collect();
        let mut after = before.clone();
        after.insert(5_000, 1);
        after.insert(7_000, 2);
        let compared = std::cell::Cell::new(0);
        let differing = after.differing(&before, |a, b| {
            compared.set(compared.get() + 1);
            a == b
        });
        assert_eq!(differing.len(), 2);
        assert!(compared.get() <= 2 * CHUNK, "{} entries for two changes", compared.get());
    }
}
