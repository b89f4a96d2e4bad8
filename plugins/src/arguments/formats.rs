//! `format`, for numbers only: the ranges of OpenAPI's format registry. Formats of strings are annotations.

use jsonschema::{Keyword, ValidationError};
use serde_json::Value;

/// The closed range of each format. `int64` and `uint64` are checked exactly where the number is written as an integer.
const RANGES: [(&str, f64, f64); 9] = [
    ("int8", i8::MIN as f64, i8::MAX as f64),
    ("uint8", 0.0, u8::MAX as f64),
    ("int16", i16::MIN as f64, i16::MAX as f64),
    ("uint16", 0.0, u16::MAX as f64),
    ("int32", i32::MIN as f64, i32::MAX as f64),
    ("uint32", 0.0, u32::MAX as f64),
    ("int64", i64::MIN as f64, i64::MAX as f64),
    ("uint64", 0.0, u64::MAX as f64),
    ("float", f32::MIN as f64, f32::MAX as f64),
];

/// The keyword `format` of one schema.
pub(super) fn format(value: &Value) -> Box<dyn for<'i> Keyword<'i>> {
    match value.as_str().and_then(|name| RANGES.iter().find(|r| r.0 == name)) {
        Some(&(name, low, high)) => Box::new(Range { name, low, high }),
        None => Box::new(Anything),
    }
}

struct Range {
    name: &'static str,
    low: f64,
    high: f64,
}

impl<'i> Keyword<'i> for Range {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        Err(ValidationError::custom(format!("does not fit the format {}", self.name)))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        let Value::Number(number) = instance else { return true };
        match self.name {
            "int64" if number.is_u64() => number.is_i64(),
            "uint64" if number.is_i64() => number.is_u64(),
            _ => number.as_f64().is_none_or(|n| self.low <= n && n <= self.high),
        }
    }
}

struct Anything;

impl<'i> Keyword<'i> for Anything {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        true
    }
}
