//! Which characters stand for themselves in which place. Nothing that is written through these sets can end its place: no `/`, `?` or `#`
//! in a path, no `&` or `#` in a query, no `;` in a cookie.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 3986's unreserved characters: values, as RFC 6570 writes them.
pub(super) const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Names of query parameters: brackets encoded, the `$` of OData and the like as they are.
pub(super) const NAME: &AsciiSet = &VALUE
    .remove(b'$')
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b',')
    .remove(b':')
    .remove(b'@');

/// `allowReserved` in a path: what a segment may hold (RFC 3986, `pchar`).
pub(super) const SEGMENT_RESERVED: &AsciiSet = &NAME.remove(b'&').remove(b'+').remove(b';').remove(b'=');

/// `allowReserved` in a query: what a query may hold, without what separates or stands for a space.
pub(super) const QUERY_RESERVED: &AsciiSet = &NAME.remove(b'/').remove(b'?').remove(b';').remove(b'=');

/// A whole query string that the caller wrote (RFC 3986, 3.4): only what cannot stand there is encoded.
pub(super) const WHOLE_QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'').add(b'`');

/// A cookie's value (RFC 6265, `cookie-octet`), and `%` encoded so that it can be read back.
pub(super) const COOKIE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// The text of a path template: what is no character of a path (RFC 3986, 3.3); what is encoded already stays.
const LITERAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// How text is written in its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Escape {
    /// Percent-encoded.
    Percent(&'static AsciiSet),
    /// As it is. Whoever reads it checks that it stays in its place.
    Raw,
}

impl Escape {
    /// Appends `text`.
    pub(super) fn write(self, out: &mut String, text: &str) {
        match self {
            Self::Percent(set) => out.extend(utf8_percent_encode(text, set)),
            Self::Raw => out.push_str(text),
        }
    }
}

/// The text of a template as a path holds it.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, part) in text.split('%').enumerate() {
        if index > 0 {
            let encoded = part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_hexdigit());
            out.push_str(if encoded { "%" } else { "%25" });
        }
        out.extend(utf8_percent_encode(part, LITERAL));
    }
    out
}
