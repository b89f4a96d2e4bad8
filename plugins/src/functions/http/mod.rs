//! HTTP functions: whatever is posted goes to the function as it is, CloudEvents included, and its answer comes back as it is.
//!
//! An upstream is one where its source says so ([`SoleFunction`](catalog::model::SoleFunction)); gateways of functions, each a kind
//! of its own, bind theirs here too.

mod binding;
mod call;
mod probe;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use catalog::model::{Function, Kind, Materials, UpstreamSpec};

pub use binding::Binding;

use crate::call::BoundCall;
use crate::keyring::Keyring;
use crate::kind::{BindError, FunctionKind};
use crate::probe::Probe;

/// The kind `http`.
#[derive(Debug)]
pub struct Http;

impl FunctionKind for Http {
    fn kind(&self) -> Kind {
        Kind::new("http")
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn bind(
        &self,
        function: &Function,
        _: &Materials,
        spec: &UpstreamSpec,
        _: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError> {
        bind(function, spec)
    }
}

/// A call of `function`, whose binding is a [`Binding`].
pub(super) fn bind(function: &Function, spec: &UpstreamSpec) -> Result<Arc<dyn BoundCall>, BindError> {
    let binding = serde_json::from_str(function.binding.get()).map_err(|error| BindError(error.to_string()))?;
    Ok(Arc::new(call::Call::new(&binding, spec)?))
}
