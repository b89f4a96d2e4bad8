//! From `openapiv3`'s types to ours, and nothing else: the crate is known in this file alone.

use openapiv3::{
    APIKeyLocation, CookieStyle, HeaderStyle, ParameterData, ParameterSchemaOrContent, PathStyle, QueryStyle,
    SecurityScheme,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::media_name;
use super::{short_text, truth};
use crate::functions::rest::binding::{Encoding, Parameter, Place, Style};

/// What a Parameter Object says but for its schema. `free`: any style may stand in any place, as Swagger 2.0's formats do.
/// The error names what is wrong.
pub(super) fn parameter(declared: &Map<String, Value>, free: bool) -> Result<Parameter, String> {
    let place = declared.get("in").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let style = declared.get("style");
    let own_style = match style.and_then(Value::as_str) {
        Some("cookie") if place == "cookie" => Some(Style::Cookie),
        Some(_) if free => style.and_then(|style| Style::deserialize(style).ok()),
        _ => None,
    };
    let querystring = place == "querystring";
    let name = declared.get("name").and_then(short_text).filter(|name| !name.is_empty());
    let mut skeleton = json!({
        "name": name.ok_or("a parameter without a name")?,
        "in": if querystring { "query" } else { &place },
        "required": truth(declared.get("required")),
    });
    for key in ["style", "explode", "allowReserved"] {
        if let Some(value) = declared.get(key).filter(|_| key != "style" || own_style.is_none()) {
            skeleton[key] = value.clone();
        }
    }
    match (declared.get("schema"), declared.get("content").and_then(Value::as_object)) {
        (None, Some(content)) => {
            skeleton["content"] = content.keys().take(1).map(|name| (name.clone(), json!({}))).collect();
        }
        _ => skeleton["schema"] = json!({}),
    }
    let read = openapiv3::Parameter::deserialize(skeleton).map_err(|error| error.to_string())?;
    let mut parameter = mapped(read, own_style);
    // OpenAPI 3.2 allows it in every place.
    parameter.allow_reserved |= truth(declared.get("allowReserved"));
    if querystring {
        parameter.place = Place::Querystring;
    }
    Ok(parameter)
}

fn mapped(read: openapiv3::Parameter, own_style: Option<Style>) -> Parameter {
    use openapiv3::Parameter::{Cookie, Header, Path, Query};
    let (data, place, style, allow_reserved) = match read {
        Query { parameter_data, allow_reserved, style, .. } => {
            (parameter_data, Place::Query, query(style), allow_reserved)
        }
        Header { parameter_data, style: HeaderStyle::Simple } => (parameter_data, Place::Header, Style::Simple, false),
        Path { parameter_data, style } => (parameter_data, Place::Path, path(style), false),
        Cookie { parameter_data, style: CookieStyle::Form } => (parameter_data, Place::Cookie, Style::Form, false),
    };
    let ParameterData { name, required, format, explode, .. } = data;
    let style = own_style.unwrap_or(style);
    Parameter {
        name,
        place,
        style,
        explode: explode.unwrap_or_else(|| explodes(style)),
        required: required || place == Place::Path,
        allow_reserved,
        content: match format {
            ParameterSchemaOrContent::Content(content) => content.keys().next().map(|name| media_name(name)),
            ParameterSchemaOrContent::Schema(_) => None,
        },
    }
}

/// Whether a style spreads arrays and objects where nothing is said. `deepObject` has no other form.
fn explodes(style: Style) -> bool {
    matches!(style, Style::Form | Style::Cookie | Style::DeepObject)
}

fn path(style: PathStyle) -> Style {
    match style {
        PathStyle::Matrix => Style::Matrix,
        PathStyle::Label => Style::Label,
        PathStyle::Simple => Style::Simple,
    }
}

fn query(style: QueryStyle) -> Style {
    match style {
        QueryStyle::Form => Style::Form,
        QueryStyle::SpaceDelimited => Style::SpaceDelimited,
        QueryStyle::PipeDelimited => Style::PipeDelimited,
        QueryStyle::DeepObject => Style::DeepObject,
    }
}

/// How a property of a form is written; its headers are not kept. The error names what is wrong.
pub(super) fn encoding(said: &Value) -> Result<Encoding, String> {
    let tabs = said["style"] == "tabDelimited";
    let mut skeleton = Map::new();
    for key in ["contentType", "style", "explode", "allowReserved"] {
        if let Some(value) = said.get(key).filter(|_| key != "style" || !tabs) {
            skeleton.insert(key.into(), value.clone());
        }
    }
    let read = openapiv3::Encoding::deserialize(Value::Object(skeleton)).map_err(|error| error.to_string())?;
    Ok(Encoding {
        content_type: read.content_type,
        style: if tabs { Some(Style::TabDelimited) } else { read.style.map(query) },
        // The crate does not tell false from not said.
        explode: said.get("explode").map(|_| read.explode),
        allow_reserved: read.allow_reserved,
    })
}

/// The place and name of an `apiKey` scheme; nothing of other schemes.
pub(super) fn api_key(scheme: &Value) -> Option<(Place, String)> {
    let skeleton = json!({ "type": scheme["type"], "in": scheme["in"], "name": scheme["name"] });
    let Ok(SecurityScheme::APIKey { location, name, .. }) = SecurityScheme::deserialize(skeleton) else { return None };
    let place = match location {
        APIKeyLocation::Query => Place::Query,
        APIKeyLocation::Header => Place::Header,
        APIKeyLocation::Cookie => Place::Cookie,
    };
    Some((place, name))
}
