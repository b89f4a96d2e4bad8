//! The one integration binary: each module tests one thing that a user can see.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends so")]

mod admin;
mod bindings;
mod cluster_resources;
mod commands;
mod consul;
mod consul_faults;
mod consul_source;
mod corpus;
mod daemon;
mod durable;
mod fuzz;
mod kill;
mod kubernetes;
mod prism;
mod rolling;
mod rooms;
mod servers;
mod services;
mod traps;
mod who;
