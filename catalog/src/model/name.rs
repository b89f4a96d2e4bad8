//! Names: what the characters of an upstream's name may be, and what becomes of others.

use super::{Digest, Origin};

/// The longest name of an upstream, in bytes (a DNS label's).
pub const MAX_NAME: usize = 63;

/// `wanted` as an upstream's name: what is not a lower-case letter, digit, `-`, `_` or `.` becomes `-`, and a changed or
/// cut name ends in a hash of its origin, so that two that differ stay different.
pub fn upstream(wanted: &str, origin: &Origin) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let mut name: String = wanted.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    if name == wanted && !name.is_empty() && name.len() <= MAX_NAME {
        return name;
    }
    name.truncate(MAX_NAME - 9);
    format!("{name}-{}", Digest::of([origin.to_string().as_bytes()]).short(8))
}
