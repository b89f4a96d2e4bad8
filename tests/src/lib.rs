//! The harness of the tests: real servers, started for one test each and stopped with it.
//!
//! Every server listens on loopback, on a free port, in a temporary folder of its own, and is ended by its
//! own process id, also when the test process itself is killed. Where they come from is the business of
//! `tests/run`; a server that is not there is a panic that says so, never a skipped test. Waiting is for
//! facts ([`wait`]), never for time.
//!
//! A harness may panic: its messages name the server and what it printed last.

pub mod catalog;
pub mod command;
pub mod consul;
pub mod control_plane;
pub mod curl;
pub mod daemon;
pub mod described;
pub mod echo;
pub mod events;
pub mod executor;
pub mod faas;
pub mod golang;
pub mod helm;
pub mod http;
pub mod installed;
pub mod kubectl;
pub mod kubernetes;
pub mod moto;
pub mod network;
pub mod pod;
pub mod port;
pub mod prism;
pub mod process;
pub mod python;
pub mod rpc;
pub mod sample;
pub mod service;
pub mod tonic_server;
pub mod traps;
pub mod wait;
