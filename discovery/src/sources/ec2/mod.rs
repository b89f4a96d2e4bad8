//! The source `ec2`.

mod limits;
mod settings;

pub use settings::{Address, RawSettings, Settings};
