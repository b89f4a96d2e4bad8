//! A schema, compiled. Never fetches: a reference out of the schema is an error when it is compiled.
//!
//! Authors' mistakes cost themselves only: a keyword whose value JSON Schema does not allow, or a pattern that cannot be compiled
//! within the limits, is left out and the rest holds.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError};
use serde_json::Value;

use super::cost::Cost;
use super::faults::{describe_all, fault};
use super::formats::format;
use crate::call::Fit;
use crate::problem::Fault;

/// The steps that one match of a backtracking pattern may take: about a millisecond.
const MAX_BACKTRACKS: usize = 50_000;

/// The memory of one compiled pattern, in bytes; `\P{C}{1,1000}` and the like take megabytes, and milliseconds.
const MAX_PATTERN: usize = 256 << 10;

/// The keywords that are left out of one schema before it is given up.
const MAX_REPAIRS: usize = 64;

/// What is wrong where it would take too long to say more.
const TOO_MUCH: &str = "does not fit; there is too much to say where";

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Validator {
    compiled: jsonschema::Validator,
    cost: Cost,
}

impl Validator {
    /// Compiles `schema`, whose references are pointers into itself. The error is for a person.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        let made = |compiled, schema| Self { compiled, cost: Cost::of(schema) };
        let mut error = match build(schema) {
            Ok(validator) => return Ok(made(validator, schema)),
            Err(error) => error,
        };
        let mut repaired = schema.clone();
        drop_patterns(&mut repaired);
        for _ in 0..MAX_REPAIRS {
            error = match build(&repaired) {
                Ok(validator) => return Ok(made(validator, &repaired)),
                Err(error) if matches!(error.kind(), ValidationErrorKind::Referencing(_)) => error,
                Err(error) if drop_at(&mut repaired, error.instance_path().as_str()) => error,
                Err(error) => return Err(error.masked().to_string()),
            };
            if matches!(error.kind(), ValidationErrorKind::Referencing(_)) {
                break;
            }
        }
        Err(error.masked().to_string())
    }

    /// Whether `value` fits, and if not, what is wrong. It is unchecked where that would take too long.
    pub(crate) fn check(&self, value: &Value) -> Result<Fit, Vec<Fault>> {
        if !self.cost.allows_verdict(value) {
            return Ok(Fit::Unchecked);
        }
        if self.compiled.is_valid(value) {
            return Ok(Fit::Fits);
        }
        if !self.cost.allows_faults(value) {
            return Err(vec![fault(&[], TOO_MUCH)]);
        }
        Err(describe_all(self.compiled.iter_errors(value)))
    }

    /// What is wrong with single arguments, whatever is wrong with them together. Nothing where that would take too long.
    pub(crate) fn faults_of_values(&self, value: &Value) -> Vec<Fault> {
        if !self.cost.allows_faults(value) {
            return Vec::new();
        }
        let single = |error: &ValidationError<'_>| error.evaluation_path().as_str().starts_with("/properties/");
        describe_all(self.compiled.iter_errors(value).filter(single))
    }
}

fn build(schema: &Value) -> Result<jsonschema::Validator, ValidationError<'static>> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(MAX_BACKTRACKS)
        .size_limit(MAX_PATTERN)
        .dfa_size_limit(MAX_PATTERN);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(patterns)
        .with_keyword("format", |_, value, _| Ok(format(value)))
        .build(schema)
}

/// Leaves out every pattern that cannot be compiled.
fn drop_patterns(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            keywords.retain(|name, value| {
                name != "pattern" || !value.is_string() || build(&serde_json::json!({ "pattern": value })).is_ok()
            });
            if let Some(Value::Object(patterns)) = keywords.get_mut("patternProperties") {
                patterns.retain(|pattern, _| build(&serde_json::json!({ "pattern": pattern })).is_ok());
            }
            keywords.values_mut().for_each(drop_patterns);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_patterns),
        _ => {}
    }
}

/// Leaves out what is at `path`; false where that is the whole or nothing.
fn drop_at(schema: &mut Value, path: &str) -> bool {
    let Some((parent, last)) = path.rsplit_once('/') else { return false };
    match schema.pointer_mut(parent) {
        Some(Value::Object(map)) => map.remove(&last.replace("~1", "/").replace("~0", "~")).is_some(),
        Some(Value::Array(list)) => match last.parse() {
            Ok(index) if index < list.len() => {
                list.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}
