//! rest

mod binding;

use std::sync::Arc;

use catalog::model::{Function, Kind, Materials, UpstreamSpec};

pub use binding::{Body, Encoding, MediaType, Operation, Parameter, Place, Style};

use crate::call::BoundCall;
use crate::kind::{BindError, FunctionKind};
use crate::probe::Probe;

/// The kind.
pub struct Rest;

impl FunctionKind for Rest {
    fn kind(&self) -> Kind {
        Kind::new("rest")
    }

    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    fn bind(&self, _: &Function, _: &Materials, _: &UpstreamSpec) -> Result<Arc<dyn BoundCall>, BindError> {
        Err(BindError("not yet".into()))
    }
}
