//! Large values in pieces: sled writes a page of 128 KiB or more to a file of its own, and those are not given back reliably.
//! A page holds up to 17 entries, so an entry has to stay well below that. What can be packed is packed before.

use std::borrow::Cow;

use sled::{Batch, IVec, Tree};

use super::super::StoreError;
use super::pack::{pack, unpack};
use super::{corrupt, unavailable};

/// The most bytes of one entry: 17 of them and their names make less than 128 KiB. Most schemas fit into one.
pub(super) const LIMIT: usize = 6 << 10;

/// What the first byte of an entry says of the rest: in pieces, packed, both or neither.
const PIECES: u8 = 1;
const PACKED: u8 = 2;

/// Pieces lie behind all spaces, under this byte, the name of their value and their number.
const PIECE: u8 = 0xFE;

/// Adds `value` under `name` to `batch`, in pieces where it is large, and drops the pieces of the value before.
pub(super) fn insert(tree: &Tree, batch: &mut Batch, name: &[u8], value: &[u8]) -> sled::Result<()> {
    let before = pieces(tree.get(name)?.as_deref());
    let packed = pack(value);
    let (form, value) = packed.as_deref().map_or((0, value), |packed| (PACKED, packed));
    if value.len() < LIMIT {
        batch.insert(name, [&[form], value].concat());
        drop_pieces(batch, name, 0, before);
        return Ok(());
    }
    let mut count = 0;
    for (number, piece) in (0..).zip(value.chunks(LIMIT)) {
        batch.insert(piece_name(name, number), piece);
        count = number + 1;
    }
    let head = [&[form | PIECES][..], &count.to_be_bytes(), &(value.len() as u64).to_be_bytes()].concat();
    batch.insert(name, head);
    drop_pieces(batch, name, count, before);
    Ok(())
}

/// Adds the removal of `name` with all its pieces to `batch`.
pub(super) fn remove(tree: &Tree, batch: &mut Batch, name: &[u8]) -> sled::Result<()> {
    let before = pieces(tree.get(name)?.as_deref());
    batch.remove(name);
    drop_pieces(batch, name, 0, before);
    Ok(())
}

/// The whole value whose entry under `name` is `head`.
pub(super) fn assemble<'a>(tree: &Tree, name: &[u8], head: &'a IVec) -> Result<Cow<'a, [u8]>, StoreError> {
    let Some((&form @ 0..=3, value)) = head.split_first() else {
        return Err(corrupt(name, "its first byte is unknown; a newer version may have written it"));
    };
    let value = match form & PIECES {
        0 => Cow::Borrowed(value),
        _ => Cow::Owned(joined(tree, name, head)?),
    };
    match form & PACKED {
        0 => Ok(value),
        _ => unpack(&value).map(Cow::Owned).ok_or_else(|| corrupt(name, "it cannot be unpacked")),
    }
}

fn joined(tree: &Tree, name: &[u8], head: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut value = Vec::new();
    for number in 0..pieces(Some(head)) {
        let piece = tree.get(piece_name(name, number)).map_err(|e| unavailable("read", e))?;
        value.extend_from_slice(&piece.ok_or_else(|| corrupt(name, "a piece is missing"))?);
    }
    match head.get(5..) == Some(&(value.len() as u64).to_be_bytes()) {
        true => Ok(value),
        false => Err(corrupt(name, "its pieces have another length")),
    }
}

/// In how many pieces the value of this entry is.
fn pieces(head: Option<&[u8]>) -> u32 {
    match head {
        Some([form, a, b, c, d, ..]) if form & PIECES != 0 => u32::from_be_bytes([*a, *b, *c, *d]),
        _ => 0,
    }
}

fn drop_pieces(batch: &mut Batch, name: &[u8], from: u32, to: u32) {
    (from..to).for_each(|number| batch.remove(piece_name(name, number)));
}

fn piece_name(name: &[u8], number: u32) -> Vec<u8> {
    [&[PIECE], name, &number.to_be_bytes()].concat()
}
