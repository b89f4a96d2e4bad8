//! Protobuf's JSON mapping, both ways: JSON arguments to a message of a descriptor, and a message to JSON text.
//!
//! Promises what the mapping's specification says (names in both spellings, 64-bit integers as strings, base64, the
//! well-known types), and beside that what a gateway needs: every fault of the input has a JSON pointer, maps come out in
//! order, an `Any` of an unknown type keeps `@type` and a base64 `value`, and neither way follows foreign bytes deeper
//! than a named limit. Refuses what has no JSON form (a timestamp of the year 20000, a NaN in a `google.protobuf.Value`).

mod known;
mod number;
mod read;
mod slot;
mod write;

#[cfg(test)]
mod tests;

pub(super) use known::Known;
pub(super) use read::read;
pub(super) use slot::Slot;
pub(super) use write::{Types, Writer};
