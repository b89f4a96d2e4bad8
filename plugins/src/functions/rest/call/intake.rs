//! Who may call with which method, and how a request's body is taken.

use http::{HeaderMap, HeaderValue, Method, header};

use super::Call;
use super::format::find_type;
use crate::call::Intake;
use crate::problem::{Problem, Reason};

/// The type of a body that holds arguments.
const ARGUMENTS: &str = "application/json";

/// The longest JSON text where the function takes a body, in bytes. It is held as a whole, and read, takes up to sixteen times as much.
const MAX_JSON: usize = 8 << 20;

/// The longest where it takes none: all that a path, a query and headers can hold, however it is escaped.
const MAX_PARAMETERS: usize = 256 << 10;

/// The type of a body that names none (RFC 9110, 8.3).
const UNNAMED: &str = "application/octet-stream";

pub(super) fn allow(call: &Call) -> &'static str {
    if call.safe { "GET, HEAD, POST, OPTIONS" } else { "POST, OPTIONS" }
}

pub(super) fn intake(call: &Call, method: &Method, headers: &HeaderMap, has_body: bool) -> Result<Intake, Problem> {
    match *method {
        Method::GET | Method::HEAD if call.safe => return Ok(Intake::None),
        Method::POST => {}
        _ => {
            let detail = format!("use one of {}", allow(call));
            return Err(Problem::new(Reason::MethodNotAllowed, detail)
                .with(header::ALLOW, HeaderValue::from_static(allow(call))));
        }
    }
    let named = headers.get(header::CONTENT_TYPE).map(|value| essence(value.to_str().unwrap_or_default()));
    if named.is_none() && !has_body {
        return Ok(Intake::None);
    }
    let name = named.unwrap_or_else(|| UNNAMED.to_owned());
    if name == ARGUMENTS {
        let limit = if call.writers.is_empty() { MAX_PARAMETERS } else { MAX_JSON };
        return Ok(Intake::Arguments { limit });
    }
    let types = call.operation.body.as_ref().map(|body| &body.types[..]).unwrap_or_default();
    if find_type(types, &name).is_some() {
        return Ok(Intake::Stream);
    }
    if !has_body {
        return Ok(Intake::None);
    }
    let others = types.iter().map(|t| t.name.as_str()).filter(|name| *name != ARGUMENTS);
    let takes = std::iter::once(ARGUMENTS).chain(others).collect::<Vec<_>>().join(", ");
    let problem = Problem::new(Reason::UnsupportedMediaType, format!("takes {takes}"));
    Err(match HeaderValue::try_from(takes) {
        Ok(takes) => problem.with(header::ACCEPT, takes),
        Err(_) => problem,
    })
}

/// A media type without its parameters, in lower case.
fn essence(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
