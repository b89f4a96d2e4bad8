//! What Portolan says of a resource in its `status`, in the shape that Gloo's own tools read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::{Remark, Severity};

/// The most messages of one resource.
const MOST_MESSAGES: usize = 10;
/// The longest of them, in bytes.
const LONGEST_MESSAGE: usize = 256;
/// Who says it.
pub(crate) const REPORTER: &str = "portolan";

/// What all who read a resource say of it, each under the namespace that it runs in.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub(crate) struct Statuses {
    /// By namespace.
    #[schemars(schema_with = "by_namespace")]
    pub(crate) statuses: BTreeMap<String, Value>,
}

/// Others may say more, and a state by its number.
fn by_namespace(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let text = |about: &str| serde_json::json!({"type": "string", "description": about});
    schemars::json_schema!({
        "type": "object",
        "description": "By namespace.",
        "additionalProperties": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "state": {"x-kubernetes-int-or-string": true, "description": "Pending, Accepted, Warning or Rejected."},
                "reason": text("Why it is not simply accepted."),
                "reportedBy": text("Who says it."),
                "messages": {"type": "array", "items": {"type": "string"}, "description": "What is wrong, each with its field."},
            },
        },
    })
}

/// How a resource fares.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum State {
    /// Not known yet.
    #[default]
    Pending,
    /// It is in force.
    Accepted,
    /// It is in force, but for what the messages say.
    Warning,
    /// It is not in force; what it said before may be.
    Rejected,
}

/// What we say of one resource.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) state: State,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    pub(crate) reported_by: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) messages: Vec<String>,
}

impl Status {
    /// What `remarks` come to: errors first, so that a bound on messages hides none behind warnings.
    pub(crate) fn of(remarks: &[Remark]) -> Self {
        let state = match remarks.iter().map(|remark| remark.severity).max() {
            None => State::Accepted,
            Some(Severity::Warning) => State::Warning,
            Some(Severity::Error) => State::Rejected,
        };
        let mut ordered: Vec<_> = remarks.iter().collect();
        ordered.sort_by_key(|remark| std::cmp::Reverse(remark.severity));
        let mut messages: Vec<_> = ordered.iter().take(MOST_MESSAGES).map(|remark| cut(&remark.message)).collect();
        if let Some(more) = ordered.len().checked_sub(MOST_MESSAGES).filter(|more| *more > 0) {
            messages.push(format!("and {more} more"));
        }
        Self { state, reason: messages.join("; "), reported_by: REPORTER.into(), messages }
    }
}

fn cut(message: &str) -> String {
    match message.len() > LONGEST_MESSAGE {
        true => format!("{}…", &message[..message.floor_char_boundary(LONGEST_MESSAGE)]),
        false => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::node::At;

    fn remark(severity: Severity, message: &str) -> Remark {
        Remark { at: At::NOWHERE, severity, message: message.into() }
    }

    #[test]
    fn the_worst_remark_is_the_state_and_stands_first() {
        assert_eq!(Status::of(&[]).state, State::Accepted);
        let status = Status::of(&[remark(Severity::Warning, "a"), remark(Severity::Error, "b")]);
        assert_eq!((status.state, &*status.reason), (State::Rejected, "b; a"));
        assert_eq!(Status::of(&[remark(Severity::Warning, "a")]).state, State::Warning);
    }

    #[test]
    fn messages_are_bounded_in_number_and_length() {
        let long = "ä".repeat(LONGEST_MESSAGE);
        let status = Status::of(&vec![remark(Severity::Error, &long); MOST_MESSAGES + 3]);
        assert_eq!(status.messages.len(), MOST_MESSAGES + 1);
        assert_eq!(status.messages[MOST_MESSAGES], "and 3 more");
        assert!(status.reason.len() < (MOST_MESSAGES + 1) * (LONGEST_MESSAGE + 5));
    }

    #[test]
    fn it_is_written_as_others_read_it() {
        let status = serde_json::to_value(Status::of(&[])).unwrap();
        assert_eq!(status, serde_json::json!({"state": "Accepted", "reportedBy": "portolan"}));
    }
}
