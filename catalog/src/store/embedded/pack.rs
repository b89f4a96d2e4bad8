//! Values in fewer bytes, as LZ4 blocks: what a start reads from the disk, and what it keeps in memory, is half as much.

/// The shortest value worth packing, in bytes.
const SHORTEST: usize = 256;

/// No LZ4 block becomes more than this many times as long.
const LARGEST_RATIO: usize = 255;

/// `value` in fewer bytes: its length in four, then the block. `None` where that saves less than an eighth.
pub(super) fn pack(value: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(value.len()).ok().filter(|_| value.len() >= SHORTEST)?;
    let packed = [&length.to_be_bytes()[..], &lz4_flex::block::compress(value)].concat();
    (packed.len() < value.len() - value.len() / 8).then_some(packed)
}

/// The value that [`pack`] made these bytes of; `None` for others.
pub(super) fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (length, block) = packed.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > block.len().saturating_mul(LARGEST_RATIO) {
        return None;
    }
    let value = lz4_flex::block::decompress(block, length).ok()?;
    (value.len() == length).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(value in vec(0..4_u8, 0..2_000)) {
            match pack(&value) {
                Some(packed) => {
                    prop_assert!(packed.len() < value.len());
                    prop_assert_eq!(unpack(&packed), Some(value));
                }
                None => prop_assert!(value.len() < SHORTEST),
            }
        }

        #[test]
        fn foreign_bytes_are_no_value_or_a_bounded_one(bytes in vec(any::<u8>(), 0..200)) {
            if let Some(value) = unpack(&bytes) {
                prop_assert!(value.len() <= bytes.len() * LARGEST_RATIO);
            }
        }
    }

    #[test]
    fn what_would_not_become_shorter_stays() {
        let value: Vec<u8> = (0..1_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        assert_eq!(pack(&value), None);
        assert_eq!(pack(&vec![0; SHORTEST - 1]), None);
    }
}
