//! The binding cases of `plugins`, and the document that makes each group's operation known.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Cases of one operation; the fields are explained where the cases are run without a network.
#[derive(Deserialize)]
pub(super) struct Group {
    /// The file that it stands in, and its number there.
    #[serde(skip)]
    pub(super) name: String,
    operation: Value,
    #[serde(default)]
    definitions: Map<String, Value>,
    #[serde(default)]
    pub(super) spec: Spec,
    pub(super) cases: Vec<Case>,
}

/// What is said of the upstream.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) base_path: Option<String>,
    pub(super) rest_base_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) method: Option<String>,
    pub(super) query: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(super) json: Option<Value>,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    pub(super) raw: Option<String>,
    pub(super) expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    pub(super) body: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(super) json: Option<Value>,
    pub(super) parts: Option<Vec<String>>,
    pub(super) problem: Option<String>,
    pub(super) faults: Option<Vec<String>>,
}

/// A null that is there is a value.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// All groups, of all files.
pub(super) fn groups() -> Vec<Group> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/src/functions/rest/call/cases");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut groups = vec![];
    for entry in entries {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let file: Vec<Group> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        groups.extend(file.into_iter().enumerate().map(|(at, group)| Group { name: format!("{stem}-{at}"), ..group }));
    }
    groups
}

impl Group {
    /// Whether `GET` may call it.
    pub(super) fn is_safe(&self) -> bool {
        self.operation["method"] == "GET"
    }

    /// An OpenAPI 3.2 document with the operation, called `call`; none where OpenAPI 3 cannot say it.
    pub(super) fn document(&self) -> Option<String> {
        let parameters = self.operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        if parameters.iter().any(|parameter| parameter["style"] == "tabDelimited") {
            return None;
        }
        let parameters: Vec<Value> = parameters.iter().cloned().map(parameter).collect();
        let mut operation = json!({"operationId": "call", "parameters": parameters, "responses": {}});
        let body = self.operation.get("body");
        if let Some(body) = body {
            operation["requestBody"] = json!({"required": body["required"] == true, "content": CONTENT});
        }
        let path = self.operation["path"].as_str().unwrap();
        let method = self.operation["method"].as_str().unwrap().to_lowercase();
        let mut document = json!({
            "openapi": "3.2.0",
            "info": {"title": self.name, "version": "1"},
            "paths": {path: {method: operation}},
            "components": {"schemas": self.definitions},
        });
        if let Some(base) = self.operation.get("basePath") {
            let base = if base == "" { &json!("/") } else { base };
            document["servers"] = json!([{"url": base}]);
        }
        let text = document.to_string().replace(&json!(CONTENT).to_string(), &body.map(content).unwrap_or_default());
        Some(text.replace("#/$defs/", "#/components/schemas/"))
    }
}

fn parameter(mut parameter: Value) -> Value {
    if let Some(content) = parameter.get("content").and_then(Value::as_str).map(str::to_owned) {
        let schema = parameter.as_object_mut().unwrap().remove("schema");
        parameter["content"] = json!({content: {"schema": schema.unwrap_or_default()}});
    }
    if parameter["in"] == "path" {
        parameter["required"] = json!(true);
    }
    parameter
}

/// Stands for the types of a body until the document is text: their order counts.
const CONTENT: &str = "the types of the body, in their order";

fn content(body: &Value) -> String {
    let types = body["types"].as_array().unwrap().iter().map(|media| {
        let mut kept = media.clone();
        kept.as_object_mut().unwrap().remove("type");
        format!("{}: {kept}", media["type"])
    });
    format!("{{{}}}", types.collect::<Vec<_>>().join(", "))
}
