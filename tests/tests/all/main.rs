//! The one integration binary: each module tests one thing that a user can see.

mod consul;
mod consul_faults;
mod consul_source;
mod daemon;
mod rolling;
mod servers;
mod services;
mod traps;
