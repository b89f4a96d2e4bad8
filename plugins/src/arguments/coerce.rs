//! Text becomes what a schema says: `42` an integer where integers are admitted and so on. Prepared when a function is bound.
//!
//! A number, boolean or null is taken only in JSON's own spelling (`007` stays text), numbers before text where both are
//! admitted. One value becomes an array of one where an array is wanted. What does not fit stays as it is: to refuse
//! it is the validator's.

use std::cell::Cell;

use serde_json::{Map, Number, Value};

use super::schema::{Bearing, Schemas, Types};

/// The deepest that text is coerced: `a.b.c=1` is three.
const MAX_DEPTH: usize = 8;

/// The most nodes below one argument; what lies beyond stays text. Large values come as JSON, which is not coerced.
const MAX_NODES: usize = 100;

/// How the text at one place of the arguments is read.
#[derive(Debug, Default)]
pub(crate) struct Coerce {
    /// The scalar types that are admitted; none where nothing is known.
    scalars: Types,
    /// How the items of an array are read, where an array is admitted.
    items: Option<Box<Coerce>>,
    /// How the fields of an object are read, where an object is admitted.
    fields: Option<Fields>,
}

impl Default for Types {
    fn default() -> Self {
        Self::NONE
    }
}

#[derive(Debug)]
struct Fields {
    /// Sorted by name.
    named: Box<[(Box<str>, Coerce)]>,
    /// The others.
    rest: Option<Box<Coerce>>,
}

impl Coerce {
    /// For arguments by name under `schema`, the root of `schemas`.
    pub(crate) fn new<'a>(schemas: &Schemas<'a>, schema: &'a Value) -> Self {
        let fields = Builder { schemas, nodes: Cell::new(0) }.fields(schema, 0);
        Self { scalars: Types::NONE, items: None, fields: Some(fields) }
    }

    /// How the field of that name is read, where it is one that the schema names.
    pub(crate) fn named(&self, name: &str) -> Option<&Self> {
        let named = &self.fields.as_ref()?.named;
        named.binary_search_by(|(n, _)| (**n).cmp(name)).ok().map(|at| &named[at].1)
    }

    /// How a field that the schema does not name is read.
    pub(super) fn rest(&self) -> Option<&Self> {
        self.fields.as_ref()?.rest.as_deref()
    }

    /// Whether fields may lie below: then a dot in a name may be a step.
    pub(super) fn nests(&self) -> bool {
        self.fields.is_some() || self.items.is_some() || self.scalars == Types::NONE
    }

    /// What a query string gave: text, arrays of text, objects of these.
    pub(crate) fn value(&self, value: Value) -> Value {
        match (value, &self.items, &self.fields) {
            (Value::String(text), _, _) => self.text(text),
            (Value::Array(list), Some(items), _) => list.into_iter().map(|v| items.value(v)).collect(),
            (Value::Object(mut map), _, Some(_)) => {
                self.object(&mut map);
                Value::Object(map)
            }
            (value @ Value::Object(_), Some(items), None) => Value::Array(vec![items.value(value)]),
            (value, _, _) => value,
        }
    }

    /// The same for each field of an object.
    pub(crate) fn object(&self, map: &mut Map<String, Value>) {
        for (name, value) in map {
            if let Some(coerce) = self.named(name).or_else(|| self.rest()) {
                *value = coerce.value(std::mem::take(value));
            }
        }
    }

    /// One text.
    pub(crate) fn text(&self, text: String) -> Value {
        if let Some(value) = self.scalar(&text) {
            return value;
        }
        if self.scalars.any(Types::STRING) {
            return Value::String(text);
        }
        if let Some(items) = &self.items {
            return Value::Array(vec![items.text(text)]);
        }
        if self.fields.is_some()
            && let Ok(Value::Object(map)) = serde_json::from_str(&text)
        {
            return Value::Object(map);
        }
        Value::String(text)
    }

    /// Whether an array is wanted and no text.
    pub(crate) fn is_list(&self) -> bool {
        self.items.is_some() && !self.scalars.any(Types::STRING)
    }

    /// The text of a header or a cookie: commas separate the items where an array is wanted.
    pub(crate) fn line(&self, text: String) -> Value {
        match &self.items {
            Some(_) if self.is_list() && text.is_empty() && !self.scalars.any(Types::NULL) => Value::Array(Vec::new()),
            Some(items) if self.is_list() && self.scalar(&text).is_none() => {
                text.split(',').map(|item| items.text(item.trim().to_owned())).collect()
            }
            _ => self.text(text),
        }
    }

    fn scalar(&self, text: &str) -> Option<Value> {
        let is = |types| self.scalars.any(types);
        match text {
            "true" | "false" if is(Types::BOOLEAN) => Some(Value::Bool(text == "true")),
            "null" | "" if is(Types::NULL) && !is(Types::STRING) => Some(Value::Null),
            _ if is(Types::NUMBER) && text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                let number: Number = serde_json::from_str(text).ok()?;
                // Beyond 64 bits an integer would lose digits on its way.
                let whole = number.is_f64() && text.bytes().all(|b| b == b'-' || b.is_ascii_digit());
                (!whole || is(Types::FRACTION)).then_some(Value::Number(number))
            }
            _ => None,
        }
    }
}

struct Builder<'s, 'a> {
    schemas: &'s Schemas<'a>,
    nodes: Cell<usize>,
}

impl<'a> Builder<'_, 'a> {
    fn node(&self, schema: &'a Value, depth: usize) -> Coerce {
        self.nodes.set(if depth <= 1 { 0 } else { self.nodes.get() + 1 });
        let types = self.schemas.types(schema);
        if types == Types::ALL || depth == MAX_DEPTH || self.nodes.get() > MAX_NODES {
            return Coerce::default();
        }
        Coerce {
            scalars: types.without(Types::ARRAY | Types::OBJECT),
            items: types.any(Types::ARRAY).then(|| Box::new(self.items(schema, depth))),
            fields: types.any(Types::OBJECT).then(|| self.fields(schema, depth)),
        }
    }

    fn items(&self, schema: &'a Value, depth: usize) -> Coerce {
        let reached = self.schemas.reached(schema, "");
        reached.iter().find_map(|r| r.keywords.get("items")).map_or_else(Coerce::default, |s| self.node(s, depth + 1))
    }

    fn fields(&self, schema: &'a Value, depth: usize) -> Fields {
        let reached = self.schemas.reached(schema, "");
        let mut schemas: Vec<(&'a String, Bearing, &'a Value)> = Vec::new();
        for part in &reached {
            let properties = part.keywords.get("properties").and_then(Value::as_object).into_iter().flatten();
            schemas.extend(properties.map(|(name, schema)| (name, part.bearing, schema)));
        }
        // What must hold tells more than what may; of equals the first.
        schemas.sort_by(|a, b| a.0.cmp(b.0).then((a.1 == Bearing::May).cmp(&(b.1 == Bearing::May))));
        schemas.dedup_by(|later, first| later.0 == first.0);
        let rest = reached.iter().find_map(|r| r.keywords.get("additionalProperties")).filter(|s| s.is_object());
        Fields {
            named: schemas.into_iter().map(|(name, _, s)| (name.as_str().into(), self.node(s, depth + 1))).collect(),
            rest: rest.map(|s| Box::new(self.node(s, depth + 1))),
        }
    }
}
