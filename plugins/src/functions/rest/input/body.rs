//! The schemas of a body: one for each of its types, as a caller gives the value. Binary values are base64, files of a form may be
//! objects, XML is a string.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::{Parts, object};
use crate::arguments::{BASE64, Schemas, Types, fragment};
use crate::functions::rest::Body;
use crate::functions::rest::call::{BodyNames, CONTENT_TYPE, Form, Format};

/// A binary value.
static BINARY: LazyLock<Value> =
    LazyLock::new(|| json!({ "type": "string", "contentEncoding": "base64", "pattern": BASE64 }));

/// A file with its name and type.
static FILE: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "type": "object",
        "properties": {
            "filename": { "type": "string" },
            "contentType": { "type": "string", "pattern": "^[!#$&^_.+A-Za-z0-9-]+/[!#$&^_.+A-Za-z0-9-]+(?:;[\\t -~]*)?$" },
            "content": *BINARY,
        },
        "required": ["content"],
        "additionalProperties": false,
    })
});

/// Annotations that survive where a schema is replaced.
const ANNOTATIONS: [&str; 4] = ["title", "description", "deprecated", "writeOnly"];

/// Whether a part of an `input` is a binary value.
pub(in crate::functions::rest) fn is_binary(schema: &Value) -> bool {
    schema.get("contentEncoding") == BINARY.get("contentEncoding") && schema.get("pattern") == BINARY.get("pattern")
}

/// Whether a part of an `input` is a file of a form, or a list of files.
pub(in crate::functions::rest) fn is_file(schema: &Value) -> bool {
    let file = |s: &Value| s.get("anyOf").and_then(|list| list.get(1)) == Some(&*FILE);
    file(schema) || schema.get("items").is_some_and(file)
}

/// The body's schemas.
#[derive(Debug)]
pub(in crate::functions::rest) struct Bodies {
    /// The media types, in the document's order.
    types: Vec<String>,
    /// Which of `distinct` each type has; 0 is the default type's.
    groups: Vec<usize>,
    /// Schemas that differ.
    distinct: Vec<Value>,
}

impl Bodies {
    /// For callers of an operation with this body.
    pub(super) fn new(body: &Body, names: &BodyNames, parts: &Parts, schemas: &Schemas<'_>) -> Self {
        let own = |index: usize| parts.bodies.get(index).cloned().flatten();
        let default = parts.body.clone().or_else(|| own(names.default));
        let mut distinct = vec![as_given(&body.types[names.default].name, default.clone(), schemas)];
        let mut groups = Vec::new();
        for (index, media) in body.types.iter().enumerate() {
            let schema = if index == names.default { default.clone() } else { own(index) };
            let schema = as_given(&media.name, schema, schemas);
            let group = distinct.iter().position(|s| *s == schema).unwrap_or_else(|| {
                distinct.push(schema);
                distinct.len() - 1
            });
            groups.push(group);
        }
        Self { types: body.types.iter().map(|t| t.name.clone()).collect(), groups, distinct }
    }

    /// As `$body` has it.
    pub(super) fn schema(&self) -> Value {
        match &self.distinct[..] {
            [one] => one.clone(),
            several => json!({ "anyOf": several }),
        }
    }

    /// That of the type that is built by default.
    pub(super) fn default(&self) -> &Value {
        &self.distinct[0]
    }

    /// Where the schema of one group stands.
    pub(super) fn reference(&self, group: usize) -> String {
        if self.distinct.len() == 1 {
            "#/properties/$body".to_owned()
        } else {
            format!("#/properties/$body/anyOf/{group}")
        }
    }

    /// The schema of `$header.Content-Type`.
    pub(super) fn choice(&self) -> Value {
        let (ranges, exact): (Vec<&String>, Vec<&String>) = self.types.iter().partition(|t| t.contains('*'));
        let mut choices: Vec<Value> = ranges.into_iter().map(|range| json!({ "pattern": pattern(range) })).collect();
        if choices.is_empty() {
            return json!({ "type": "string", "enum": exact });
        }
        if !exact.is_empty() {
            choices.push(json!({ "enum": exact }));
        }
        json!({ "type": "string", "anyOf": choices })
    }

