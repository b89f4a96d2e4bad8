//! JSON Schemas of messages, saying exactly what [`super::super::json`] reads: what is valid here is taken there, and the reverse, but for
//! what a schema cannot say (a string's numeric range, the days of a month, the types that an `Any` may have).
//!
//! One definition for each message and enum, under its full name. `properties` has the JSON names; the proto's own names are
//! taken too and stand in `patternProperties`, so that forms and language models see each field once.

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, Kind, MessageDescriptor, OneofDescriptor};
use serde_json::{Map, Value as Json, json};

use super::super::json::{Known, Slot};
use crate::arguments::BASE64;

/// Collects what messages need.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    wanted: Vec<Type>,
    seen: BTreeMap<String, Type>,
}

#[derive(Clone, Debug)]
enum Type {
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

impl Schemas {
    /// A schema that is another's definition.
    pub(super) fn reference(&mut self, message: &MessageDescriptor) -> Json {
        self.want(message.full_name(), || Type::Message(message.clone()))
    }

    /// All definitions that were referred to, and those that they refer to. `comment` finds what is written above the declaration
    /// at a path of a file.
    pub(super) fn finish(mut self, mut comment: impl FnMut(&str, &[i32]) -> Option<String>) -> BTreeMap<String, Json> {
        let mut definitions = BTreeMap::new();
        while let Some(of) = self.wanted.pop() {
            let (name, file, path, mut schema) = match &of {
                Type::Message(m) => (m.full_name(), m.parent_file(), m.path().to_vec(), self.message(m, &mut comment)),
                Type::Enum(e) => (e.full_name(), e.parent_file(), e.path().to_vec(), enumeration(e)),
            };
            if let (Some(text), Some(schema)) = (comment(file.name(), &path), schema.as_object_mut()) {
                schema.insert("description".into(), text.into());
            }
            definitions.insert(name.to_owned(), schema);
        }
        definitions
    }

    fn want(&mut self, name: &str, of: impl FnOnce() -> Type) -> Json {
        if !self.seen.contains_key(name) {
            let of = of();
            self.seen.insert(name.to_owned(), of.clone());
            self.wanted.push(of);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn message(&mut self, of: &MessageDescriptor, comment: &mut impl FnMut(&str, &[i32]) -> Option<String>) -> Json {
        if let Some(known) = Known::of(of) {
            return self.known(known, of);
        }
        let (mut properties, mut aliases, mut twice) = (Map::new(), Map::new(), Map::new());
        let mut required = Vec::new();
        for slot in Slot::all(of) {
            let mut schema = self.slot(&slot);
            if let Some(alias) = slot.alias() {
                aliases.insert(format!("^{alias}$"), schema.clone());
                twice.insert(alias.into(), json!({ "properties": { slot.json_name(): false } }));
            }
            if slot.is_required() {
                required.push(slot.clone());
            }
            if let (Slot::Field(field), Some(object)) = (&slot, schema.as_object_mut()) {
                if let Some(text) = comment(of.parent_file().name(), field.path()) {
                    object.insert("description".into(), text.into());
                }
                if field.field_descriptor_proto().options.as_ref().is_some_and(|options| options.deprecated()) {
                    object.insert("deprecated".into(), true.into());
                }
            }
            properties.insert(slot.json_name().into(), schema);
        }
        let mut schema = Map::new();
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), properties.into());
        schema.insert("additionalProperties".into(), false.into());
        if !aliases.is_empty() {
            schema.insert("patternProperties".into(), aliases.into());
            schema.insert("dependentSchemas".into(), twice.into());
        }
        let mut rules: Vec<_> = required.iter().map(any_name).collect();
        rules.extend(
            of.oneofs().filter(|oneof| !oneof.is_synthetic() && oneof.fields().len() > 1).map(|o| at_most_one(&o)),
        );
        if !rules.is_empty() {
            schema.insert("allOf".into(), rules.into());
        }
        schema.into()
    }

    /// A field's whole value.
    fn slot(&mut self, slot: &Slot) -> Json {
        let kind = slot.kind();
        if slot.is_list() {
            return json!({ "type": ["array", "null"], "items": self.value(&kind) });
        }
        if let (true, Some(entry)) = (slot.is_map(), kind.as_message()) {
            let values = self.value(&entry.map_entry_value_field().kind());
            let mut schema = json!({ "type": ["object", "null"], "additionalProperties": values });
            if let Some(pattern) = key_pattern(&entry.map_entry_key_field().kind()) {
                schema["propertyNames"] = json!({ "pattern": pattern });
            }
            return schema;
        }
        nullable(self.value(&kind))
    }

