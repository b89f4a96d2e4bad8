//! From bytes to one JSON text.

use std::borrow::Cow;

use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{DocumentError, yaml};

/// The document as JSON text. A byte order mark is dropped; bytes that are not UTF-8 become replacement characters, since
/// they stand in descriptions; YAML is rewritten.
pub(super) fn json(bytes: &[u8]) -> Result<Cow<'_, str>, DocumentError> {
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    match text.trim_start().as_bytes().first() {
        None | Some(b'<' | b'[') => Err(DocumentError::NotOpenApi),
        Some(b'{') => match serde_json::from_str::<&RawValue>(&text) {
            Ok(_) => Ok(text),
            Err(error) if error.classify() == Category::Eof => {
                Err(DocumentError::Syntax(format!("broken JSON: {error}")))
            }
            // YAML's flow style begins like JSON and is more generous.
            Err(error) => match yaml::to_json(&text) {
                Ok(json) => Ok(Cow::Owned(json)),
                Err(_) => Err(DocumentError::Syntax(format!("broken JSON: {error}"))),
            },
        },
        Some(_) if !names_a_version(&text) => Err(DocumentError::NotOpenApi),
        Some(_) => match yaml::to_json(&text) {
            Ok(json) => Ok(Cow::Owned(json)),
            Err(error) => Err(DocumentError::Syntax(format!("broken YAML: {error}"))),
        },
    }
}

/// Whether some line begins with one of the keys that every document has. Spares a YAML parser any page of plain text.
fn names_a_version(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start().trim_start_matches(['"', '\'']);
        let rest = line.strip_prefix("openapi").or_else(|| line.strip_prefix("swagger"));
        rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    })
}

/// `json` with what JSON's grammar allows and [`serde_json`] refuses made harmless: a number too large for a double becomes the
/// largest one, half of a surrogate pair the replacement character. Other text is left as it is.
pub(super) fn repaired(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if rest.starts_with('"') { string(rest, &mut out) } else { number(rest, &mut out) };
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// Copies the number at the start of `json`; returns its length.
fn number(json: &str, out: &mut String) -> usize {
    let end = json.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(json.len());
    match json[..end].parse::<f64>() {
        Ok(number) if number.is_infinite() => {
            out.push_str(if number > 0.0 { "1.7976931348623157e308" } else { "-1.7976931348623157e308" });
        }
        _ => out.push_str(&json[..end]),
    }
    end
}

/// Copies the string at the start of `json`; returns its length.
fn string(json: &str, out: &mut String) -> usize {
    let bytes = json.as_bytes();
    let unit = |at: usize| -> Option<u32> {
        let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (mut copied, mut at) = (0, 1);
    while at < bytes.len() && bytes[at] != b'"' {
        at += match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                out.push_str(&json[copied..at]);
                out.push_str("\\ufffd");
                copied = at + 6;
                6
            }
            Some(_) => 6,
            None if bytes[at] == b'\\' => 2,
            None => 1,
        };
    }
    let end = (at + 1).min(bytes.len());
    out.push_str(&json[copied..end]);
    end
}
