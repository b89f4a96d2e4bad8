//! REST: operations of OpenAPI documents, called over HTTP/1.1.

mod binding;
mod call;
pub mod document;
mod input;
mod probe;

use std::sync::Arc;

use catalog::model::{Function, Kind, Materials, UpstreamSpec};

pub use binding::{Body, Encoding, MediaType, Operation, Parameter, Place, Style};
pub use probe::DOCUMENT_PATHS;

use crate::call::BoundCall;
use crate::keyring::Keyring;
use crate::kind::{BindError, FunctionKind};
use crate::probe::Probe;

/// The kind.
pub struct Rest;

impl FunctionKind for Rest {
    fn kind(&self) -> Kind {
        Kind::new("rest")
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn bind(
        &self,
        function: &Function,
        materials: &Materials,
        spec: &UpstreamSpec,
        _: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError> {
        let operation = serde_json::from_str(function.binding.get()).map_err(|e| BindError(e.to_string()))?;
        Ok(Arc::new(call::Call::new(operation, &materials.input, spec).map_err(BindError)?))
    }
}
