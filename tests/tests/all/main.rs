//! The one integration binary: each module tests one thing that a user can see.

mod consul_source;
mod daemon;
mod servers;
mod services;
