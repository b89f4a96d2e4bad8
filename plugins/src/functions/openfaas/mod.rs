//! Functions of OpenFaaS, behind its gateway: listed by it, and called there as HTTP functions; `Prefer: respond-async` queues a call.

mod list;
mod probe;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use catalog::model::{Function, Kind, Materials, UpstreamSpec};

use super::http;
use crate::call::BoundCall;
use crate::keyring::Keyring;
use crate::kind::{BindError, FunctionKind};
use crate::probe::Probe;

/// The kind `openfaas`.
#[derive(Debug)]
pub struct OpenFaas;

impl FunctionKind for OpenFaas {
    fn kind(&self) -> Kind {
        Kind::new("openfaas")
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
        http::bind(function, spec)
    }
}
