//! What can be known of a JSON Schema (2020-12) without an instance: which types it admits, and what it says of the value
//! itself through `$ref`, `allOf`, `anyOf` and `oneOf`.
//!
//! Answers are upper bounds: what is too deep or too large to look at is taken to admit everything.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::{BitAnd, BitOr};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// The deepest chain of references and combinations that is followed: recursive schemas end here.
const MAX_DEPTH: usize = 24;

/// The most subschemas that one question looks at; unions of unions grow without a bound.
const MAX_STEPS: usize = 1000;

/// A set of JSON types. `INTEGER` and `FRACTION` together are JSON Schema's `number`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const INTEGER: Self = Self(4);
    pub(crate) const FRACTION: Self = Self(8);
    pub(crate) const NUMBER: Self = Self(4 | 8);
    pub(crate) const STRING: Self = Self(16);
    pub(crate) const ARRAY: Self = Self(32);
    pub(crate) const OBJECT: Self = Self(64);
    pub(crate) const ALL: Self = Self(127);

    /// Whether any of `other` is in it.
    pub(crate) fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// All of it that is not in `other`.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn named(name: &Value) -> Self {
        match name.as_str() {
            Some("null") => Self::NULL,
            Some("boolean") => Self::BOOLEAN,
            Some("integer") => Self::INTEGER,
            Some("number") => Self::NUMBER,
            Some("string") => Self::STRING,
            Some("array") => Self::ARRAY,
            Some("object") => Self::OBJECT,
            _ => Self::ALL,
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(n) if n.is_f64() => Self::NUMBER,
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    fn union(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::NONE, Self::bitor)
    }
}

impl BitOr for Types {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Types {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Where `$ref`s lead: a whole schema, or definitions beside it.
#[derive(Clone, Debug)]
pub(crate) struct Schemas<'a> {
    root: Root<'a>,
    steps: Cell<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Root<'a> {
    Whole(&'a Value),
    Definitions(&'a BTreeMap<String, Value>),
}

/// How a subschema that was reached bears on the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bearing {
    /// It always holds.
    Must,
    /// It may hold.
    May,
}

/// One schema object that says something of the value itself.
#[derive(Clone, Debug)]
pub(crate) struct Reached<'a> {
    /// Its keywords.
    pub(crate) keywords: &'a Map<String, Value>,
    /// Whether it always holds.
    pub(crate) bearing: Bearing,
    /// The reference that leads to it from the root: `#/$defs/Pet/allOf/0`.
    pub(crate) at: String,
}

impl<'a> Schemas<'a> {
    /// References are pointers into `schema`.
    pub(crate) fn whole(schema: &'a Value) -> Self {
        Self { root: Root::Whole(schema), steps: Cell::new(0) }
    }

    /// References are `#/$defs/NAME`.
    pub(crate) fn definitions(definitions: &'a BTreeMap<String, Value>) -> Self {
        Self { root: Root::Definitions(definitions), steps: Cell::new(0) }
    }

    /// What a reference leads to.
    pub(crate) fn resolve(&self, reference: &str) -> Option<&'a Value> {
        let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
        match self.root {
            Root::Whole(schema) => schema.pointer(&pointer),
            Root::Definitions(definitions) => {
                let path = pointer.strip_prefix("/$defs/")?;
                let (name, rest) = path.find('/').map_or((path, ""), |at| path.split_at(at));
                definitions.get(&name.replace("~1", "/").replace("~0", "~"))?.pointer(rest)
            }
        }
    }

    /// The types that a value may have to be valid.
    pub(crate) fn types(&self, schema: &Value) -> Types {
        self.steps.set(0);
        self.admitted(schema, 0)
    }

    fn admitted(&self, schema: &Value, depth: usize) -> Types {
        self.steps.set(self.steps.get() + 1);
        let keywords = match schema {
            Value::Bool(false) => return Types::NONE,
            Value::Object(keywords) if depth < MAX_DEPTH && self.steps.get() < MAX_STEPS => keywords,
            _ => return Types::ALL,
        };
        let each = |list: &Value| list.as_array().map(|l| Types::union(l.iter().map(|s| self.admitted(s, depth + 1))));
        let mut types = match keywords.get("type") {
            Some(Value::Array(names)) => Types::union(names.iter().map(Types::named)),
            Some(name) => Types::named(name),
            None => Types::ALL,
        };
        if let Some(Value::Array(values)) = keywords.get("enum") {
            types = types & Types::union(values.iter().map(Types::of));
        }
        if let Some(value) = keywords.get("const") {
            types = types & Types::of(value);
        }
        if let Some(target) = keywords.get("$ref").and_then(Value::as_str).and_then(|r| self.resolve(r)) {
            types = types & self.admitted(target, depth + 1);
        }
        for schema in keywords.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            types = types & self.admitted(schema, depth + 1);
        }
        for union in ["anyOf", "oneOf"] {
            types = keywords.get(union).and_then(each).map_or(types, |admitted| types & admitted);
        }
        types
    }

    /// Every schema object that says something of the value itself, `schema` (which `at` refers to) first.
    pub(crate) fn reached(&self, schema: &'a Value, at: &str) -> Vec<Reached<'a>> {
        let mut found = Vec::new();
        self.reach(schema, at.to_owned(), Bearing::Must, 0, &mut found);
        found
    }

    fn reach(&self, schema: &'a Value, at: String, bearing: Bearing, depth: usize, found: &mut Vec<Reached<'a>>) {
        let Value::Object(keywords) = schema else { return };
        if depth == MAX_DEPTH || found.len() >= MAX_STEPS {
            return;
        }
        found.push(Reached { keywords, bearing, at: at.clone() });
        if let Some(reference) = keywords.get("$ref").and_then(Value::as_str)
            && let Some(target) = self.resolve(reference)
        {
            self.reach(target, reference.to_owned(), bearing, depth + 1, found);
        }
        for (list, bearing) in [("allOf", bearing), ("anyOf", Bearing::May), ("oneOf", Bearing::May)] {
            for (index, schema) in keywords.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
                self.reach(schema, format!("{at}/{list}/{index}"), bearing, depth + 1, found);
            }
        }
    }
}
