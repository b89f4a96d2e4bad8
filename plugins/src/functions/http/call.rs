//! A bound HTTP function.

use std::time::Duration;

use catalog::model::UpstreamSpec;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, response};

use super::Binding;
use crate::call::{Answer, Arguments, BoundCall, Carrier, Content, Fit, Intake, Outgoing, OutgoingBody, Passes, Reply};
use crate::kind::BindError;
use crate::problem::{Problem, Reason};

/// The methods that may call it: whether it has side effects is not known.
const ALLOW: &str = "POST, OPTIONS";

static PREFER: HeaderName = HeaderName::from_static("prefer");
static PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";

/// A function at a path.
#[derive(Debug)]
pub(super) struct Call {
    path: PathAndQuery,
    async_path: Option<PathAndQuery>,
    timeout: Option<Duration>,
}

impl Call {
    pub(super) fn new(binding: &Binding, spec: &UpstreamSpec) -> Result<Self, BindError> {
        let at = |path: &str| {
            let path = format!("{}{path}", spec.base_path);
            let path = if path.is_empty() { "/".to_owned() } else { path };
            PathAndQuery::try_from(path).map_err(|error| BindError(error.to_string()))
        };
        Ok(Self {
            path: at(&binding.path)?,
            async_path: binding.async_path.as_deref().map(at).transpose()?,
            timeout: binding.timeout.map(|seconds| Duration::from_secs(seconds.into())),
        })
    }
}

impl BoundCall for Call {
    fn intake(&self, method: &Method, _: &HeaderMap, has_body: bool) -> Result<Intake, Problem> {
        if *method != Method::POST {
            return Err(Problem::new(Reason::MethodNotAllowed, format!("use one of {ALLOW}"))
                .with(header::ALLOW, HeaderValue::from_static(ALLOW)));
        }
        Ok(if has_body { Intake::Stream } else { Intake::None })
    }

    fn request(&self, arguments: Arguments<'_>) -> Result<Outgoing, Problem> {
        let queue = self.async_path.as_ref().filter(|_| asks_for_queue(arguments.headers));
        let path = with_query(queue.unwrap_or(&self.path), arguments.query)?;
        Ok(Outgoing {
            method: Method::POST,
            path,
            headers: HeaderMap::new(),
            passes: Passes::All,
            body: match arguments.content {
                Content::Stream => OutgoingBody::Stream,
                Content::None | Content::Json(_) | Content::Whole(_) => OutgoingBody::Empty,
            },
            reply: if queue.is_some() { Reply::Queued } else { Reply::Usual },
            secrets: Vec::new(),
            fit: Fit::Unasked,
        })
    }

    fn response(&self, reply: Reply, head: &mut response::Parts) -> Answer {
        if reply == Reply::Queued && head.status.is_success() {
            head.headers.insert(&PREFERENCE_APPLIED, HeaderValue::from_static(RESPOND_ASYNC));
        }
        Answer::Stream
    }

    fn carrier(&self) -> Carrier {
        Carrier::Http1
    }

    fn allow(&self) -> &'static str {
        ALLOW
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

/// Whether the caller prefers an answer before the call is done (RFC 7240).
fn asks_for_queue(headers: &HeaderMap) -> bool {
    let all = headers.get_all(&PREFER).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|preference| {
        let token = preference.split([';', '=']).next().unwrap_or_default();
        token.trim().eq_ignore_ascii_case(RESPOND_ASYNC)
    })
}

fn with_query(path: &PathAndQuery, query: Option<&str>) -> Result<PathAndQuery, Problem> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(path.clone()) };
    let path = PathAndQuery::try_from(format!("{}?{query}", path.path()));
    path.map_err(|error| Problem::new(Reason::InvalidArguments, format!("the query: {error}")))
}
