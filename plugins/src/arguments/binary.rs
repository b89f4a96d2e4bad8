//! Bytes as text.

use std::borrow::Cow;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};

/// What [`from_base64`] reads, as a schema's `pattern`.
pub(crate) const BASE64: &str = "^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}={0,2}|[A-Za-z0-9+/_-]{3}=?)?$";

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// The bytes of base64 as callers write it: in the letters of either alphabet, with or without padding (RFC 4648, 4 and 5).
pub(crate) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let standard =
        if url_safe { Cow::Owned(text.iter().map(|byte| standard(*byte)).collect()) } else { Cow::Borrowed(text) };
    STANDARD.decode(standard.as_ref()).ok()
}

/// A letter of the URL-safe alphabet as the standard one has it.
fn standard(letter: u8) -> u8 {
    match letter {
        b'-' => b'+',
        b'_' => b'/',
        letter => letter,
    }
}

/// Base64 as answers have it: the standard alphabet, padded.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
