//! Where the installed servers are.

use std::path::{Path, PathBuf};

/// The file or folder that an environment variable names.
///
/// # Panics
///
/// When it names nothing, with a line on how to get it.
pub fn named(variable: &str) -> PathBuf {
    let hint = "`tests/run` installs it; after `eval \"$(tests/run --env)\"` plain `cargo test` works";
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => panic!("{variable} is not set: {hint}"),
    };
    assert!(path.exists(), "{variable} names {}, which is not there: {hint}", path.display());
    path
}

/// A file of `tests/servers`.
pub fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(file)
}
