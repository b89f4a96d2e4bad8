//! The schema of a type, walked over a document: what it complains about is what an API server that has the schema refuses.

mod schema;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;

use regex::Regex;
use serde::de::DeserializeOwned;

use super::fields::{Field, Remarks, joined};
use super::node::{Key, Node, Value};

pub(crate) use schema::{names, of as schema};
pub(crate) use words::{Later, LaterMap, Port, Reference};

/// Of these fields there is exactly one. An extension of the schema, made a rule of Kubernetes where the schema is published.
pub(crate) const ONE_OF: &str = "x-one-of";
/// Of these fields there is at most one.
pub(crate) const AT_MOST_ONE_OF: &str = "x-at-most-one-of";
/// Whatever is here is kept, and means nothing yet.
pub(crate) const KEPT: &str = "x-kubernetes-preserve-unknown-fields";

/// What a value must be.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Anything: it is known and has no effect yet.
    Later,
    /// The same, of a map.
    LaterMap,
    Text {
        wanted: &'static str,
        least: usize,
        /// What it must look like, and what that is called.
        like: Option<(Regex, String)>,
    },
    Flag,
    Count {
        wanted: String,
        from: u64,
        to: u64,
    },
    List {
        items: Box<Shape>,
        /// What an item is called.
        item: String,
        least: usize,
        most: usize,
    },
    /// Any names, with such values.
    Map(Box<Shape>),
    Fields {
        known: BTreeMap<String, Shape>,
        required: Vec<String>,
        one_of: Vec<String>,
        at_most_one_of: Vec<String>,
    },
}

impl Shape {
    /// What `field` is as a `T`, whose shape this is; `None` where it does not have it, and the remarks say why.
    pub(crate) fn read<T: DeserializeOwned>(&self, field: &Field<'_>, remarks: &mut Remarks) -> Option<T> {
        let before = remarks.errors();
        self.check(field, remarks);
        if remarks.errors() > before {
            return None;
        }
        let read = serde_json::from_value(field.node.to_json());
        // What has the shape has the type: this is for the reader of a shape that says less.
        read.map_err(|error| remarks.error(field.node.at, format!("{}: {error}", field.path))).ok()
    }

    fn check(&self, field: &Field<'_>, remarks: &mut Remarks) {
        match self {
            Self::Later => {}
            Self::LaterMap => match field.node.value {
                Value::Map(_) => {}
                _ => field.is_no("a map", remarks),
            },
            Self::Flag => _ = field.clone().flag(remarks),
            Self::Text { wanted, least, like } => check_text(field, wanted, *least, like.as_ref(), remarks),
            Self::Count { wanted, from, to } => match field.node.value {
                Value::Count(count) if (*from..=*to).contains(&count) => {}
                _ => field.is_no(wanted, remarks),
            },
            Self::List { items, item, least, most } => {
                let Value::List(list) = &field.node.value else { return field.is_no("a list", remarks) };
                if list.len() < *least {
                    remarks.error(field.node.at, format!("{}: has no {item}", field.path));
                }
                if list.len() > *most {
                    remarks.error(field.node.at, format!("{}: has more than {most} of {item}", field.path));
                }
                for (at, node) in list.iter().enumerate() {
                    items.check(&Field { path: format!("{}[{at}]", field.path), node }, remarks);
                }
            }
            Self::Map(values) => {
                let Value::Map(map) = &field.node.value else { return field.is_no("a map", remarks) };
                for (key, node) in map {
                    values.check(&Field { path: joined(&field.path, &key.name), node }, remarks);
                }
            }
            Self::Fields { known, required, one_of, at_most_one_of } => {
                let Value::Map(map) = &field.node.value else { return field.is_no("a map", remarks) };
                let is_there = |name: &String| {
                    map.iter().any(|(key, node)| key.name == *name && !matches!(node.value, Value::Null))
                };
                let of = |names: &[String]| names.iter().filter(|name| is_there(name)).count();
                for name in required.iter().filter(|name| !is_there(name)) {
                    remarks.error(field.node.at, format!("{}: is missing", joined(&field.path, name)));
                }
                if !one_of.is_empty() && of(one_of) != 1 {
                    remarks.error(field.node.at, format!("{}: {}", field.path, exactly_one(one_of)));
                }
                if of(at_most_one_of) > 1 {
                    remarks.error(field.node.at, format!("{}: {}", field.path, at_most_one(at_most_one_of)));
                }
                map.iter().for_each(|(key, node)| check_field(known, field, key, node, remarks));
            }
        }
    }
}

/// What is said where not exactly one of `names` is there.
pub(crate) fn exactly_one(names: &[String]) -> String {
    format!("must have exactly one of {}", names.join(", "))
}

/// What is said where more than one of `names` is there.
pub(crate) fn at_most_one(names: &[String]) -> String {
    format!("must have at most one of {}", names.join(", "))
}

fn check_field(known: &BTreeMap<String, Shape>, of: &Field<'_>, key: &Key, node: &Node, remarks: &mut Remarks) {
    let path = joined(&of.path, &key.name);
    match known.get(&key.name) {
        None => remarks.error(key.at, format!("{path}: is not a known field")),
        // Nothing is the same as nothing said.
        Some(_) if matches!(node.value, Value::Null) => {}
        Some(shape) => {
            if matches!(shape, Shape::Later | Shape::LaterMap) {
                remarks.warning(key.at, format!("{path}: is known and has no effect yet"));
            }
            shape.check(&Field { path, node }, remarks);
        }
    }
}

fn check_text(field: &Field<'_>, wanted: &str, least: usize, like: Option<&(Regex, String)>, remarks: &mut Remarks) {
    match (&field.node.value, like) {
        (Value::Text(text), Some((pattern, called))) if text.len() >= least => {
            if !pattern.is_match(text) {
                remarks.error(field.node.at, format!("{}: must be {called}", field.path));
            }
        }
        (Value::Text(text), None) if text.len() >= least => {}
        _ => field.is_no(wanted, remarks),
    }
}
