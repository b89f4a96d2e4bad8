//! A body of one media type, built from a value.

mod form;
mod multipart;

use std::collections::HashMap;

use bytes::Bytes;
use http::HeaderValue;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::format::{Format, concrete};
use super::style;
use crate::arguments::{Schemas, fault, from_base64};
use crate::functions::rest::input::{is_binary, is_file};
use crate::functions::rest::{Encoding, MediaType};
use crate::problem::Fault;

/// The value of which a body is built.
#[derive(Debug)]
pub(super) enum BodyValue<'a> {
    /// Given whole.
    Whole(&'a Value),
    /// Given as fields, by bare names.
    Fields(Vec<(&'a str, &'a Value)>),
}

impl<'a> BodyValue<'a> {
    /// Its fields; `None` where it has none.
    fn fields(&self) -> Option<Vec<(&'a str, &'a Value)>> {
        match self {
            Self::Whole(Value::Object(map)) => Some(map.iter().map(|(n, v)| (n.as_str(), v)).collect()),
            Self::Whole(_) => None,
            Self::Fields(fields) => Some(fields.clone()),
        }
    }

    /// The pointer's steps to a field of it.
    fn steps<'n>(&self, name: &'n str) -> Vec<&'n str> {
        match self {
            Self::Whole(_) => vec![super::BODY, name],
            Self::Fields(_) => vec![name],
        }
    }
}

impl Serialize for BodyValue<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(value) => value.serialize(to),
            Self::Fields(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// One media type of a body, bound.
#[derive(Debug)]
pub(super) struct Writer {
    format: Format,
    /// Without parameters; what a range stands for by default.
    media: Box<str>,
    /// The whole is bytes in base64.
    binary: bool,
    /// Forms: what is special about single fields.
    fields: HashMap<Box<str>, Field>,
}

/// What is special about one field of a form.
#[derive(Debug, Default)]
struct Field {
    /// A file or a list of files: base64 or an object.
    file: bool,
    encoding: Option<Encoding>,
}

impl Writer {
    /// For a type whose value has this schema, a part of `schemas`.
    pub(super) fn new<'a>(media: &MediaType, schema: Option<&'a Value>, schemas: &Schemas<'a>) -> Self {
        let mut fields: HashMap<Box<str>, Field> = HashMap::new();
        for (name, encoding) in &media.encoding {
            fields.entry(name.as_str().into()).or_default().encoding = Some(encoding.clone());
        }
        let format = Format::of(&media.name);
        let parts = schema.filter(|_| format == Format::Multipart).map(|s| schemas.reached(s, "")).unwrap_or_default();
        for part in parts {
            for (name, schema) in part.keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if is_file(schema) {
                    fields.entry(name.as_str().into()).or_default().file = true;
                }
            }
        }
        let binary = format == Format::Other && schema.is_some_and(is_binary);
        Self { format, media: concrete(&media.name).into(), binary, fields }
    }

    /// The body and its type: `chosen` where the caller named one of a range.
    pub(super) fn write(&self, value: &BodyValue<'_>, chosen: Option<&str>) -> Result<(Bytes, HeaderValue), Fault> {
        let media = chosen.unwrap_or(&self.media);
        let plain = |bytes: Vec<u8>| Ok((Bytes::from(bytes), content_type(media)?));
        match self.format {
            Format::Json => plain(json(value)),
            Format::Urlencoded => plain(form::write(self, value)?.into_bytes()),
            Format::Multipart => {
                let (bytes, boundary) = multipart::write(self, value)?;
                Ok((bytes, content_type(&format!("{media}; boundary={boundary}"))?))
            }
            Format::Xml => match value {
                BodyValue::Whole(Value::String(text)) => plain(text.clone().into_bytes()),
                _ => Err(fault(&[super::BODY], "XML is given as a string, as it is sent")),
            },
            Format::Other if self.binary => match value {
                BodyValue::Whole(Value::String(text)) => plain(decode(text).map_err(|d| fault(&[super::BODY], d))?),
                _ => Err(fault(&[super::BODY], "a binary body is given as a string in base64")),
            },
            Format::Text | Format::Other => match value {
                BodyValue::Whole(Value::String(text)) => plain(text.clone().into_bytes()),
                value => plain(json(value)),
            },
        }
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a JSON value with text keys is serializable")
}

fn content_type(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::try_from(text).map_err(|_| fault(&["$header", super::CONTENT_TYPE], "is no media type"))
}

/// The bytes of a binary value.
fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    from_base64(text.as_bytes()).ok_or("is not base64")
}

/// A value as the text of one field, JSON where `json` says so or it is no scalar.
fn field_text(value: &Value, json: bool) -> String {
    if json { value.to_string() } else { style::text(value).into_owned() }
}
