//! The router: carries each request to the one function that it names.
//!
//! One single-threaded runtime per worker, each with its own listening socket and its own connection pools. A worker keeps its
//! own reference to the current snapshot and compares one number per request; no lock lies on a request's way.

pub mod transport;
