//! A hash for what nobody outside can choose: addresses of memory and of endpoints. There a strong hash would buy nothing.

use std::hash::{BuildHasherDefault, Hasher};

/// For tables by such keys.
pub(crate) type Quick = BuildHasherDefault<Mixer>;

/// Multiplies by the odd number nearest to 2^64 divided by the golden ratio (Knuth, multiplicative hashing).
#[derive(Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        // A table looks at the highest and at the lowest bits; multiplication mixes upwards only.
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
}
