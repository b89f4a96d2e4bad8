//! The registrar behind its door, with a clock that tests move and a store that fails when told to.

mod bench;
mod faults;
mod listed;
mod log;
mod looks;
mod model;
mod names;
mod overlays;
mod reports;
mod schemas;
