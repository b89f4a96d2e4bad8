//! Numbers as JSON has them: as numbers or in strings. What is said of a bad one does not repeat it: it may be a
//! secret, or huge.

use serde_json::Value as Json;

/// A whole number of `min..=max`, as a number (`1.0` and `1e3` are whole) or as decimal digits in a string.
pub(super) fn integer(json: &Json, min: i128, max: i128) -> Result<i128, String> {
    let number = match json {
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), ..) => i128::from(n),
            (_, Some(n), _) => i128::from(n),
            // Beyond 2^64 the cast saturates or is exact; both are out of every range here.
            (.., Some(n)) if n.fract() == 0.0 => n as i128,
            _ => return Err("is not a whole number".into()),
        },
        Json::String(text) => digits(text).ok_or("is not a whole number")?,
        _ => return Err("is not a whole number".into()),
    };
    match (min..=max).contains(&number) {
        true => Ok(number),
        false => Err(format!("is not between {min} and {max}")),
    }
}

/// `-?[0-9]+`, within 128 bits.
pub(super) fn digits(text: &str) -> Option<i128> {
    let bare = text.strip_prefix('-').unwrap_or(text);
    let plain = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A number, as one or in a string; `NaN`, `Infinity` and `-Infinity` are strings.
pub(super) fn float(json: &Json) -> Result<f64, String> {
    match json {
        Json::Number(number) => number.as_f64().ok_or_else(not_a_number),
        Json::String(text) => match text.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            // JSON's own grammar for numbers, which is narrower than Rust's ("inf", "1.", "+1").
            _ => match serde_json::from_str::<serde_json::Number>(text) {
                Ok(number) if !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace) => {
                    number.as_f64().ok_or_else(not_a_number)
                }
                _ => Err(not_a_number()),
            },
        },
        _ => Err(not_a_number()),
    }
}

fn not_a_number() -> String {
    "is not a number".into()
}

/// The same in single precision.
pub(super) fn single(json: &Json) -> Result<f32, String> {
    let wide = float(json)?;
    let narrow = wide as f32;
    match wide.is_finite() && !narrow.is_finite() {
        true => Err("is too large for a float".into()),
        false => Ok(narrow),
    }
}
