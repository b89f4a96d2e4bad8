//! The record of one function. It never changes under its key, the digest of its bytes.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::{Digest, Function, Kind};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FunctionRecord<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    origin: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    summary: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    description: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deprecated: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    safe: bool,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Text<'a>>,
    binding: Cow<'a, RawValue>,
    input: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Digest>,
    digest: Digest,
    revision: u64,
    /// In milliseconds since 1970, as all times in records.
    first_seen: i64,
    last_seen: i64,
}

/// A text that is not copied while it is read: serde borrows a `Cow` only where it stands by itself.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    fn of(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'a> FunctionRecord<'a> {
    pub(crate) fn of(function: &'a Function) -> Self {
        Self {
            name: Cow::Borrowed(&function.name),
            kind: Cow::Borrowed(function.kind.as_str()),
            origin: Cow::Borrowed(&function.origin),
            summary: function.summary.as_deref().map(Text::of),
            description: function.description.as_deref().map(Text::of),
            deprecated: function.deprecated,
            safe: function.safe,
            tags: function.tags.iter().map(|tag| Text::of(tag)).collect(),
            binding: Cow::Borrowed(&function.binding),
            input: function.input,
            output: function.output,
            digest: function.digest,
            revision: function.revision,
            first_seen: function.first_seen.as_millisecond(),
            last_seen: function.last_seen.as_millisecond(),
        }
    }

    /// The function. `kind` gives the kind of a name, so that a known one costs no memory.
    pub(crate) fn into_function(self, kind: impl Fn(&str) -> Kind) -> Function {
        Function {
            name: self.name.into(),
            kind: kind(&self.kind),
            origin: self.origin.into(),
            summary: self.summary.map(|text| text.0.into()),
            description: self.description.map(|text| text.0.into()),
            deprecated: self.deprecated,
            safe: self.safe,
            tags: self.tags.into_iter().map(|text| text.0.into()).collect(),
            binding: self.binding.into_owned(),
            input: self.input,
            output: self.output,
            digest: self.digest,
            revision: self.revision,
            first_seen: time(self.first_seen),
            last_seen: time(self.last_seen),
        }
    }
}

/// A time of a record; one outside the calendar, which no clock writes, is the nearest in it.
pub(crate) fn time(milliseconds: i64) -> Timestamp {
    let nearest = if milliseconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(milliseconds).unwrap_or(nearest)
}
