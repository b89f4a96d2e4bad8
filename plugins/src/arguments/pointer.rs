//! JSON pointers as URI fragments (RFC 6901, 6).

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a URI fragment cannot hold (RFC 3986, 3.5).
const FRAGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The longest name that a fault's pointer repeats, in bytes: callers may send any.
const MAX_NAME: usize = 200;

/// One step of a pointer: `/`, then the name, escaped.
pub(crate) fn fragment(name: &str) -> String {
    let escaped = name.replace('~', "~0").replace('/', "~1");
    format!("/{}", utf8_percent_encode(&escaped, FRAGMENT))
}

/// A fault's pointer from its steps; names that are too long are cut.
pub(crate) fn pointer<'a>(steps: impl IntoIterator<Item = &'a str>) -> String {
    steps.into_iter().fold("#".to_owned(), |pointer, step| {
        let cut = &step[..step.floor_char_boundary(MAX_NAME)];
        pointer + &fragment(cut) + if cut.len() < step.len() { "…" } else { "" }
    })
}
