//! Swagger 2.0 in the shape of 3.0, one parameter or body at a time. Also taken for what is left of 2.0 in documents of 3.x:
//! a `type` beside a parameter's name, `in: body`, `in: formData`.

use serde_json::{Map, Value, json};

use super::body::Content;
use super::tree::Version;
use super::{short_text, truth};

/// The members of a parameter that are not of its schema.
const OF_PARAMETERS: [&str; 9] = [
    "name",
    "in",
    "required",
    "description",
    "allowEmptyValue",
    "collectionFormat",
    "style",
    "explode",
    "allowReserved",
];

/// Gives `parameter` a `schema`, a `style` and an `explode` where it says the same beside its name.
pub(super) fn modernise(parameter: &mut Map<String, Value>, version: Version) {
    if parameter.contains_key("schema") || parameter.contains_key("content") {
        return;
    }
    let (own, mut schema): (_, Map<_, _>) =
        std::mem::take(parameter).into_iter().partition(|(key, _)| OF_PARAMETERS.contains(&key.as_str()));
    choices_of_items(&mut schema);
    *parameter = own;
    parameter.insert("schema".into(), Value::Object(schema));
    let format = parameter.get("collectionFormat").and_then(Value::as_str);
    if format.is_none() && version > Version::V2 {
        return;
    }
    let explode = format == Some("multi");
    let style = match format {
        Some("ssv") => Some("spaceDelimited"),
        Some("pipes") => Some("pipeDelimited"),
        Some("tsv") => Some("tabDelimited"),
        _ => None,
    };
    parameter.insert("explode".into(), explode.into());
    if let Some(style) = style {
        parameter.insert("style".into(), style.into());
    }
}

/// Gives the items of an array the choices that stand beside `type: array`, where no array could ever be one of them: flask-restx
/// writes them there.
fn choices_of_items(schema: &mut Map<String, Value>) {
    if schema.get("type").is_none_or(|kind| kind != "array") {
        return;
    }
    let of_items = |choices: &Value| choices.as_array().is_some_and(|all| !all.iter().any(Value::is_array));
    let Some(choices) = schema.get("enum").filter(|choices| of_items(choices)).cloned() else { return };
    let items = schema.entry("items").or_insert_with(|| json!({}));
    if let Some(items) = items.as_object_mut().filter(|items| !items.contains_key("enum")) {
        items.insert("enum".into(), choices);
        schema.remove("enum");
    }
}

/// The body that parameters `in: body` or `in: formData` say, in one of the types that the operation `consumes`. Where both
/// are given, which is forbidden, `in: body` counts.
pub(super) fn body(parameters: Vec<Map<String, Value>>, consumes: Vec<String>, version: Version) -> Option<Content> {
    let place =
        |parameter: &Map<String, Value>| parameter.get("in").and_then(Value::as_str).map(str::to_ascii_lowercase);
    match parameters.iter().position(|parameter| place(parameter).as_deref() == Some("body")) {
        Some(at) => Some(whole(&parameters[at], consumes)),
        None if parameters.is_empty() => None,
        None => Some(form(parameters, consumes, version)),
    }
}

fn whole(parameter: &Map<String, Value>, mut consumes: Vec<String>) -> Content {
    if consumes.is_empty() {
        consumes.push("application/json".into());
    }
    let mut media = Map::new();
    if let Some(schema) = parameter.get("schema") {
        media.insert("schema".into(), schema.clone());
    }
    let types = consumes.into_iter().map(|name| (name, media.clone())).collect();
    Content { required: truth(parameter.get("required")), types }
}

fn form(parameters: Vec<Map<String, Value>>, mut consumes: Vec<String>, version: Version) -> Content {
    let file = parameters.iter().any(|parameter| parameter.get("type").and_then(Value::as_str) == Some("file"));
    consumes.retain(|name| is_form(name) && !(file && name.contains("urlencoded")));
    if consumes.is_empty() {
        consumes.push(if file { "multipart/form-data" } else { "application/x-www-form-urlencoded" }.into());
    }
    let (mut properties, mut encoding, mut required) = (Map::new(), Map::new(), Vec::new());
    for mut parameter in parameters {
        let Some(name) = parameter.get("name").and_then(short_text) else { continue };
        let is_array = parameter.get("type").and_then(Value::as_str) == Some("array");
        modernise(&mut parameter, version);
        if truth(parameter.get("required")) {
            required.push(name.clone());
        }
        if is_array && let Some(explode) = parameter.get("explode") {
            let style = parameter.get("style").cloned().unwrap_or_else(|| "form".into());
            encoding.insert(name.clone(), json!({ "style": style, "explode": explode }));
        }
        let mut schema = parameter.remove("schema").unwrap_or(Value::Bool(true));
        if let (Some(schema), Some(text)) = (schema.as_object_mut(), parameter.remove("description")) {
            schema.insert("description".into(), text);
        }
        properties.insert(name, schema);
    }
    let is_required = !required.is_empty();
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    let media = Map::from_iter([("schema".into(), schema), ("encoding".into(), Value::Object(encoding))]);
    Content { required: is_required, types: consumes.into_iter().map(|name| (name, media.clone())).collect() }
}

fn is_form(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("multipart/") || name.starts_with("application/x-www-form-urlencoded")
}
