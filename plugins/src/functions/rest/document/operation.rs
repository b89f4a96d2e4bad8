//! From one operation to one function.

use catalog::model::Described;
use serde_json::Value;

use super::paths::Site;
use super::tree::{Lost, Object};
use super::{Reader, short_text, truth};
use crate::functions::rest::binding::Operation;
use crate::functions::rest::input::{self, Parts};

/// What there is to say of an operation: how it is called, and the schemas of what goes in and out.
pub(super) struct Shape {
    pub(super) operation: Operation,
    pub(super) parts: Parts,
    pub(super) output: Option<Value>,
}

impl<'a> Reader<'a> {
    /// The function that the operation at `site` is.
    pub(super) fn function(&mut self, site: &Site<'a>) -> Result<Described, Lost> {
        self.tree.charge(site.path.len())?;
        let fields = self.tree.object(site.operation)?;
        let Shape { operation, parts, output } = self.shape(site, &fields)?;
        Ok(Described {
            origin: site.origin(),
            name: self.text(&fields, "operationId").unwrap_or_else(|| name(&site.method, &site.path)),
            summary: self.text(&fields, "summary").or_else(|| self.text(&site.item, "summary")),
            description: self.text(&fields, "description").or_else(|| self.text(&site.item, "description")),
            deprecated: truth(self.field(&fields, "deprecated").as_ref()),
            // OpenAPI's QUERY is safe too, but GET cannot stand for it: it has a body.
            safe: matches!(site.method.as_str(), "GET" | "HEAD"),
            tags: match self.field(&fields, "tags") {
                Some(Value::Array(tags)) => tags.iter().filter_map(short_text).collect(),
                Some(tag) => short_text(&tag).into_iter().collect(),
                None => Vec::new(),
            },
            input: input::input(&operation, &parts, self.definitions.made()),
            binding: serde_json::to_value(&operation).map_err(|error| Lost::Malformed(error.to_string()))?,
            output,
        })
    }

    /// How the operation with these `fields` is called. All definitions that it reaches are read.
    pub(super) fn shape(&mut self, site: &Site<'a>, fields: &Object<'a>) -> Result<Shape, Lost> {
        if fields.contains_key("$ref") {
            return Err(Lost::Malformed("an operation cannot be a reference".into()));
        }
        let (bodies, declared) = self.declared(site, fields)?.into_iter().partition(|parameter| {
            let place = parameter.get("in").and_then(Value::as_str).unwrap_or_default();
            place.eq_ignore_ascii_case("body") || place.eq_ignore_ascii_case("formData")
        });
        let (parameters, schemas) = self.parameters(site, fields, declared).into_iter().unzip();
        let content = self.content(fields, bodies);
        let (mut body, bodies) = content.and_then(|content| self.body(content)).unzip();
        let bodies = bodies.unwrap_or_default();
        let output = self.answer(fields);
        self.define()?;
        let default = match &mut body {
            Some(body) => self.fillable(body, &bodies)?,
            None => None,
        };
        let operation = Operation {
            method: site.method.clone(),
            path: site.path.to_string(),
            base_path: self.base_path(site, fields),
            parameters,
            body,
        };
        Ok(Shape { operation, parts: Parts { parameters: schemas, body: default, bodies }, output })
    }

    fn field(&mut self, fields: &Object<'a>, name: &str) -> Option<Value> {
        self.tree.value(fields.get(name)?).ok()
    }

    fn text(&mut self, fields: &Object<'a>, name: &str) -> Option<String> {
        self.field(fields, name).as_ref().and_then(short_text).filter(|text| !text.is_empty())
    }
}

/// The name of an operation that has no `operationId`: `{method}-{path}` in lower case, every run of characters that are no
/// letters `a` to `z` or digits one `-`, also at the end (`get-users-id-`).
fn name(method: &str, path: &str) -> String {
    let mut name = String::with_capacity(method.len() + path.len() + 1);
    for c in format!("{method}-{path}").chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name
}
