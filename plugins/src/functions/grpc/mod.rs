//! grpc

mod json;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use catalog::model::{Function, Kind, Materials, UpstreamSpec};

use crate::call::BoundCall;
use crate::kind::{BindError, FunctionKind};
use crate::probe::Probe;

/// The kind.
pub struct Grpc;

impl FunctionKind for Grpc {
    fn kind(&self) -> Kind {
        Kind::new("grpc")
    }

    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    fn bind(&self, _: &Function, _: &Materials, _: &UpstreamSpec) -> Result<Arc<dyn BoundCall>, BindError> {
        Err(BindError("not yet".into()))
    }
}
