//! The body of an operation: its media types in the document's order, each with its schema, and what bare arguments may fill.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::tree::{ARGUMENT, Lost, Object, Version};
use super::{Direction, Reader, properties, structure, swagger, truth};
use crate::functions::rest::binding::{Body, Encoding, MediaType};
use crate::functions::rest::call::{Format, default_type};

/// The most media types of one body; more is a list of everything that a framework can read.
const MAX_TYPES: usize = 32;

/// What a body may be, before its schemas are read: Media Type Objects by their names as the document has them.
pub(super) struct Content {
    pub(super) required: bool,
    pub(super) types: Vec<(String, Map<String, Value>)>,
}

impl<'a> Reader<'a> {
    /// What `operation` takes: its `requestBody`, or what `parameters` `in: body` and `in: formData` say.
    pub(super) fn content(&mut self, operation: &Object<'a>, parameters: Vec<Map<String, Value>>) -> Option<Content> {
        if let Some(raw) = operation.get("requestBody").filter(|_| self.tree.version > Version::V2) {
            return self.request_body(raw).unwrap_or_else(|fault| {
                self.complain(&format!("any JSON is taken for the body: {fault}"));
                Some(Content { required: false, types: vec![("application/json".into(), Map::new())] })
            });
        }
        let consumes = self.media_types(operation, "consumes");
        swagger::body(parameters, consumes, self.tree.version)
    }

    /// Swagger 2.0's `consumes` or `produces`: the operation's, else the document's.
    pub(super) fn media_types(&mut self, operation: &Object<'a>, name: &str) -> Vec<String> {
        let list = match operation.get(name) {
            Some(raw) => self.tree.value(raw).ok(),
            None => self.tree.top(name),
        };
        let Some(Value::Array(list)) = list else { return Vec::new() };
        list.into_iter().filter_map(|name| name.as_str().map(str::to_owned)).take(MAX_TYPES).collect()
    }

    fn request_body(&mut self, raw: &'a RawValue) -> Result<Option<Content>, Lost> {
        let raw = self.tree.resolve(raw)?;
        let body = self.tree.object(raw)?;
        let required = body.get("required").and_then(|raw| self.tree.value(raw).ok());
        let Some(content) = body.get("content") else { return Ok(None) };
        let mut types = Vec::new();
        for (name, raw) in self.tree.object(content)?.into_iter().take(MAX_TYPES) {
            let raw = self.tree.resolve(raw)?;
            match self.tree.value(raw)? {
                Value::Object(media) => types.push((name, media)),
                _ => types.push((name, Map::new())),
            }
        }
        Ok(Some(Content { required: truth(required.as_ref()), types }))
    }

    /// The binding of `content`, and the schema of each of its types.
    pub(super) fn body(&mut self, content: Content) -> Option<(Body, Vec<Option<Value>>)> {
        let mut body = Body { required: content.required, types: Vec::new(), properties: Vec::new(), open: false };
        let mut schemas = Vec::new();
        for (said, mut media) in content.types {
            let name = media_name(&said);
            if !name.contains('/') {
                self.complain(&format!("{said:?} is no media type and left out"));
                continue;
            }
            // `application/json` and `application/json; charset=utf-8` are one type: the first counts.
            if body.types.iter().any(|other: &MediaType| other.name == name) {
                continue;
            }
            let encoding = self.encodings(media.remove("encoding"));
            schemas.push(media.remove("schema").map(|schema| self.schema(schema, Direction::Input)));
            body.types.push(MediaType { name, encoding });
        }
        (!body.types.is_empty()).then_some((body, schemas))
    }

    /// Says in `body` what bare arguments may fill: the properties of its default type, whose schema is returned. The definitions
    /// that `schemas` reach are there now.
    pub(super) fn fillable(&mut self, body: &mut Body, schemas: &[Option<Value>]) -> Result<Option<Value>, Lost> {
        let default = default_type(body);
        let schema = schemas.get(default).cloned().flatten();
        if body.types.get(default).is_some_and(|media| Format::of(&media.name).has_fields()) {
            let any = Value::Bool(true);
            let fillable = properties::of(schema.as_ref().unwrap_or(&any), self.definitions.made());
            // Every function that takes a large shared body has all of its names.
            self.tree.charge(fillable.cost + fillable.names.len() * ARGUMENT)?;
            (body.properties, body.open) = (fillable.names, fillable.open);
        }
        Ok(schema)
    }

    fn encodings(&mut self, said: Option<Value>) -> BTreeMap<String, Encoding> {
        let Some(Value::Object(said)) = said else { return Default::default() };
        let mut encodings = BTreeMap::new();
        for (property, said) in said {
            match structure::encoding(&said) {
                Ok(encoding) if encoding == Encoding::default() => {}
                Ok(encoding) => drop(encodings.insert(property, encoding)),
                Err(fault) => self.complain(&format!("the encoding of {property} is not understood: {fault}")),
            }
        }
        encodings
    }
}

/// A media type as the catalog has it: lower case, without parameters.
pub(super) fn media_name(said: &str) -> String {
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
