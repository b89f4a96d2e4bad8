//! A function kind: what a folder under `functions/` offers to the rest.

use std::sync::Arc;

use catalog::model::{Function, Kind, Materials, UpstreamSpec};

use crate::call::BoundCall;
use crate::keyring::Keyring;
use crate::probe::Probe;

/// One kind of function.
pub trait FunctionKind: Send + Sync {
    /// Its name in the catalog.
    fn kind(&self) -> Kind;

    /// What finds functions of this kind by looking at an upstream; `None` where sources list them.
    fn probe(&self) -> Option<&dyn Probe>;

    /// Turns a function's record into a call. Pure; done at the first call and kept as long as neither the function nor the
    /// upstream's `spec` changes. What is wrong with a description shows here, not at a request.
    fn bind(
        &self,
        function: &Function,
        materials: &Materials,
        spec: &UpstreamSpec,
        keyring: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError>;
}

/// Why a function cannot be called.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot bind: {0}")]
pub struct BindError(pub String);
