//! All function kinds, as one table. A new kind is a folder and a row here.

use catalog::model::Kind;

use crate::functions::{grpc, rest};
use crate::kind::FunctionKind;

/// Every kind, in the order in which an upstream is offered to them and in which they get names.
pub static FUNCTION_KINDS: &[&dyn FunctionKind] = &[&rest::Rest, &grpc::Grpc];

/// The kind of that name.
pub fn function_kind(kind: &Kind) -> Option<&'static dyn FunctionKind> {
    FUNCTION_KINDS.iter().copied().find(|k| k.kind() == *kind)
}
