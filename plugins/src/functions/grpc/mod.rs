//! gRPC methods: found by server reflection, called with JSON.

mod binding;
mod describe;
mod editions;
mod json;
mod pools;
mod probe;
mod reflection;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use catalog::model::{Function, Kind, Materials, UpstreamSpec};

pub use binding::{HttpRule, Method};

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
        Some(&probe::Reflection)
    }

    fn bind(&self, _: &Function, _: &Materials, _: &UpstreamSpec) -> Result<Arc<dyn BoundCall>, BindError> {
        Err(BindError("not yet".into()))
    }
}
