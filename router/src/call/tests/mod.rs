//! Calls through a worker, between a caller and an upstream that are both real.

mod answers;
mod bodies;
mod deadlines;
mod endpoints;
mod headers;
mod plans;
mod refusals;
mod tls;
