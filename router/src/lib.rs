//! The router: carries each request to the one function that it names.
//!
//! One single-threaded runtime per worker, each with its own listening socket and its own connection pools. A worker keeps its
//! own reference to the current snapshot and compares one number per request; no lock lies on a request's way. What a request
//! needs and a worker does not have (a function's plan at its first call) it asks of the `plans::planner` on the control
//! runtime, over a bounded queue.
//!
//! The way of a request: `listener` → `connection` → `call` (filters → `call::target` → `plans` → the bound call's first half →
//! `lanes` picks an endpoint → `transport` → the bound call's second half) → `passage` counts and logs it when its answer is over.

mod body;
mod budget;
mod call;
mod config;
mod connection;
mod hash;
mod ids;
mod lanes;
mod limits;
mod linger;
mod listener;
mod log;
mod metrics;
mod passage;
mod plans;
mod preface;
mod router;
mod timers;
mod transport;
mod worker;

#[cfg(test)]
mod testing;

/// For the fuzz targets alone; no part of the interface.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::call::target::{Target, parse};
}

pub use config::{AccessLog, Config};
pub use ids::{RequestIds, X_REQUEST_ID};
pub use router::{Counters, Router, StartError};
