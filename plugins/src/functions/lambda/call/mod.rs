//! A bound function: the caller's payload in, a signed request out; AWS's answer in, the function's out.
//!
//! None of the caller's headers reach AWS, where they would be commands, but for that of a [`trace`]. A payload passes unread, both
//! ways, unless an upstream has its functions sent what API Gateway or a load balancer would send them ([`event`]), or answer as those
//! want it ([`reply`]).

mod answer;
mod event;
mod frames;
mod invocation;
mod payload;
mod refusal;
mod reply;
mod sign;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod trace;

use std::time::{Duration, SystemTime};

use catalog::model::{Event, Function, Materials, UpstreamSpec};
use http::{HeaderMap, HeaderValue, Method, header, response};

use self::invocation::Invocation;
use self::sign::Signer;
use self::target::Target;
use super::binding::Binding;
use crate::arguments::{Coerce, Schemas};
use crate::call::{Answer, Arguments, BoundCall, Carrier, Fit, Intake, Outgoing, OutgoingBody, Passes, Reply};
use crate::keyring::Keyring;
use crate::kind::BindError;
use crate::problem::{Problem, Reason};

/// What a call may take beside the function's own time: AWS gives a function that has to be started up to ten seconds for that.
const COLD_START: Duration = Duration::from_secs(10);

/// Invokes, and answers with the function's payload.
const INVOKE: (&str, &str) = ("2015-03-31", "invocations");

/// Invokes, and answers with the payload as it comes.
const INVOKE_STREAM: (&str, &str) = ("2021-11-15", "response-streaming-invocations");

/// The type of a payload.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A function, ready to be called.
#[derive(Debug)]
pub(super) struct Call {
    invoke: Target,
    /// Where its answers are streams.
    stream: Option<Target>,
    signer: Signer,
    timeout: Option<Duration>,
    safe: bool,
    /// Reads a query as arguments.
    coerce: Coerce,
    event: Option<event::Shape>,
    reply: Option<Event>,
}

impl Call {
    /// From what the catalog has of it, where its upstream is, and the ring of its identity.
    pub(super) fn bind(
        function: &Function,
        materials: &Materials,
        spec: &UpstreamSpec,
        keyring: &Keyring,
    ) -> Result<Self, BindError> {
        let binding: Binding =
            serde_json::from_str(function.binding.get()).map_err(|e| BindError(format!("the binding: {e}")))?;
        let aws = spec.aws.as_ref().ok_or_else(|| BindError("the upstream is not in AWS".into()))?;
        let host = spec.host.as_deref().ok_or_else(|| BindError("the upstream has no host".into()))?;
        let target =
            |operation| Target::new(host, &spec.base_path, operation, &binding.function, binding.qualifier.as_deref());
        Ok(Self {
            invoke: target(INVOKE)?,
            stream: binding.streaming.then(|| target(INVOKE_STREAM)).transpose()?,
            signer: Signer::new(&aws.region, keyring.aws(aws)),
            timeout: binding.timeout.map(|seconds| Duration::from_secs(seconds.into()) + COLD_START),
            safe: function.safe,
            coerce: Coerce::new(&Schemas::whole(&materials.input), &materials.input),
            event: binding.event.or(aws.event).map(|event| event::Shape::new(event, &binding.arn)),
            reply: binding.reply.or(aws.reply),
        })
    }
}

impl BoundCall for Call {
    fn intake(&self, method: &Method, headers: &HeaderMap, has_body: bool) -> Result<Intake, Problem> {
        let limit = Invocation::of(headers)?.limit();
        match *method {
            _ if self.event.is_some() => Ok(Intake::Whole { limit }),
            Method::POST => {
                if has_body {
                    payload::is_json(headers)?;
                }
                Ok(Intake::Arguments { limit })
            }
            Method::GET | Method::HEAD if self.safe => Ok(Intake::None),
            _ => Err(Problem::new(Reason::MethodNotAllowed, format!("call it with {}", self.allow()))
                .with(header::ALLOW, HeaderValue::from_static(self.allow()))),
        }
    }

    fn request(&self, arguments: Arguments<'_>) -> Result<Outgoing, Problem> {
        let invocation = Invocation::of(arguments.headers)?;
        let now = SystemTime::now();
        // What is made here; else the caller's body is the payload, and is not touched.
        let made = match &self.event {
            Some(shape) => Some(shape.event(&arguments, now)?),
            None => payload::with_query(&arguments, &self.coerce)?,
        };
        let made = made.map(|made| payload::within(made, invocation.limit())).transpose()?;
        let payload = made.as_deref().unwrap_or_else(|| payload::of(arguments.content));
        let target = self.stream.as_ref().filter(|_| invocation.waits()).unwrap_or(&self.invoke);
        let mut headers = self.signer.sign(now, target, invocation.said(), payload)?;
        headers.insert(header::CONTENT_TYPE, JSON);
        if let Some(trace) = trace::of(arguments.headers) {
            headers.insert(&trace::X_AMZN_TRACE_ID, trace);
        }
        Ok(Outgoing {
            method: Method::POST,
            path: target.path.clone(),
            headers,
            passes: Passes::Nothing,
            body: made.map_or(OutgoingBody::Stream, OutgoingBody::Full),
            reply: Reply::Usual,
            secrets: Vec::new(),
            fit: Fit::Unasked,
        })
    }

    fn response(&self, _: Reply, head: &mut response::Parts) -> Answer {
        answer::of(self, head)
    }

    fn carrier(&self) -> Carrier {
        Carrier::Http1
    }

    fn allow(&self) -> &'static str {
        match (&self.event, self.safe) {
            (Some(_), _) => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            (None, true) => "GET, HEAD, POST, OPTIONS",
            (None, false) => "POST, OPTIONS",
        }
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    fn streams(&self) -> bool {
        self.stream.is_some()
    }
}
