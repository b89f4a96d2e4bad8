//! For the fuzz targets alone: what they check of records and cannot see from outside. No part of the interface.

use bytes::Bytes;

use crate::model::{Kind, UpstreamId};
use crate::records::{
    EndpointsRecord, EventRecord, FunctionRecord, HistoryRecord, ManifestRecord, MetaRecord, ObjectRecord,
    UpstreamRecord, decode, encode,
};
use crate::store::{Key, StoreError};

/// The record under `key`, read into what the catalog makes of it and written again. A blob is its own bytes.
pub fn rewrite(key: &Key, bytes: &[u8]) -> Result<Bytes, StoreError> {
    let kind = |name: &str| Kind::from(name.to_owned());
    let upstream =
        |id: &UpstreamId, record: UpstreamRecord<'_>| record.into_upstream(id.clone(), |text| text.into(), kind);
    Ok(match key {
        Key::Meta => encode(&decode::<MetaRecord<'_>>(key, bytes)?),
        Key::Manifest(id) => {
            let ManifestRecord { upstream: record, groups } = decode(key, bytes)?;
            encode(&ManifestRecord { upstream: UpstreamRecord::of(&upstream(id, record)), groups })
        }
        Key::Function(..) => {
            encode(&FunctionRecord::of(&decode::<FunctionRecord<'_>>(key, bytes)?.into_function(kind)))
        }
        Key::Blob(..) => Bytes::copy_from_slice(bytes),
        Key::Endpoints(_) => encode(&EndpointsRecord::of(&decode::<EndpointsRecord<'_>>(key, bytes)?.into_endpoints())),
        Key::History(..) => encode(&decode::<HistoryRecord>(key, bytes)?),
        Key::Event(..) => {
            let EventRecord { change, at, id, object } = decode(key, bytes)?;
            match object {
                ObjectRecord::Upstream { upstream: record, functions } => {
                    let read = upstream(&UpstreamId::from(&*id), *record);
                    let object = ObjectRecord::Upstream { upstream: Box::new(UpstreamRecord::of(&read)), functions };
                    encode(&EventRecord { change, at, id, object })
                }
                ObjectRecord::Function { namespace, upstream, function } => {
                    let read = function.into_function(kind);
                    let function = Box::new(FunctionRecord::of(&read));
                    let object = ObjectRecord::Function { namespace, upstream, function };
                    encode(&EventRecord { change, at, id, object })
                }
            }
        }
    })
}
