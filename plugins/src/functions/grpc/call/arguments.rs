//! A caller's arguments as the request message.

use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::{Map, Value as Json};

use super::super::json::{self, Slot};
use super::query;
use crate::arguments::pointer;
use crate::call::Content;
use crate::problem::{Fault, Problem, Reason};

/// The message that a body and a query give together.
pub(super) fn read(
    of: &MessageDescriptor,
    content: Content<'_>,
    query: Option<&str>,
) -> Result<DynamicMessage, Problem> {
    let body = match content {
        Content::Json(text) if !text.trim_ascii().is_empty() => parse(text)?,
        _ => None,
    };
    let given = match query.filter(|query| !query.is_empty()) {
        Some(query) => query::parse(of, query).map_err(Problem::of_arguments)?,
        None => Map::new(),
    };
    let arguments = match body {
        None => Json::Object(given),
        Some(whole) if given.is_empty() => whole,
        Some(Json::Object(members)) => Json::Object(joined(of, members, given).map_err(Problem::of_arguments)?),
        Some(_) => {
            return Err(Problem::new(
                Reason::InvalidArguments,
                "the body is the whole message; there may be no parameters beside it",
            ));
        }
    };
    json::read(of, &arguments).map_err(Problem::of_arguments)
}

/// One JSON text.
fn parse(text: &[u8]) -> Result<Option<Json>, Problem> {
    match serde_json::from_slice(text) {
        Ok(json) => Ok(Some(json)),
        Err(e) => Err(Problem::new(Reason::MalformedBody, format!("the body is not JSON: {e}"))),
    }
}

/// Both together; a name that both give is a fault, however each spells it.
fn joined(
    of: &MessageDescriptor,
    mut body: Map<String, Json>,
    query: Map<String, Json>,
) -> Result<Map<String, Json>, Vec<Fault>> {
    let mut faults = Vec::new();
    for (name, value) in query {
        let slot = Slot::find(of, &name);
        let alias = slot.as_ref().and_then(Slot::alias).filter(|alias| body.contains_key(*alias));
        if alias.is_some() || body.contains_key(&name) {
            let detail = "is given in the body and as a parameter".into();
            faults.push(Fault { pointer: pointer([name.as_str()]), detail });
        } else {
            body.insert(name, value);
        }
    }
    if faults.is_empty() { Ok(body) } else { Err(faults) }
}
