//! A bound method: JSON in, a gRPC request out; a gRPC answer in, JSON out.
//!
//! Input is always checked, whatever an upstream's `validation` says: what the descriptors do not allow has no wire form that could be
//! sent instead. Messages are never compressed: `grpc-accept-encoding` says so, and an answer that is in spite of that is a bad one.

mod answer;
mod arguments;
mod frame;
mod lines;
mod metadata;
mod negotiate;
mod query;
mod raw;
mod rpc_errors;
mod status;
mod stream;
mod unary;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use catalog::model::{Function, Materials, UpstreamSpec};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, header, response};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::binding::Method;
use super::describe::HTTP_BODY;
use super::pools;
use crate::call::{Answer, Arguments, BoundCall, Carrier, Content, Fit, Intake, Outgoing, OutgoingBody, Passes, Reply};
use crate::kind::BindError;
use crate::problem::{Problem, Reason};

/// The longest message, both ways, in bytes: what the servers and clients of every gRPC stack take by default.
const MAX_MESSAGE: usize = 4 << 20;

/// The longest message in JSON, in bytes: it is usually longer than on the wire, base64 alone makes four bytes of three.
const MAX_JSON: usize = 2 * MAX_MESSAGE;

/// What all calls of one method have in common.
pub(super) struct Plan {
    path: PathAndQuery,
    pool: DescriptorPool,
    input: MessageDescriptor,
    output: MessageDescriptor,
    client_streaming: bool,
    server_streaming: bool,
    safe: bool,
}

impl Plan {
    /// Whether the request's body is not JSON, but the content of an `HttpBody`.
    fn takes_raw(&self) -> bool {
        self.input.full_name() == HTTP_BODY
    }

    /// Whether the answer's body is the content of an `HttpBody`.
    fn gives_raw(&self) -> bool {
        self.output.full_name() == HTTP_BODY
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({})", self.path)
    }
}

/// A method, ready to be called.
#[derive(Debug)]
pub(super) struct Call(Arc<Plan>);

impl Call {
    /// Finds the method in its descriptors.
    pub(super) fn bind(function: &Function, materials: &Materials, spec: &UpstreamSpec) -> Result<Self, BindError> {
        let wrong = |what: String| BindError(what);
        let binding: Method =
            serde_json::from_str(function.binding.get()).map_err(|e| wrong(format!("the binding: {e}")))?;
        let set = materials.attachments.first().ok_or_else(|| wrong("the descriptors are not there".into()))?;
        let pool = pools::shared(binding.attachments[0], set).map_err(|e| wrong(format!("the descriptors: {e}")))?;
        let service = pool.get_service_by_name(&binding.service);
        let method = service.and_then(|service| service.methods().find(|method| method.name() == binding.method));
        let method = method.ok_or_else(|| wrong("the descriptors lack the method".into()))?;
        let path = format!("{}/{}/{}", spec.base_path, binding.service, binding.method);
        Ok(Self(Arc::new(Plan {
            path: path.parse().map_err(|_| wrong(format!("{path} is not a path")))?,
            input: method.input(),
            output: method.output(),
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
            safe: function.safe,
            pool,
        })))
    }

    fn body(&self, arguments: &Arguments<'_>) -> Result<OutgoingBody, Problem> {
        let plan = &self.0;
        if plan.takes_raw() || plan.client_streaming {
            if arguments.query.is_some_and(|query| !query.is_empty()) {
                return Err(Problem::new(Reason::InvalidArguments, "its input is the body; it takes no parameters"));
            }
            if matches!(arguments.content, Content::Stream) {
                return Ok(OutgoingBody::Map(match plan.takes_raw() {
                    true => Box::new(raw::Wrapped::new(plan, arguments.headers)),
                    false => Box::new(lines::Lines::new(Arc::clone(plan))),
                }));
            }
        }
        let message = match plan.takes_raw() {
            true => DynamicMessage::new(plan.input.clone()),
            false => arguments::read(&plan.input, arguments.content, arguments.query)?,
        };
        frame::framed(&message).map(OutgoingBody::Full)
    }
}

impl BoundCall for Call {
    fn intake(&self, method: &Verb, headers: &HeaderMap, _: bool) -> Result<Intake, Problem> {
        let plan = &self.0;
        match *method {
            Verb::POST if plan.takes_raw() => Ok(Intake::Map),
            Verb::POST if plan.client_streaming => negotiate::lines(headers).map(|()| Intake::Map),
            Verb::POST => negotiate::json(headers).map(|()| Intake::Arguments { limit: MAX_JSON }),
            Verb::GET | Verb::HEAD if plan.safe && !plan.client_streaming => Ok(Intake::None),
            _ => Err(Problem::new(Reason::MethodNotAllowed, format!("call it with {}", self.allow()))
                .with(header::ALLOW, HeaderValue::from_static(self.allow()))),
        }
    }

    fn request(&self, arguments: Arguments<'_>) -> Result<Outgoing, Problem> {
        metadata::check(arguments.headers)?;
        let body = self.body(&arguments)?;
        let headers = [
            (header::CONTENT_TYPE, "application/grpc"),
            (header::TE, "trailers"),
            (HeaderName::from_static("grpc-encoding"), "identity"),
            (HeaderName::from_static("grpc-accept-encoding"), "identity"),
        ];
        let streams = self.0.server_streaming && !self.0.gives_raw();
        Ok(Outgoing {
            method: Verb::POST,
            path: self.0.path.clone(),
            headers: headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect(),
            passes: Passes::All,
            secrets: Vec::new(),
            fit: Fit::Fits,
            body,
            reply: if streams { negotiate::reply(arguments.headers) } else { Reply::Usual },
        })
    }

    fn response(&self, reply: Reply, head: &mut response::Parts) -> Answer {
        answer::of(&self.0, reply, head)
    }

    fn carrier(&self) -> Carrier {
        Carrier::Grpc
    }

    fn allow(&self) -> &'static str {
        if self.0.safe && !self.0.client_streaming { "GET, HEAD, POST, OPTIONS" } else { "POST, OPTIONS" }
    }

    fn streams(&self) -> bool {
        self.0.client_streaming || self.0.server_streaming
    }
}
