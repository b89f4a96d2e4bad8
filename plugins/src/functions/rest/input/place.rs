//! What a place on the wire asks of a value beside its schema: a path argument is not empty, `.` or `..`; text in headers and cookies
//! stays within its place.

use serde_json::{Map, Value, json};

use super::and;
use crate::arguments::{Schemas, Types};
use crate::functions::rest::{Parameter, Place, Style};

/// Text that a header can carry (RFC 9110, 5.5): no controls but the tab.
const FIELD_VALUE: &str = "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$";

/// Text that an unencoded cookie can carry: no controls, and nothing that begins another cookie.
const COOKIE_VALUE: &str = "^[^\\u0000-\\u001f\\u007f;]*$";

/// The schema of a parameter's value with what its place asks for.
pub(super) fn constrained(parameter: &Parameter, schema: Value, schemas: &Schemas<'_>) -> Value {
    let types = schemas.types(&schema);
    let json = parameter.content.as_deref().is_some_and(crate::functions::rest::call::is_json);
    match (parameter.place, parameter.style) {
        (Place::Path, style) if !json => not_a_segment(schema, types, style, parameter.explode),
        (Place::Header, _) if !json => matching(schema, types, FIELD_VALUE),
        (Place::Cookie, Style::Cookie) => matching(schema, types, COOKIE_VALUE),
        _ => schema,
    }
}

/// Without the values that would be written as nothing, `.` or `..`.
fn not_a_segment(schema: Value, types: Types, style: Style, explode: bool) -> Value {
    let mut refused = Vec::new();
    if types.any(Types::NULL) {
        refused.push(Value::Null);
    }
    if types.any(Types::STRING) {
        refused.extend([json!(""), json!("."), json!("..")]);
    }
    if types.any(Types::ARRAY) {
        refused.extend([json!([]), json!([null]), json!([""]), json!(["."]), json!([".."])]);
        if style == Style::Label && explode {
            refused.push(json!(["", ""]));
        }
    }
    if types.any(Types::OBJECT) {
        refused.push(json!({}));
    }
    if refused.is_empty() {
        return schema;
    }
    and(schema, Map::from_iter([("not".to_owned(), json!({ "enum": refused }))]))
}

/// With every text in it, names of fields too, matching `pattern`.
fn matching(schema: Value, types: Types, pattern: &str) -> Value {
    let mut keywords = Map::new();
    if types.any(Types::STRING) {
        keywords.insert("pattern".to_owned(), json!(pattern));
    }
    if types.any(Types::ARRAY) {
        keywords.insert("items".to_owned(), json!({ "pattern": pattern }));
    }
    if types.any(Types::OBJECT) {
        keywords.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
        keywords.insert("additionalProperties".to_owned(), json!({ "pattern": pattern }));
    }
    if keywords.is_empty() {
        return schema;
    }
    if types == Types::STRING {
        return and(schema, keywords);
    }
    // `additionalProperties` and `items` beside an author's own `properties` or `prefixItems` would mean something else.
    and(schema, Map::from_iter([("allOf".to_owned(), json!([keywords]))]))
}
