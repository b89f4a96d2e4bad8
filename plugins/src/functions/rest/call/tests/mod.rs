//! Binding cases as data (`../cases/*.json`), and properties that hold for all operations.

mod cases;
mod fixture;
mod properties;
mod rules;
