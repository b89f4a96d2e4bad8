//! AWS Lambda functions: listed by a source, called with signed requests on the router's own connections.

mod binding;

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
        _: &Function,
        _: &Materials,
        _: &UpstreamSpec,
        _: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError> {
        Err(BindError("calls of Lambda functions are still to come".into()))
    }
}
