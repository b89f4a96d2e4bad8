//! An operation as the case files write it: the binding's shape, with a `schema` for each parameter and media type.

use std::collections::BTreeMap;

use catalog::model::UpstreamSpec;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::call::{Arguments, BoundCall, Caller, Content, Outgoing};
use crate::functions::rest::Operation;
use crate::functions::rest::call::{Call, Format};
use crate::functions::rest::document::properties;
use crate::functions::rest::input::{Parts, input};
use crate::problem::Problem;

/// A bound call with the schema of its arguments.
pub(super) struct Fixture {
    pub(super) call: Call,
    pub(super) input: Value,
}

impl Fixture {
    /// Of an operation and the definitions that its schemas refer to. What OpenAPI has a default for may be left out.
    pub(super) fn new(operation: &Value, definitions: &Value, spec: &UpstreamSpec) -> Self {
        let definitions: BTreeMap<String, Value> = serde_json::from_value(definitions.clone()).unwrap_or_default();
        let mut operation = operation.clone();
        let mut parts = Parts {
            parameters: list(&mut operation, "parameters").iter_mut().map(parameter).collect(),
            bodies: operation
                .get_mut("body")
                .map(|body| list(body, "types").iter_mut().map(schema).collect())
                .unwrap_or_default(),
            body: None,
        };
        let mut operation: Operation = serde_json::from_value(operation).expect("an operation");
        if let Some(body) = &mut operation.body {
            let default = crate::functions::rest::call::format::default_type(body);
            parts.body = parts.bodies[default].clone();
            if Format::of(&body.types[default].name).has_fields() {
                let schema = parts.body.clone().unwrap_or(Value::Bool(true));
                let fillable = properties::of(&schema, &definitions);
                (body.properties, body.open) = (fillable.names, fillable.open);
            }
        }
        let mut input = input(&operation, &parts, &definitions);
        input["$defs"] = serde_json::to_value(&definitions).expect("JSON");
        let call = Call::new(operation, &input, spec).unwrap_or_else(|e| panic!("{e}\n{input:#}"));
        Self { call, input }
    }

    /// One request.
    pub(super) fn request(
        &self,
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
        content: Content<'_>,
    ) -> Result<Outgoing, Problem> {
        self.call.request(Arguments { method, query, headers, content, unchecked: false, caller: Caller::default() })
    }

    /// A `POST` of JSON.
    pub(super) fn post(&self, arguments: &Value) -> Result<Outgoing, Problem> {
        self.request(&Method::POST, None, &HeaderMap::new(), Content::Json(arguments.to_string().as_bytes()))
    }
}

fn list<'v>(of: &'v mut Value, name: &str) -> &'v mut [Value] {
    of.get_mut(name).and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}

fn schema(of: &mut Value) -> Option<Value> {
    of.as_object_mut().expect("an object").remove("schema")
}

fn parameter(parameter: &mut Value) -> Value {
    let place = parameter["in"].as_str().expect("a place").to_owned();
    let style = if matches!(&*place, "path" | "header") { "simple" } else { "form" };
    let fields = parameter.as_object_mut().expect("an object");
    let style = fields.entry("style").or_insert_with(|| json!(style)).clone();
    fields.entry("explode").or_insert_with(|| json!(style == "form" || style == "cookie"));
    schema(parameter).unwrap_or(Value::Bool(true))
}
