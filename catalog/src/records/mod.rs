//! The stored shapes: what stands in a record, apart from what the domain types look like today.
//!
//! A record is one version byte and JSON after it. A shape changes by a new version beside the old one, which is read for ever;
//! a record of a newer version than [`FORMAT`] is refused, never guessed at.

mod digests;
mod endpoints;
mod event;
mod function;
mod history;
mod manifest;
mod meta;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub(crate) use digests::Digests;
pub(crate) use endpoints::EndpointsRecord;
pub(crate) use event::{EventRecord, ObjectRecord};
pub(crate) use function::{FunctionRecord, time};
pub(crate) use history::{HistoryRecord, RevisionRecord};
pub(crate) use manifest::{GroupRecord, ManifestRecord, UpstreamRecord};
pub(crate) use meta::MetaRecord;

use crate::store::{Key, StoreError};

/// The newest version of records that is read and written here.
pub(crate) const FORMAT: u8 = 1;

/// The version of this program, as it stands in the store and in refusals of older ones.
pub(crate) const WRITER: &str = env!("CARGO_PKG_VERSION");

/// A record as bytes.
pub(crate) fn encode<T: Serialize>(record: &T) -> Bytes {
    let mut bytes = vec![FORMAT];
    serde_json::to_writer(&mut bytes, record).expect("records have text keys, and memory takes every byte");
    bytes.into()
}

/// The record under `key`, borrowing from its bytes.
pub(crate) fn decode<'a, T: Deserialize<'a>>(key: &Key, bytes: &'a [u8]) -> Result<T, StoreError> {
    let corrupt = |cause: String| StoreError::Corrupt { key: format!("{key:?}").into(), cause: cause.into() };
    match bytes.split_first() {
        None => Err(corrupt("it is empty".into())),
        Some((&FORMAT, json)) => serde_json::from_slice(json).map_err(|error| corrupt(error.to_string())),
        Some((&found, _)) if found > FORMAT => Err(newer("of a newer version", found)),
        Some((found, _)) => Err(corrupt(format!("there was never a version {found}"))),
    }
}

/// The refusal of a store that `writer` wrote.
pub(crate) fn newer(writer: &str, found: u8) -> StoreError {
    StoreError::Newer { writer: writer.into(), found: found.into(), known: FORMAT.into() }
}
