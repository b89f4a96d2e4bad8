//! All function kinds and all filters, a table each. A new one is a folder and a row here.

use std::sync::Arc;

use catalog::model::Kind;

use crate::filter::Filter;
use crate::filters::{Settings, access, origin};
use crate::functions::{grpc, http, lambda, openfaas, rest};
use crate::kind::FunctionKind;

/// Every kind, in the order in which an upstream is offered to them and in which they get names.
pub static FUNCTION_KINDS: &[&dyn FunctionKind] =
    &[&rest::Rest, &grpc::Grpc, &lambda::Lambda, &openfaas::OpenFaas, &http::Http];

/// The kind of that name.
pub fn function_kind(kind: &Kind) -> Option<&'static dyn FunctionKind> {
    FUNCTION_KINDS.iter().copied().find(|k| k.kind() == *kind)
}

/// Makes a filter from what is configured.
pub type BuildFilter = fn(&Settings) -> Arc<dyn Filter>;

/// Every filter, in the order in which those of one phase run.
pub static FILTERS: &[BuildFilter] = &[origin::build, access::build];

/// Every filter as configured, in the order in which requests pass them.
pub fn filters(settings: &Settings) -> Arc<[Arc<dyn Filter>]> {
    let mut filters: Vec<_> = FILTERS.iter().map(|build| build(settings)).collect();
    filters.sort_by_key(|filter| filter.phase());
    filters.into()
}
