//! gRPC methods: found by server reflection, called with JSON.

mod binding;
mod call;
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
use crate::keyring::Keyring;
use crate::kind::{BindError, FunctionKind};
use crate::probe::Probe;

/// The kind `grpc`.
#[derive(Debug)]
pub struct Grpc;

impl FunctionKind for Grpc {
    fn kind(&self) -> Kind {
        Kind::new("grpc")
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(&probe::Reflection)
    }

    fn bind(
        &self,
        function: &Function,
        materials: &Materials,
        spec: &UpstreamSpec,
        _: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError> {
        Ok(Arc::new(call::Call::bind(function, materials, spec)?))
    }
}
