//! `multipart/form-data` (RFC 7578): a part for each field, for each item of an array; files decoded, objects as JSON.
//!
//! The boundary is drawn at random, so that no content can foresee it. Names are escaped as browsers do (WHATWG HTML, "multipart
//! form data").

use std::hash::{BuildHasher, Hasher, RandomState};

use bytes::Bytes;
use serde_json::Value;

use super::super::place::is_json;
use super::{BodyValue, Field, Writer, decode, field_text};
use crate::arguments::fault;
use crate::functions::rest::Encoding;
use crate::problem::Fault;

/// The type of a file where nothing says it.
const UNKNOWN_TYPE: &str = "application/octet-stream";

pub(super) fn write(writer: &Writer, value: &BodyValue<'_>) -> Result<(Bytes, String), Fault> {
    let fields = value.fields().ok_or_else(|| fault(&[super::super::BODY], "a form is given as an object"))?;
    let mut parts = Parts { out: Vec::new(), boundary: boundary() };
    for (name, content) in fields {
        let field = writer.field(name);
        let one = |parts: &mut Parts, content: &Value| parts.field(name, content, field);
        match content {
            Value::Array(list) => list.iter().try_for_each(|item| one(&mut parts, item)),
            content => one(&mut parts, content),
        }
        .map_err(|detail| fault(&value.steps(name), detail))?;
    }
    parts.out.extend_from_slice(format!("--{}--\r\n", parts.boundary).as_bytes());
    Ok((parts.out.into(), parts.boundary))
}

struct Parts {
    out: Vec<u8>,
    boundary: String,
}

impl Parts {
    fn field(&mut self, name: &str, content: &Value, field: Option<&Field>) -> Result<(), &'static str> {
        let encoding = field.and_then(|field| field.encoding.as_ref());
        let said = encoding.and_then(said_type);
        match content {
            Value::Null => {}
            content if field.is_some_and(|field| field.file) => {
                let text = |key: &str| content.get(key).and_then(Value::as_str);
                let bytes = content
                    .as_str()
                    .or_else(|| text("content"))
                    .ok_or("a file is base64, or an object with content")?;
                let media = text("contentType").or(said).unwrap_or(UNKNOWN_TYPE);
                if media.bytes().any(|b| b.is_ascii_control()) {
                    return Err("has a contentType that is no media type");
                }
                self.part(name, Some(text("filename").unwrap_or(name)), Some(media), &decode(bytes)?);
            }
            content => {
                let json = said.is_some_and(is_json);
                let complex = content.is_object() || content.is_array();
                let media = said.or(complex.then_some("application/json"));
                self.part(name, None, media, field_text(content, json).as_bytes());
            }
        }
        Ok(())
    }

    fn part(&mut self, name: &str, filename: Option<&str>, media: Option<&str>, content: &[u8]) {
        let mut head = format!("--{}\r\nContent-Disposition: form-data; name=\"{}\"", self.boundary, escape(name));
        if let Some(filename) = filename {
            head.push_str(&format!("; filename=\"{}\"", escape(filename)));
        }
        if let Some(media) = media {
            head.push_str("\r\nContent-Type: ");
            head.push_str(media);
        }
        head.push_str("\r\n\r\n");
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(content);
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The type that the document gives a part: the first of its list that is no range.
fn said_type(encoding: &Encoding) -> Option<&str> {
    let list = encoding.content_type.as_deref()?.split(',').map(str::trim);
    list.filter(|media| media.contains('/'))
        .find(|media| !media.contains('*') && !media.bytes().any(|b| b.is_ascii_control()))
}

fn escape(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("portolan-{:016x}{:016x}", random(), random())
}
