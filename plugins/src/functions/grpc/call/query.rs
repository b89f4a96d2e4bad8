//! Query parameters as arguments: a repeated name is an array, `a.b=1` sets a field of an object. Text becomes what the field's type
//! needs; numbers stay text, which the mapping takes.

use prost_reflect::{Kind, MessageDescriptor};
use serde_json::{Map, Value as Json};

use super::super::json::{Known, Slot};
use crate::arguments::{form_text, pointer};
use crate::problem::Fault;

/// How many dots a name may have: each is one more object in the other.
const MAX_DOTS: usize = 32;

/// The most parameters of one request.
const MAX_PARAMETERS: usize = 1000;

/// The arguments that `query` gives, by their JSON names.
pub(super) fn parse(of: &MessageDescriptor, query: &str) -> Result<Map<String, Json>, Vec<Fault>> {
    let mut grouped: Vec<(String, Vec<String>)> = Vec::new();
    let (mut arguments, mut faults) = (Map::new(), Vec::new());
    for (at, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        if at == MAX_PARAMETERS {
            return Err(vec![fault("#".into(), format!("has more than {MAX_PARAMETERS} parameters"))]);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (form_text(name), form_text(value)) else {
            return Err(vec![fault("#".into(), "has a parameter that is not UTF-8")]);
        };
        let (name, value) = (name.into_owned(), value.into_owned());
        match grouped.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => grouped.push((name, vec![value])),
        }
    }
    for (name, values) in grouped {
        let placed = match name.matches('.').count() > MAX_DOTS {
            true => Err("is nested too deep for a parameter".into()),
            false => place(of, &name, values, &mut arguments),
        };
        if let Err(detail) = placed {
            faults.push(fault(pointer(name.split('.')), detail));
        }
    }
    if faults.is_empty() { Ok(arguments) } else { Err(faults) }
}

fn fault(pointer: String, detail: impl Into<String>) -> Fault {
    Fault { pointer, detail: detail.into() }
}

/// Puts the values of one name where they belong.
fn place(of: &MessageDescriptor, name: &str, values: Vec<String>, into: &mut Map<String, Json>) -> Result<(), String> {
    if Known::of(of) == Some(Known::Struct) {
        return fill(into, name, values.into_iter().map(Json::String).collect());
    }
    let (head, rest) = name.split_once('.').map_or((name, None), |(head, rest)| (head, Some(rest)));
    let slot = Slot::find(of, head).ok_or_else(|| format!("is not a field of {}", of.full_name()))?;
    let (kind, key) = (slot.kind(), slot.json_name());
    let Some(rest) = rest else {
        if slot.is_map() || is_object(&kind) {
            return Err("is an object: give its fields, as name.field".into());
        }
        let values = values.into_iter().map(|text| coerced(&kind, text));
        return match slot.is_list() {
            true => fill(into, key, vec![values.collect()]),
            false => fill(into, key, values.collect()),
        };
    };
    let entry = kind.as_message().filter(|_| !slot.is_list() && (slot.is_map() || is_object(&kind)));
    let inner = entry.ok_or("has no fields that a parameter could set")?;
    let object = into.entry(key).or_insert_with(|| Map::new().into());
    let object = object.as_object_mut().ok_or("is given as a value and as an object")?;
    match slot.is_map() {
        true => {
            let of = inner.map_entry_value_field().kind();
            fill(object, rest, values.into_iter().map(|text| coerced(&of, text)).collect())
        }
        false => place(inner, rest, values, object),
    }
}

/// Sets a member that is not there yet to the one value that it takes.
fn fill(into: &mut Map<String, Json>, key: &str, mut values: Vec<Json>) -> Result<(), String> {
    match (values.pop(), values.len(), into.contains_key(key)) {
        (Some(value), 0, false) => {
            into.insert(key.into(), value);
            Ok(())
        }
        (.., true) => Err("is given twice".into()),
        (_, more, _) => Err(format!("is given {} times and takes one value", more + 1)),
    }
}

/// Whether the JSON of a value is an object with known fields.
fn is_object(kind: &Kind) -> bool {
    match kind {
        Kind::Message(of) => matches!(Known::of(of), None | Some(Known::Struct)),
        _ => false,
    }
}

fn coerced(kind: &Kind, text: String) -> Json {
    let is_bool = match kind {
        Kind::Bool => true,
        Kind::Message(of) => of.full_name() == "google.protobuf.BoolValue",
        _ => false,
    };
    match (kind, text.as_str()) {
        (_, "true") if is_bool => true.into(),
        (_, "false") if is_bool => false.into(),
        (Kind::Enum(of), _) if of.get_value_by_name(&text).is_none() => {
            text.parse::<i32>().map_or(text.into(), Json::from)
        }
        _ => text.into(),
    }
}
