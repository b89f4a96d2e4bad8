//! Values as text, by style × explode (OpenAPI 3.1, "Style Values"; RFC 6570).
//!
//! A null is written as nothing: a parameter is left out, an array's item or an object's field skipped. An empty array or object is
//! left out too where a name would stand before it. What is nested deeper than a style can say is written as JSON.

use std::borrow::Cow;

use serde_json::Value;

use super::encode::{Escape, NAME};
use crate::functions::rest::Style;

/// A scalar's text; JSON for anything deeper.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        // The same text, without the detour over the serializer.
        Value::Number(number) => Cow::Owned(number.to_string()),
        value => Cow::Owned(value.to_string()),
    }
}

fn items(list: &[Value]) -> impl Iterator<Item = &Value> {
    list.iter().filter(|item| !item.is_null())
}

/// Appends pieces with a separator between them.
struct Joined<'o> {
    out: &'o mut String,
    separator: &'static str,
    begun: bool,
}

impl Joined<'_> {
    fn next(&mut self) -> &mut String {
        if self.begun {
            self.out.push_str(self.separator);
        }
        self.begun = true;
        self.out
    }
}

/// A value's members without its name: `1,2` or `a,1,b,2`, or `a=1,b=2` where fields are spread.
fn members(out: &mut String, value: &Value, separator: &'static str, spread: bool, escape: Escape) {
    let mut joined = Joined { out, separator, begun: false };
    match value {
        Value::Array(list) => items(list).for_each(|item| escape.write(joined.next(), &text(item))),
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(_, v)| !v.is_null()) {
                escape.write(joined.next(), name);
                let out = if spread {
                    joined.out.push('=');
                    &mut *joined.out
                } else {
                    joined.next()
                };
                escape.write(out, &text(value));
            }
        }
        scalar => escape.write(joined.next(), &text(scalar)),
    }
}

/// `simple`: paths and headers.
pub(super) fn simple(out: &mut String, value: &Value, explode: bool, escape: Escape) {
    members(out, value, ",", explode, escape);
}

/// `label`: `.` before the value; spread members are separated by it too.
pub(super) fn label(out: &mut String, value: &Value, explode: bool, escape: Escape) {
    out.push('.');
    members(out, value, if explode { "." } else { "," }, explode, escape);
}

/// `matrix`: `;name=value`; an empty text is `;name`.
pub(super) fn matrix(out: &mut String, name: &str, value: &Value, explode: bool, escape: Escape) {
    let mut one = |name: &str, text: &str| {
        out.push(';');
        escape.write(out, name);
        if !text.is_empty() {
            out.push('=');
            escape.write(out, text);
        }
    };
    match value {
        Value::Array(list) if explode => items(list).for_each(|item| one(name, &text(item))),
        Value::Object(map) if explode => map.iter().filter(|(_, v)| !v.is_null()).for_each(|(n, v)| one(n, &text(v))),
        Value::Array(_) | Value::Object(_) => {
            one(name, "");
            out.push('=');
            members(out, value, ",", false, escape);
        }
        scalar => one(name, &text(scalar)),
    }
}

/// Name-value pairs: query strings, urlencoded bodies, cookies.
#[derive(Debug)]
pub(super) struct Pairs<'o> {
    out: &'o mut String,
    separator: &'static str,
    begun: bool,
}

impl<'o> Pairs<'o> {
    /// Appends to `out`; `begun` where pairs stand there already.
    pub(super) fn new(out: &'o mut String, separator: &'static str, begun: bool) -> Self {
        Self { out, separator, begun }
    }

    /// What is written so far.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// What is written since then.
    pub(super) fn written(&self, since: usize) -> &str {
        &self.out[since..]
    }

    /// Begins a pair; the value is appended to what is returned.
    pub(super) fn name(&mut self, name: &str, escape: Escape) -> &mut String {
        if self.begun {
            self.out.push_str(self.separator);
        }
        self.begun = true;
        let names = if let Escape::Percent(_) = escape { Escape::Percent(NAME) } else { escape };
        names.write(self.out, name);
        self.out.push('=');
        self.out
    }

    /// Text without a name.
    pub(super) fn whole(&mut self, text: &str, escape: Escape) {
        if self.begun {
            self.out.push_str(self.separator);
        }
        self.begun = true;
        escape.write(self.out, text);
    }

    fn one(&mut self, name: &str, value: &Value, escape: Escape) {
        escape.write(self.name(name, escape), &text(value));
    }

    /// A whole parameter.
    pub(super) fn parameter(&mut self, name: &str, value: &Value, style: Style, explode: bool, escape: Escape) {
        let delimiter = match style {
            Style::SpaceDelimited => "%20",
            Style::PipeDelimited => "%7C",
            Style::TabDelimited => "%09",
            _ => ",",
        };
        match value {
            Value::Null => {}
            Value::Object(map) if style == Style::DeepObject => {
                map.iter().for_each(|(field, value)| self.deep(&format!("{name}[{field}]"), value, escape));
            }
            Value::Array(list) if style == Style::DeepObject => self.deep_items(name, list, escape),
            Value::Array(list) if explode => items(list).for_each(|item| self.one(name, item, escape)),
            Value::Object(map) if explode => {
                map.iter().filter(|(_, v)| !v.is_null()).for_each(|(field, value)| self.one(field, value, escape));
            }
            Value::Array(list) if items(list).next().is_none() => {}
            Value::Object(map) if map.values().all(Value::is_null) => {}
            value => members(self.name(name, escape), value, delimiter, false, escape),
        }
    }

    /// `a[b][c]=1`; items of arrays by their index.
    fn deep(&mut self, name: &str, value: &Value, escape: Escape) {
        match value {
            Value::Null => {}
            Value::Object(map) => map.iter().for_each(|(field, v)| self.deep(&format!("{name}[{field}]"), v, escape)),
            Value::Array(list) => self.deep_items(name, list, escape),
            scalar => self.one(name, scalar, escape),
        }
    }

    fn deep_items(&mut self, name: &str, list: &[Value], escape: Escape) {
        items(list).enumerate().for_each(|(index, item)| self.deep(&format!("{name}[{index}]"), item, escape));
    }
}
