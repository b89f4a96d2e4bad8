//! `application/x-www-form-urlencoded` (OpenAPI 3.1, "Encoding Object"): fields as `style` and `explode` say where a field says any of
//! them; else arrays as repeated fields and objects as JSON.

use serde_json::Value;

use super::super::encode::{Escape, QUERY_RESERVED, VALUE};
use super::super::place::is_json;
use super::super::style::Pairs;
use super::{BodyValue, Field, Writer, field_text};
use crate::arguments::fault;
use crate::functions::rest::Style;
use crate::problem::Fault;

pub(super) fn write(writer: &Writer, value: &BodyValue<'_>) -> Result<String, Fault> {
    let fields = value.fields().ok_or_else(|| fault(&[super::super::BODY], "a form is given as an object"))?;
    let mut out = String::new();
    let mut pairs = Pairs::new(&mut out, "&", false);
    for (name, value) in fields {
        one(&mut pairs, name, value, writer.field(name));
    }
    Ok(out)
}

fn one(pairs: &mut Pairs<'_>, name: &str, value: &Value, field: Option<&Field>) {
    let encoding = field.and_then(|field| field.encoding.as_ref());
    let reserved = encoding.is_some_and(|e| e.allow_reserved);
    let escape = Escape::Percent(if reserved { QUERY_RESERVED } else { VALUE });
    if let Some(encoding) = encoding.filter(|e| e.style.is_some() || e.explode.is_some()) {
        let style = encoding.style.unwrap_or(Style::Form);
        let explode = encoding.explode.unwrap_or(style == Style::Form);
        return pairs.parameter(name, value, style, explode, escape);
    }
    let json = encoding.and_then(|e| e.content_type.as_deref()).is_some_and(is_json);
    match value {
        Value::Null => {}
        Value::Array(list) => list.iter().filter(|item| !item.is_null()).for_each(|item| {
            escape.write(pairs.name(name, escape), &field_text(item, json));
        }),
        value => escape.write(pairs.name(name, escape), &field_text(value, json)),
    }
}
