//! Binding cases as data (`../cases/*.json`), and properties that hold for all operations.

mod cases;
mod fixture;
mod generate;
mod properties;
mod rules;
