//! The function kinds, a folder each.

pub mod grpc;
pub mod lambda;
pub mod rest;
