//! From descriptors to functions: one for each method of each listed service.

mod comments;
mod http;
mod schema;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use catalog::model::{Described, Description, Digest};
use prost_reflect::{MethodDescriptor, ServiceDescriptor};
use prost_types::method_options::IdempotencyLevel;
use serde_json::{Value as Json, json};

use super::binding::Method;
use super::reflection::{Assembled, File, Files};
use comments::Comments;
use schema::Schemas;

/// A message that stands for a raw body with its type.
pub(super) const HTTP_BODY: &str = "google.api.HttpBody";

/// Describes the methods of `services`, in their order.
pub(super) fn describe(
    services: &[String],
    files: &Files,
    assembled: Assembled,
    complaints: Vec<String>,
) -> Description {
    let Assembled { pool, set, complaints: unusable } = assembled;
    let mut description = Description { complaints, ..Description::default() };
    description.complaints.extend(unusable);
    let attachment = Digest::of([&set[..]]);
    let mut describer = Describer { files, attachment, comments: HashMap::new(), schemas: Schemas::default() };
    for name in services {
        match pool.get_service_by_name(name) {
            Some(service) => description.functions.extend(describer.service(&service)),
            None => description.complaints.push(format!("{name} is listed, but no file that can be used declares it")),
        }
    }
    let Describer { schemas, mut comments, .. } = describer;
    description.definitions = schemas.finish(|file, path| {
        let comments = comments.entry(file.to_owned()).or_insert_with(|| Comments::of(files.file(file)));
        comments.at(path).map(str::to_owned)
    });
    description.attachments = vec![set];
    description
}

struct Describer<'a> {
    files: &'a Files,
    attachment: Digest,
    comments: HashMap<String, Comments>,
    schemas: Schemas,
}

impl Describer<'_> {
    fn service(&mut self, service: &ServiceDescriptor) -> Vec<Described> {
        let parent = service.parent_file();
        let file = self.files.file(parent.name());
        let comments = Comments::of(file);
        let rules = file.and_then(File::dynamic).map(|file| http::Rules::of(file, place(service))).unwrap_or_default();
        let methods = service.methods().enumerate().map(|(at, method)| self.method(&method, &comments, rules.at(at)));
        let described = methods.collect();
        self.comments.insert(parent.name().to_owned(), comments);
        described
    }

    fn method(&mut self, method: &MethodDescriptor, comments: &Comments, http: Vec<super::HttpRule>) -> Described {
        let service = method.parent_service();
        let options = method.method_descriptor_proto().options.clone().unwrap_or_default();
        let of_service = service.service_descriptor_proto().options.as_ref();
        let name = format!("{}/{}", service.full_name(), method.name());
        let binding = Method {
            service: service.full_name().into(),
            method: method.name().into(),
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
            http,
            attachments: [self.attachment],
        };
        let text = comments.at(method.path());
        Described {
            origin: name.clone(),
            name,
            summary: text.map(comments::first_sentence),
            description: text.map(str::to_owned),
            deprecated: options.deprecated() || of_service.is_some_and(|options| options.deprecated()),
            safe: options.idempotency_level() == IdempotencyLevel::NoSideEffects,
            tags: vec![service.full_name().into()],
            binding: serde_json::to_value(binding).unwrap_or_default(),
            input: self.input(method),
            output: self.output(method),
        }
    }

    /// Of the arguments; for a stream, of each message.
    fn input(&mut self, method: &MethodDescriptor) -> Json {
        match method.input() {
            input if input.full_name() == HTTP_BODY => json!({
                "type": "object",
                "additionalProperties": false,
                "description": "The request's body is sent as it is, with its type.",
            }),
            input => self.schemas.reference(&input),
        }
    }

    /// Of the result; for a stream, of each message. A raw body has none.
    fn output(&mut self, method: &MethodDescriptor) -> Option<Json> {
        Some(method.output())
            .filter(|output| output.full_name() != HTTP_BODY)
            .map(|output| self.schemas.reference(&output))
    }
}

/// Where a service stands in its file.
fn place(service: &ServiceDescriptor) -> usize {
    service.path().last().and_then(|at| usize::try_from(*at).ok()).unwrap_or_default()
}
