//! From an operation's record and the schema of its arguments to a call. All that a request would otherwise look up again is here.

use http::{HeaderName, Method};
use serde_json::Value;

use catalog::model::{UpstreamSpec, Validation};

use super::body::Writer;
use super::given::Index;
use super::names::{Form, Names};
use super::path::{self, Path};
use super::{Call, Checks};
use crate::arguments::{Coerce, Schemas, Validator};
use crate::functions::rest::input::{Bodies, Parts, input, required_fields};
use crate::functions::rest::{Operation, Place};

impl Call {
    /// Binds `operation`, whose arguments obey `schema` (an `input`, complete). The error is for a person.
    pub(in crate::functions::rest) fn new(
        operation: Operation,
        schema: &Value,
        spec: &UpstreamSpec,
    ) -> Result<Self, String> {
        let method = Method::from_bytes(operation.method.as_bytes())
            .map_err(|_| format!("{} is no method", operation.method))?;
        let names = Names::of(&operation);
        let base = spec.rest_base_path.as_ref().or(operation.base_path.as_ref()).unwrap_or(&spec.base_path);
        let path = Path::new(base, &operation, |name| names.form(Form::Path).get(name).copied())?;
        let schemas = Schemas::whole(schema);
        let mut alike = Vec::new();
        let mut writers = Vec::new();
        let mut fields = Vec::new();
        for (index, media) in operation.body.iter().flat_map(|body| body.types.iter().enumerate()) {
            let found = operation.body.as_ref().and_then(|body| Bodies::find(schema, body, index));
            alike.push(found.is_none_or(|(_, alike)| alike));
            writers.push(Writer::new(media, found.map(|(schema, _)| schema), &schemas));
            if names.body.is_some_and(|body| body.fields && body.default == index) {
                fields = found.map(|(schema, _)| required_fields(schema, &schemas)).unwrap_or_default();
            }
        }
        let headers = operation.parameters.iter().map(|parameter| match parameter.place {
            Place::Header => HeaderName::try_from(parameter.name.as_str()).ok(),
            _ => None,
        });
        let headers: Box<[Option<HeaderName>]> = headers.collect();
        let secret: Box<[bool]> =
            operation.parameters.iter().map(|p| is_secret(schema, p.place.into(), &p.name)).collect();
        let secret_headers = headers.iter().zip(&secret).filter(|(_, secret)| **secret);
        Ok(Self {
            safe: matches!(method, Method::GET | Method::HEAD),
            method,
            path,
            fixed_query: path::fixed_query(&operation.path),
            secret_headers: secret_headers.filter_map(|(name, _)| name.clone()).collect(),
            headers,
            secret,
            index: Index::new(&operation, &names, fields, alike),
            default_type: names.body.map_or(0, |body| body.default),
            writers: writers.into(),
            coerce: Coerce::new(&schemas, schema),
            checks: Checks::new(&operation, &names, schema, spec.hints.validation.unwrap_or_default())?,
            operation,
        })
    }
}

impl Checks {
    fn new(operation: &Operation, names: &Names, schema: &Value, validation: Validation) -> Result<Self, String> {
        if validation == Validation::Off {
            return Ok(Self { all: None, beside_raw: None, enforce: false });
        }
        let raw = operation.body.as_ref().is_some_and(|body| body.types.iter().any(|t| t.name != "application/json"));
        let beside_raw =
            (raw && !names.bare.is_empty()).then(|| Validator::new(&without_body(operation, names, schema)));
        Ok(Self {
            all: Some(Validator::new(schema)?),
            beside_raw: beside_raw.transpose()?,
            enforce: validation == Validation::Enforce,
        })
    }
}

/// The schema of the arguments where the body comes as it is.
fn without_body(operation: &Operation, names: &Names, schema: &Value) -> Value {
    let mut parts = Parts { parameters: vec![Value::Bool(true); operation.parameters.len()], ..Parts::default() };
    for (form, (name, index)) in
        Form::ALL.into_iter().flat_map(|form| names.form(form).iter().map(move |entry| (form, entry)))
    {
        if let Some(part) = part(schema, form, name) {
            parts.parameters[*index] = part.clone();
        }
    }
    let operation = Operation { body: None, ..operation.clone() };
    let mut without = input(&operation, &parts, &Default::default());
    if let Some(definitions) = schema.get("$defs") {
        without["$defs"] = definitions.clone();
    }
    without
}

/// The schema of one parameter.
fn part<'s>(schema: &'s Value, form: Form, name: &str) -> Option<&'s Value> {
    schema.get("properties")?.get(form.name())?.get("properties")?.get(name)
}

/// Whether a parameter is a credential: the names of `apiKey` schemes are `writeOnly`.
fn is_secret(schema: &Value, form: Form, name: &str) -> bool {
    part(schema, form, name).and_then(|part| part.get("writeOnly")).and_then(Value::as_bool).unwrap_or(false)
}
