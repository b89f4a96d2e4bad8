//! What a validator says, as faults for a caller: a pointer, and words that repeat no value (it may be a secret, or huge).

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};

use super::pointer::pointer;
use crate::problem::{Fault, MAX_FAULTS};

/// The longest text of one fault, in bytes: schemas may list thousands of values.
const MAX_DETAIL: usize = 300;

/// The deepest chain of unions of which the one alternative that was meant is looked for.
const MAX_UNIONS: usize = 8;

/// A fault at these steps.
pub(crate) fn fault(steps: &[&str], detail: impl Into<String>) -> Fault {
    Fault { pointer: pointer(steps.iter().copied()), detail: detail.into() }
}

/// Appends what one error says.
pub(super) fn describe(error: &ValidationError<'_>, faults: &mut Vec<Fault>, unions: usize) {
    use ValidationErrorKind as K;
    if faults.len() >= MAX_FAULTS {
        return;
    }
    let at: Vec<String> = error.instance_path().as_str().split('/').skip(1).map(unescape).collect();
    let steps: Vec<&str> = at.iter().map(String::as_str).collect();
    match error.kind() {
        K::AnyOf { context } | K::OneOfNotValid { context } if unions > 0 => match meant(error, context) {
            Some(errors) => errors.iter().for_each(|e| describe(e, faults, unions - 1)),
            None => faults.push(fault(&steps, "fits none of the alternatives")),
        },
        K::OneOfMultipleValid { .. } => faults.push(fault(&steps, "fits more than one of the alternatives")),
        K::AdditionalProperties { unexpected } | K::UnevaluatedProperties { unexpected } => {
            for name in unexpected.iter().take(MAX_FAULTS) {
                faults.push(fault(&[&steps[..], &[name]].concat(), "is not known here"));
            }
        }
        K::PropertyNames { .. } => faults.push(fault(&steps, "has a name that is not allowed here")),
        K::Required { property } => faults.push(fault(&steps, format!("{property} is missing"))),
        K::FalseSchema => faults.push(fault(&steps, "is not allowed here")),
        K::Not { .. } => faults.push(fault(&steps, "is a value that is not allowed")),
        K::BacktrackLimitExceeded { .. } => faults.push(fault(&steps, "takes too long to match the pattern")),
        K::Type { kind: TypeKind::Single(name) } => faults.push(fault(&steps, format!("is not of type {name}"))),
        _ => faults.push(fault(&steps, cut(error.masked_with("the value").to_string()))),
    }
}

/// Of the alternatives of a union the errors of the only one whose type fits the value.
fn meant<'e>(
    error: &ValidationError<'_>,
    alternatives: &'e [Vec<ValidationError<'static>>],
) -> Option<&'e [ValidationError<'static>]> {
    let here = error.instance_path().as_str();
    let another_type = |e: &ValidationError<'_>| {
        matches!(e.kind(), ValidationErrorKind::Type { .. }) && e.instance_path().as_str() == here
    };
    let mut fitting = alternatives.iter().filter(|errors| !errors.iter().any(another_type));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_DETAIL {
        text.truncate(text.floor_char_boundary(MAX_DETAIL));
        text.push('…');
    }
    text
}

/// All that `errors` say, at most [`MAX_FAULTS`], none twice.
pub(super) fn describe_all<'e>(errors: impl Iterator<Item = ValidationError<'e>>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for error in errors.take(MAX_FAULTS) {
        describe(&error, &mut faults, MAX_UNIONS);
    }
    let mut seen = Vec::new();
    faults.retain(|fault| {
        !seen.contains(fault) && {
            seen.push(fault.clone());
            true
        }
    });
    faults.truncate(MAX_FAULTS);
    faults
}