    /// For each type whose schema is not the default's: when it is chosen, and the group of its schema.
    pub(super) fn others(&self) -> impl Iterator<Item = (Value, usize)> {
        self.types.iter().zip(&self.groups).filter(|(_, group)| **group != 0).map(|(t, g)| (self.chosen(t), *g))
    }

    /// Holds where the caller chooses that type.
    fn chosen(&self, name: &str) -> Value {
        let condition = if name.contains('*') {
            let exact: Vec<&String> = self.types.iter().filter(|t| !t.contains('*')).collect();
            json!({ "pattern": pattern(name), "not": { "enum": exact } })
        } else {
            json!({ "const": name })
        };
        let header = Form::Header.name();
        json!({
            "required": [header],
            "properties": { header: { "required": [CONTENT_TYPE], "properties": { CONTENT_TYPE: condition } } },
        })
    }

    /// Reads from an `input` where the schema of one of the body's types stands, and whether it is the default's.
    pub(in crate::functions::rest) fn find<'i>(
        input: &'i Value,
        body: &Body,
        index: usize,
    ) -> Option<(&'i Value, bool)> {
        let names = body.types.iter().map(|t| t.name.clone()).collect();
        let chosen = Self { types: names, groups: Vec::new(), distinct: Vec::new() }.chosen(&body.types[index].name);
        let rules = input.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let mut others = rules.filter_map(|rule| {
            let reference = rule.pointer("/then/properties/$body/$ref")?.as_str()?;
            Some((rule.get("if")?, reference))
        });
        let schemas = Schemas::whole(input);
        match others.clone().find(|(condition, _)| **condition == chosen) {
            Some((_, reference)) => schemas.resolve(reference).map(|schema| (schema, false)),
            None if others.next().is_some() => {
                schemas.resolve("#/properties/$body/anyOf/0").map(|schema| (schema, true))
            }
            None => schemas.resolve("#/properties/$body").map(|schema| (schema, true)),
        }
    }

    /// For each property of the default type's schema the references to what it says of it.
    pub(super) fn fields(&self, schemas: &Schemas<'_>) -> BTreeMap<String, Vec<Value>> {
        let mut must: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut may: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for part in schemas.reached(self.default(), &self.reference(0)) {
            for name in part.keywords.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                let into = if part.bearing == crate::arguments::Bearing::Must { &mut must } else { &mut may };
                let reference = json!({ "$ref": format!("{}/properties{}", part.at, fragment(name)) });
                let list = into.entry(name.clone()).or_default();
                if !list.contains(&reference) {
                    list.push(reference);
                }
            }
        }
        for (name, references) in may {
            let any = if references.len() == 1 { references } else { vec![json!({ "anyOf": references })] };
            must.entry(name).or_insert(any);
        }
        must
    }
}

/// What a range admits, as a pattern.
fn pattern(range: &str) -> String {
    let escaped: String = range
        .chars()
        .map(|c| match c {
            '*' => "[!#$&^_.+a-z0-9-]+".to_owned(),
            '.' | '+' => format!("\\{c}"),
            c => c.to_string(),
        })
        .collect();
    format!("^{escaped}$")
}

/// The schema of a value of which a body of that type is built.
fn as_given(media: &str, schema: Option<Value>, schemas: &Schemas<'_>) -> Value {
    match Format::of(media) {
        Format::Json => schema.unwrap_or(Value::Bool(true)),
        Format::Urlencoded => object(schema.unwrap_or(Value::Bool(true)), schemas),
        Format::Multipart => object(with_files(schema.unwrap_or(Value::Bool(true)), schemas), schemas),
        Format::Xml => annotated(json!({ "type": "string" }), schema.as_ref()),
        Format::Text => schema.unwrap_or_else(|| json!({ "type": "string" })),
        Format::Other => match schema {
            Some(schema) if schema.as_object().is_some_and(|k| !k.is_empty()) && !binary(&schema, schemas) => schema,
            schema => annotated(BINARY.clone(), schema.as_ref()),
        },
    }
}

