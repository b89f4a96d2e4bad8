//! What tags something must have.

use std::collections::BTreeMap;
use std::fmt;

/// A tag that is wanted, as settings write it: `key`, or `key=value`. Case counts, as it does to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    key: String,
    value: Option<String>,
}

impl Wanted {
    /// What `text` says; `None` without a key.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value.to_owned())));
        (!key.is_empty()).then(|| Self { key: key.to_owned(), value })
    }

    /// Whether it is among `tags`.
    pub(crate) fn is_among(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(&self.key).is_some_and(|is| self.value.as_ref().is_none_or(|wanted| wanted == is))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.key),
            None => f.write_str(&self.key),
        }
    }
}