    /// A single value: a field's, an element's, an entry's.
    fn value(&mut self, kind: &Kind) -> Json {
        let whole = |format: &str, min: Json, max: Json| json!({ "type": ["integer", "string"], "format": format, "minimum": min, "maximum": max, "pattern": WHOLE });
        match kind {
            Kind::Message(of) => self.want(of.full_name(), || Type::Message(of.clone())),
            Kind::Enum(of) => self.want(of.full_name(), || Type::Enum(of.clone())),
            Kind::Double => json!({ "type": ["number", "string"], "format": "double", "pattern": FLOAT }),
            Kind::Float => json!({ "type": ["number", "string"], "format": "float", "pattern": FLOAT }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => whole("int32", i32::MIN.into(), i32::MAX.into()),
            Kind::Uint32 | Kind::Fixed32 => whole("uint32", 0.into(), u32::MAX.into()),
            // As strings first: that is what answers have, and what keeps all digits everywhere.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": ["string", "integer"], "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX, "pattern": WHOLE })
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": ["string", "integer"], "format": "uint64", "minimum": 0, "maximum": u64::MAX, "pattern": WHOLE })
            }
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64", "pattern": BASE64 }),
        }
    }

    fn known(&mut self, known: Known, of: &MessageDescriptor) -> Json {
        match known {
            Known::Any => json!({
                "type": "object",
                "properties": { "@type": { "type": "string" } },
                "description": "A message of any type: its fields beside @type, which ends in the type's full name.",
            }),
            Known::Timestamp => json!({ "type": "string", "format": "date-time", "pattern": TIMESTAMP }),
            Known::Duration => json!({ "type": "string", "pattern": DURATION }),
            Known::FieldMask => json!({ "type": "string", "pattern": "^[^_]*$" }),
            Known::Struct => json!({ "type": "object" }),
            Known::Value => json!({}),
            Known::ListValue => json!({ "type": "array" }),
            Known::Empty => json!({ "type": "object", "additionalProperties": false }),
            Known::Wrapper => match of.get_field(1) {
                Some(field) => self.value(&field.kind()),
                None => false.into(),
            },
        }
    }
}

/// Decimal digits, as strings hold whole numbers.
const WHOLE: &str = "^-?[0-9]+$";
/// A number of JSON, or what JSON cannot say.
const FLOAT: &str = r"^(NaN|-?Infinity|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)$";
const TIMESTAMP: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$";
const DURATION: &str = r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$";

/// Names that a map's keys may have; strings have any.
fn key_pattern(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::String => None,
        Kind::Bool => Some("^(true|false)$"),
        _ => Some(WHOLE),
    }
}

/// The names, or any number: enums are open.
fn enumeration(of: &EnumDescriptor) -> Json {
    let mut names: Vec<Json> = of.values().map(|value| value.name().into()).collect();
    if of.full_name() == "google.protobuf.NullValue" {
        names.insert(0, Json::Null);
    }
    json!({ "anyOf": [{ "enum": names }, { "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }] })
}

/// The same, or `null`, which is as if it were not given.
fn nullable(mut schema: Json) -> Json {
    match schema.get_mut("type") {
        Some(Json::Array(types)) => types.push("null".into()),
        Some(of @ Json::String(_)) => *of = json!([of.take(), "null"]),
        _ => return json!({ "anyOf": [schema, { "type": "null" }] }),
    }
    schema
}

fn names(slot: &Slot) -> impl Iterator<Item = String> {
    [Some(slot.json_name().to_owned()), slot.alias().map(str::to_owned)].into_iter().flatten()
}

/// `name` is given. `null` does not count unless it is a value of the field.
fn given(slot: &Slot, name: String) -> Json {
    match slot.takes_null() {
        true => json!({ "required": [name] }),
        false => json!({ "required": [&name], "properties": { &name: { "not": { "type": "null" } } } }),
    }
}

/// One of the field's names is given.
fn any_name(slot: &Slot) -> Json {
    let mut given: Vec<_> = names(slot).map(|name| given(slot, name)).collect();
    if given.len() == 1 { given.remove(0) } else { json!({ "anyOf": given }) }
}

/// At most one member of the oneof is given.
fn at_most_one(oneof: &OneofDescriptor) -> Json {
    let mut cases: Vec<_> = oneof.fields().map(|field| any_name(&Slot::Field(field))).collect();
    cases.push(json!({ "not": { "anyOf": cases.clone() } }));
    json!({ "oneOf": cases })
}