/// The schema of a form with its binary properties as files. References are followed as far as files lie behind them.
fn with_files(schema: Value, schemas: &Schemas<'_>) -> Value {
    let has_files = schemas.reached(&schema, "").iter().any(|part| {
        let properties = part.keywords.get("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(Map::values).any(|s| file(s, schemas).is_some())
    });
    if has_files { rewritten(schema, schemas, 0) } else { schema }
}

/// The deepest chain of references of which files are found.
const MAX_DEPTH: usize = 16;

fn rewritten(schema: Value, schemas: &Schemas<'_>, depth: usize) -> Value {
    let Value::Object(mut keywords) = schema else { return schema };
    if depth == MAX_DEPTH {
        return Value::Object(keywords);
    }
    if let Some(Value::Object(properties)) = keywords.get_mut("properties") {
        for property in properties.values_mut() {
            if let Some(file) = file(property, schemas) {
                *property = file;
            }
        }
    }
    for list in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(parts)) = keywords.get_mut(list) {
            for part in parts {
                *part = rewritten(part.take(), schemas, depth + 1);
            }
        }
    }
    if let Some(target) = keywords.get("$ref").and_then(Value::as_str).and_then(|r| schemas.resolve(r)) {
        keywords.remove("$ref");
        let target = rewritten(target.clone(), schemas, depth + 1);
        if keywords.is_empty() {
            return target;
        }
        return super::and(target, keywords);
    }
    Value::Object(keywords)
}

/// The schema of a file where the property is one, or a list of them.
fn file(property: &Value, schemas: &Schemas<'_>) -> Option<Value> {
    if binary(property, schemas) {
        let mut any = vec![BINARY.clone(), FILE.clone()];
        if schemas.types(property).any(Types::NULL) {
            any.push(json!({ "type": "null" }));
        }
        return Some(annotated(json!({ "anyOf": any }), Some(property)));
    }
    let reached = schemas.reached(property, "");
    let items = reached.iter().find_map(|part| part.keywords.get("items"))?;
    let file = binary(items, schemas).then(|| json!({ "anyOf": [*BINARY, *FILE] }))?;
    let mut list = annotated(json!({ "type": "array", "items": file }), Some(property));
    for limit in ["minItems", "maxItems"] {
        if let Some(value) = reached.iter().find_map(|part| part.keywords.get(limit)) {
            list[limit] = value.clone();
        }
    }
    Some(list)
}

/// Whether a schema means bytes: `format: binary` or `byte`, or a content encoding or media type of a string.
fn binary(schema: &Value, schemas: &Schemas<'_>) -> bool {
    let types = schemas.types(schema);
    let text = types.any(Types::STRING);
    text && schemas.reached(schema, "").iter().any(|part| {
        let is = |keyword: &str, any: &[&str]| {
            part.keywords.get(keyword).and_then(Value::as_str).is_some_and(|v| any.contains(&v))
        };
        let typed = types.without(Types::NULL) == Types::STRING;
        is("format", &["binary", "byte", "base64"])
            || is("contentEncoding", &["base64", "base64url"])
            || (typed || !part.keywords.contains_key("type"))
                && part
                    .keywords
                    .get("contentMediaType")
                    .and_then(Value::as_str)
                    .is_some_and(|t| Format::of(t) == Format::Other)
    })
}

fn annotated(mut schema: Value, from: Option<&Value>) -> Value {
    for name in ANNOTATIONS {
        if let Some(value) = from.and_then(|s| s.get(name)) {
            schema[name] = value.clone();
        }
    }
    schema
}
