//! `google.api.http` annotations, read from a file's unknown fields: no server needs to send the files that declare them.

use prost::Message;
use prost_reflect::{DynamicMessage, Value};

use super::super::HttpRule;

/// The extension `google.api.http` of method options.
const HTTP: u32 = 72_295_728;

/// The rules of one service's methods, in the order of the methods.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Vec<HttpRule>>);

impl Rules {
    /// Of service `service` of a `FileDescriptorProto`.
    pub(super) fn of(file: DynamicMessage, service: usize) -> Self {
        let rules = || {
            let services = file.get_field_by_name("service")?;
            let methods = services.as_list()?.get(service)?.as_message()?.get_field_by_name("method")?;
            Some(methods.as_list()?.iter().filter_map(Value::as_message).map(rules).collect())
        };
        Self(rules().unwrap_or_default())
    }

    /// Of the method at `at`.
    pub(super) fn at(&self, at: usize) -> Vec<HttpRule> {
        self.0.get(at).cloned().unwrap_or_default()
    }
}

fn rules(method: &DynamicMessage) -> Vec<HttpRule> {
    let Some(options) = method.get_field_by_name("options") else { return Vec::new() };
    let Some(options) = options.as_message() else { return Vec::new() };
    let mut rule = Option::<Rule>::None;
    for unknown in options.unknown_fields().filter(|field| field.number() == HTTP) {
        let mut bytes = Vec::with_capacity(unknown.encoded_len());
        unknown.encode(&mut bytes);
        if let Ok(Annotated { http: Some(http) }) = Annotated::decode(bytes.as_slice()) {
            rule = Some(http);
        }
    }
    let Some(mut rule) = rule else { return Vec::new() };
    let additional = std::mem::take(&mut rule.additional_bindings);
    std::iter::once(rule).chain(additional).filter_map(Rule::kept).collect()
}

/// Method options with this one extension.
#[derive(Clone, PartialEq, Message)]
struct Annotated {
    #[prost(message, optional, tag = "72295728")]
    http: Option<Rule>,
}

/// `google.api.HttpRule`.
#[derive(Clone, PartialEq, Message)]
struct Rule {
    #[prost(oneof = "Pattern", tags = "2, 3, 4, 5, 6, 8")]
    pattern: Option<Pattern>,
    #[prost(string, tag = "7")]
    body: String,
    #[prost(string, tag = "12")]
    response_body: String,
    #[prost(message, repeated, tag = "11")]
    additional_bindings: Vec<Rule>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Pattern {
    #[prost(string, tag = "2")]
    Get(String),
    #[prost(string, tag = "3")]
    Put(String),
    #[prost(string, tag = "4")]
    Post(String),
    #[prost(string, tag = "5")]
    Delete(String),
    #[prost(string, tag = "6")]
    Patch(String),
    #[prost(message, tag = "8")]
    Custom(Custom),
}

/// `google.api.CustomHttpPattern`.
#[derive(Clone, PartialEq, Message)]
struct Custom {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    path: String,
}

impl Rule {
    fn kept(self) -> Option<HttpRule> {
        let (method, pattern) = match self.pattern? {
            Pattern::Get(path) => ("GET".into(), path),
            Pattern::Put(path) => ("PUT".into(), path),
            Pattern::Post(path) => ("POST".into(), path),
            Pattern::Delete(path) => ("DELETE".into(), path),
            Pattern::Patch(path) => ("PATCH".into(), path),
            Pattern::Custom(custom) => (custom.kind, custom.path),
        };
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Some(HttpRule { method, pattern, body: given(self.body), response_body: given(self.response_body) })
    }
}
