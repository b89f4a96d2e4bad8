//! A number of bytes that many may hold together, and no more; for one upstream a part of it, so that one that hangs leaves room for
//! the others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use catalog::model::UpstreamId;

/// What is left for all.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Arc<AtomicUsize>,
    part: usize,
    /// What is left of each part that is in use. Locked when a plan is made.
    parts: Mutex<HashMap<UpstreamId, Weak<AtomicUsize>>>,
}

/// What is left for one upstream, and for all.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    own: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
}

/// What one call holds of it; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    part: Part,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes, at most `part` of them for one upstream.
    pub(crate) fn new(bytes: usize, part: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(bytes)), part, parts: Mutex::default() }
    }

    /// The part of that upstream: one for all its functions.
    pub(crate) fn part(&self, upstream: &UpstreamId) -> Part {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let own = parts.get(upstream).and_then(Weak::upgrade).unwrap_or_else(|| {
            parts.retain(|_, part| part.strong_count() > 0);
            let own = Arc::new(AtomicUsize::new(self.part));
            parts.insert(upstream.clone(), Arc::downgrade(&own));
            own
        });
        Part { own, all: self.left.clone() }
    }
}

impl Part {
    /// A share, of nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { part: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// So many bytes more, if they are left.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let Part { own, all } = &self.part;
        if !take(own, bytes) {
            return false;
        }
        let taken = take(all, bytes);
        match taken {
            true => self.bytes += bytes,
            false => _ = own.fetch_add(bytes, Ordering::Relaxed),
        }
        taken
    }

    /// So many bytes instead, if they are left.
    pub(crate) fn change(&mut self, bytes: usize) -> bool {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.take(more),
            None => {
                self.give_back(self.bytes - bytes);
                true
            }
        }
    }

    /// `bytes`, with which this is given back.
    pub(crate) fn hold(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _share: self })
    }

    fn give_back(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.part.own.fetch_add(bytes, Ordering::Relaxed);
        self.part.all.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

fn take(left: &AtomicUsize, bytes: usize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
}

struct Held {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_given_back() {
        let budget = Budget::new(10, 10);
        let part = budget.part(&"pets".into());
        let (mut a, mut b) = (part.share(), part.share());
        assert!(a.take(4) && b.take(5) && !b.take(2) && a.take(1) && !a.take(1) && a.take(0));
        drop(a);
        assert!(b.take(5) && !b.take(1));
        assert!(b.change(7) && !b.change(11) && b.change(9));
        let held = b.hold(Bytes::from_static(b"x"));
        let mut c = budget.part(&"pets".into()).share();
        assert!(c.take(1) && !c.take(1));
        drop(held);
        assert!(c.take(9));
    }

    #[test]
    fn an_upstream_gets_no_more_than_its_part() {
        let budget = Budget::new(10, 6);
        let mut shares = ["a", "a", "b", "c"].map(|name| budget.part(&name.into()).share());
        let [a, also_a, b, c] = &mut shares;
        assert!(a.take(4) && also_a.take(2) && !also_a.take(1));
        assert!(b.take(3) && !c.take(2) && c.take(1));
        drop(shares);
        assert!(budget.part(&"c".into()).share().take(6));
        assert!(budget.parts.lock().unwrap().len() <= 3);
    }
}
