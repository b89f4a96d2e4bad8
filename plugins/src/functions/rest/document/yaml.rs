//! From YAML to JSON text, event by event, in the order of the document.
//!
//! Scalars mean what YAML 1.2's core schema says (`on` and `yes` are texts); keys are their own text, whatever they look like
//! (`200`, `on`, `1.10`). Merge keys are merged; of a repeated key the last one counts, as in JSON. Aliases are expanded
//! within limits, so that a small text cannot become a large one.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

/// The most nodes, those of expanded aliases included: 10 MB or more of text, and seconds of work.
const MAX_NODES: usize = 2_000_000;

/// The most nodes that aliases may add: real documents share a few examples or headers.
const MAX_ALIASED: usize = 200_000;

/// How deep collections may nest: what the JSON reader takes later.
const MAX_DEPTH: usize = 128;

/// The most lines that are indented before the parser takes them, and the longest text in which that is tried (each costs another
/// parse).
const MAX_MENDED: usize = 32;
const LONGEST_MENDED: usize = 4 << 20;

/// What the parser says of a line of a quoted scalar that is indented less than its key. YAML forbids that; libyaml, and with it the
/// tools that most documents were tried with, reads it.
const BADLY_INDENTED: &str = "invalid indentation in multiline quoted scalar";

/// `yaml` as JSON; the error is for a person.
pub(super) fn to_json(yaml: &str) -> Result<String, String> {
    let mut yaml = Cow::Borrowed(yaml);
    let mut mended = 0;
    loop {
        let error = match copied(&yaml) {
            Ok(json) => return Ok(json),
            Err(error) => error,
        };
        let line = error.location().filter(|_| error.to_string().contains(BADLY_INDENTED)).map(|at| at.line());
        let Some(line) = line.filter(|_| mended < MAX_MENDED && yaml.len() < LONGEST_MENDED) else {
            return Err(error.to_string());
        };
        mended += 1;
        yaml = Cow::Owned(indented(&yaml, line));
    }
}

/// `yaml` with its line `line` (counted from 1) deeper than anything; within a quoted scalar that means nothing else.
fn indented(yaml: &str, line: u64) -> String {
    let before: usize = yaml.split_inclusive('\n').zip(1..line).map(|(line, _)| line.len()).sum();
    let (before, after) = yaml.split_at(before);
    [before, &" ".repeat(MAX_DEPTH), after].concat()
}

fn copied(yaml: &str) -> Result<String, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_depth: MAX_DEPTH,
            max_documents: 1,
            // The limits on what aliases add are stricter and do not depend on how many anchors there are.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        ignore_binary_tag_for_string: true,
        emit_comments: false,
        with_snippet: false,
    };
    let mut json = Vec::with_capacity(yaml.len() + yaml.len() / 2);
    serde_saphyr::with_deserializer_from_str_with_options(yaml, options, |yaml| Copy(&mut json).deserialize(yaml))?;
    String::from_utf8(json).map_err(serde_saphyr::Error::custom)
}

/// Writes one value as it is read.
struct Copy<'w>(&'w mut Vec<u8>);

impl Copy<'_> {
    fn scalar<E: Error>(self, value: impl Serialize) -> Result<(), E> {
        serde_json::to_writer(self.0, &value).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Copy<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        yaml.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<(), E> {
        self.scalar(value as f64)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<(), E> {
        self.scalar(value as f64)
    }

    /// JSON has no infinity: the largest double stands for it, and null (by [`serde_json`]) for what is no number.
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(value.clamp(f64::MIN, f64::MAX))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.push(b'[');
        while items.next_element_seed(Copy(self.0))?.is_some() {
            self.0.push(b',');
        }
        close(self.0, b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.0.push(b'{');
        while entries.next_key_seed(Key(self.0))?.is_some() {
            self.0.push(b':');
            entries.next_value_seed(Copy(self.0))?;
            self.0.push(b',');
        }
        close(self.0, b'}');
        Ok(())
    }
}

/// Ends a collection; the comma after its last member goes.
fn close(json: &mut Vec<u8>, bracket: u8) {
    if json.last() == Some(&b',') {
        json.pop();
    }
    json.push(bracket);
}

/// Writes one key: its text, `null` where it is null.
struct Key<'w>(&'w mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        yaml.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar as key")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.visit_str("null")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.visit_str("null")
    }

    fn visit_some<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        yaml.deserialize_str(self)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        serde_json::to_writer(self.0, key).map_err(E::custom)
    }
}
