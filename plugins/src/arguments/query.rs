//! A query string as arguments: `a=1&a=2` is an array, `a.b=1` sets a field of an object.
//!
//! Names are taken as the schema has them first: where it names `a.b`, that is one name. Below an object of scalars
//! (`labels`), all that follows the first dot is one name too.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::coerce::Coerce;
use super::faults::fault;
use crate::problem::Fault;

/// The most dots of one name that are steps; what is deeper comes as JSON.
const MAX_STEPS: usize = 32;

/// Reads all after `?` (`application/x-www-form-urlencoded`) and coerces it. `root` says what names and types the arguments have.
pub(crate) fn parse(query: &str, root: &Coerce) -> Result<Map<String, Value>, Vec<Fault>> {
    let mut arguments = Map::new();
    let mut faults = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (form_text(name), form_text(value)) {
            (Some(name), Some(value)) => {
                if let Err(detail) = insert(&mut arguments, &name, value.into_owned(), Some(root), MAX_STEPS) {
                    faults.push(fault(&[&name], detail));
                }
            }
            _ => faults.push(fault(&[], "the query is not UTF-8")),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    root.object(&mut arguments);
    Ok(arguments)
}

/// A name or a value as forms encode it (`application/x-www-form-urlencoded`); `None` where it is not UTF-8.
pub(crate) fn form_text(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

fn insert(
    into: &mut Map<String, Value>,
    name: &str,
    value: String,
    at: Option<&Coerce>,
    steps: usize,
) -> Result<(), &'static str> {
    let Some((head, tail, below)) = step(name, at) else { return set(into, name, value) };
    if steps == 0 {
        return Err("is nested too deep for a query");
    }
    match into.entry(head).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(map) => insert(map, tail, value, below, steps - 1),
        _ => Err("is given as a value and as an object"),
    }
}

/// Splits off the first step of a name: the longest that the schema names, else all before the first dot.
fn step<'n, 'c>(name: &'n str, at: Option<&'c Coerce>) -> Option<(&'n str, &'n str, Option<&'c Coerce>)> {
    let first = name.find('.')?;
    if at.is_some_and(|c| c.named(name).is_some()) {
        return None;
    }
    let split = |dot: usize| (&name[..dot], &name[dot + 1..]);
    for (dot, _) in name.rmatch_indices('.') {
        let (head, tail) = split(dot);
        if let Some(below) = at.and_then(|c| c.named(head)) {
            return (!tail.is_empty()).then_some((head, tail, Some(below)));
        }
    }
    let rest = at.and_then(Coerce::rest);
    let (head, tail) = split(first);
    (!head.is_empty() && !tail.is_empty() && rest.is_none_or(Coerce::nests)).then_some((head, tail, rest))
}

fn set(into: &mut Map<String, Value>, name: &str, value: String) -> Result<(), &'static str> {
    let value = Value::String(value);
    match into.get_mut(name) {
        None => {
            into.insert(name.to_owned(), value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(Value::Object(_)) => return Err("is given as a value and as an object"),
        Some(first) => *first = Value::Array(vec![std::mem::take(first), value]),
    }
    Ok(())
}
