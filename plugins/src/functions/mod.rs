//! The function kinds, a folder each.

pub mod grpc;
pub mod http;
pub mod lambda;
pub mod openfaas;
pub mod rest;
