//! Query strings, headers and cookies from the values of their parameters.

use std::borrow::Cow;
use std::ops::Range;

use http::HeaderValue;
use serde_json::Value;

use super::encode::{COOKIE, Escape, QUERY_RESERVED, VALUE, WHOLE_QUERY};
use super::format::Format;
use super::style::{self, Pairs};
use crate::functions::rest::{Parameter, Place, Style};

/// Whether a media type is JSON.
pub(in crate::functions::rest) fn is_json(media: &str) -> bool {
    Format::of(media) == Format::Json
}

/// The text of a value that is serialized as a media type (`content`): a string as it is where that is no JSON.
pub(super) fn content<'v>(parameter: &Parameter, value: &'v Value) -> Cow<'v, str> {
    match parameter.content.as_deref() {
        Some(media) if !is_json(media) => style::text(value),
        _ => Cow::Owned(value.to_string()),
    }
}

/// Appends one parameter of the query; returns where all of it stands that follows its name.
pub(super) fn query(pairs: &mut Pairs<'_>, parameter: &Parameter, value: &Value) -> Range<usize> {
    let begin = pairs.len();
    let escape = Escape::Percent(if parameter.allow_reserved { QUERY_RESERVED } else { VALUE });
    match (&parameter.content, parameter.place) {
        _ if value.is_null() => {}
        (Some(media), Place::Querystring) if Format::of(media) == Format::Urlencoded && value.is_object() => {
            pairs.parameter(&parameter.name, value, Style::Form, true, escape);
        }
        (Some(media), Place::Querystring) if is_json(media) => pairs.whole(&content(parameter, value), escape),
        (_, Place::Querystring) => pairs.whole(&style::text(value), Escape::Percent(WHOLE_QUERY)),
        (Some(_), _) => escape.write(pairs.name(&parameter.name, escape), &content(parameter, value)),
        (None, _) => pairs.parameter(&parameter.name, value, parameter.style, parameter.explode, escape),
    }
    let end = pairs.len();
    pairs.written(begin).find('=').map_or(begin, |at| begin + at + 1)..end
}

/// A header's value; the error says what is wrong with it.
pub(super) fn header(parameter: &Parameter, value: &Value) -> Result<HeaderValue, &'static str> {
    let mut text = String::new();
    if parameter.content.is_some() {
        text.push_str(&content(parameter, value));
    } else {
        style::simple(&mut text, value, parameter.explode, Escape::Raw);
    }
    HeaderValue::try_from(text).map_err(|_| "has characters that a header cannot carry")
}

/// Appends one cookie; the error says what is wrong with it.
pub(super) fn cookie(pairs: &mut Pairs<'_>, parameter: &Parameter, value: &Value) -> Result<(), &'static str> {
    let escape = if parameter.style == Style::Cookie { Escape::Raw } else { Escape::Percent(COOKIE) };
    if parameter.content.is_some() {
        Escape::Percent(COOKIE).write(pairs.name(&parameter.name, Escape::Percent(COOKIE)), &content(parameter, value));
    } else if matches!(escape, Escape::Raw) && !within_a_cookie(value) {
        return Err("has characters that a cookie cannot carry");
    } else {
        pairs.parameter(&parameter.name, value, parameter.style, parameter.explode, escape);
    }
    Ok(())
}

/// Whether no text in it ends a cookie.
fn within_a_cookie(value: &Value) -> bool {
    let fine = |text: &str| !text.bytes().any(|b| b == b';' || b.is_ascii_control());
    match value {
        Value::Object(map) => map.iter().all(|(name, value)| fine(name) && within_a_cookie(value)),
        Value::Array(list) => list.iter().all(within_a_cookie),
        scalar => fine(&style::text(scalar)),
    }
}
