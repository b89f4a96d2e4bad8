//! AWS Lambda functions: listed by a source, called with signed requests on the router's own connections.

mod binding;
mod call;

use std::sync::Arc;

use catalog::model::{Function, Kind, Materials, UpstreamSpec};

pub use binding::{Binding, Target};

use crate::call::BoundCall;
use crate::keyring::Keyring;
use crate::kind::{BindError, FunctionKind};
use crate::probe::Probe;

/// The kind `lambda`.
#[derive(Debug)]
pub struct Lambda;

impl FunctionKind for Lambda {
    fn kind(&self) -> Kind {
        Kind::new("lambda")
    }

    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    fn bind(
        &self,
        function: &Function,
        materials: &Materials,
        spec: &UpstreamSpec,
        keyring: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError> {
        Ok(Arc::new(call::Call::bind(function, materials, spec, keyring)?))
    }
}
