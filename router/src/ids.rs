//! Request ids: the caller's, or a random one of 128 bits.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits;

/// Carries the id, in both directions.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids: xorshift128+, seeded at random. They need to differ, not to be secret.
pub struct RequestIds {
    state: Cell<(u64, u64)>,
    /// Memory for the next ids: one allocation serves many.
    room: RefCell<BytesMut>,
}

/// Each byte in hexadecimal.
const DIGITS: [[u8; 2]; 256] = {
    let mut digits = [[0; 2]; 256];
    let mut byte = 0;
    while byte < digits.len() {
        digits[byte] = [b"0123456789abcdef"[byte >> 4], b"0123456789abcdef"[byte & 15]];
        byte += 1;
    }
    digits
};

/// Digits of an id.
const LEN: usize = 32;

/// Ids that share an allocation. One that is kept for long keeps it.
const SHARED: usize = 64;

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestIds {
    /// A generator of its own for each worker.
    pub fn new() -> Self {
        let random = || RandomState::new().hash_one(0);
        Self { state: Cell::new((random() | 1, random())), room: RefCell::default() }
    }

    /// The id that the caller gave, if it is one that can be logged; else a new one.
    pub fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(&X_REQUEST_ID) {
            Some(id) if is_plain(id.as_bytes()) => id.clone(),
            _ => self.make(),
        }
    }

    fn make(&self) -> HeaderValue {
        let mut text = [0; LEN];
        let random = [self.next().to_ne_bytes(), self.next().to_ne_bytes()];
        for (digits, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(random.as_flattened()) {
            *digits = DIGITS[usize::from(*byte)];
        }
        let mut room = self.room.borrow_mut();
        if room.capacity() < LEN {
            *room = BytesMut::with_capacity(LEN * SHARED);
        }
        room.extend_from_slice(&text);
        HeaderValue::from_maybe_shared(room.split().freeze()).expect("hexadecimal digits are visible characters")
    }

    fn next(&self) -> u64 {
        let (mut x, y) = self.state.get();
        x ^= x << 23;
        x ^= (x >> 18) ^ y ^ (y >> 5);
        self.state.set((y, x));
        x.wrapping_add(y)
    }
}

fn is_plain(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= limits::REQUEST_ID && id.iter().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_taken_or_made() {
        let ids = RequestIds::new();
        let of = |given: &[u8]| {
            ids.of(&HeaderMap::from_iter([(X_REQUEST_ID.clone(), HeaderValue::from_bytes(given).unwrap())]))
        };
        assert_eq!(of(b"mine-1"), "mine-1");
        for odd in [&b""[..], b"two words", b"\xff", &[b'x'; 129]] {
            assert_eq!(of(odd).len(), 32, "{odd:?}");
        }
    }

    #[test]
    fn made_ids_differ_between_requests_and_workers() {
        let workers = [RequestIds::new(), RequestIds::new()];
        let made: HashSet<_> = workers.iter().flat_map(|ids| (0..1000).map(|_| ids.of(&HeaderMap::new()))).collect();
        assert_eq!(made.len(), 2000);
    }
}
