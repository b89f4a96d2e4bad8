//! A call of an operation: arguments in, an HTTP request out.
//!
//! [`Call::new`] binds, once; then a request is: read the query and the JSON, coerce text, find each argument's place, check all
//! against the schema, write the path, the query, the headers, the cookies and the body. Nothing that an argument says can end
//! the place where it is written. The answer goes through as it comes.

mod bind;
mod body;
mod encode;
mod format;
mod given;
mod intake;
mod names;
mod path;
mod place;
mod style;
#[cfg(test)]
mod tests;
mod write;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, response};
use serde_json::{Map, Value};

use self::body::Writer;
use self::given::Index;
use self::path::Path;
use super::Operation;
use crate::arguments::{Coerce, Validator, fault, parse};
use crate::call::{Answer, Arguments, BoundCall, Carrier, Content, Fit, Intake, Outgoing, Reply};
use crate::problem::{Fault, Problem, Reason};

pub(super) use format::{Format, default_type};
pub(super) use names::{BODY, BodyNames, CONTENT_TYPE, Form, Names, PLAIN_BODY, is_argument};
pub(super) use path::of_template;
pub(super) use place::is_json;

/// A bound operation.
#[derive(Debug)]
pub(super) struct Call {
    operation: Operation,
    method: Method,
    /// `GET` may call it.
    safe: bool,
    path: Path,
    /// What the template has after `?`.
    fixed_query: String,
    /// For each parameter the header that it is.
    headers: Box<[Option<HeaderName>]>,
    /// For each parameter whether it is a credential.
    secret: Box<[bool]>,
    /// The headers among those.
    secret_headers: Box<[HeaderName]>,
    index: Index,
    /// Which of `writers` writes where the caller says nothing.
    default_type: usize,
    /// For each of the body's types.
    writers: Box<[Writer]>,
    coerce: Coerce,
    checks: Checks,
}

/// The schemas of the arguments, compiled.
#[derive(Debug)]
struct Checks {
    /// Of all arguments.
    all: Option<Validator>,
    /// Of those beside a body that comes as it is; `None` where there can be none.
    beside_raw: Option<Validator>,
    /// Whether what does not fit is refused.
    enforce: bool,
}

impl BoundCall for Call {
    fn intake(&self, method: &Method, headers: &HeaderMap, has_body: bool) -> Result<Intake, Problem> {
        intake::intake(self, method, headers, has_body)
    }

    fn request(&self, arguments: Arguments<'_>) -> Result<Outgoing, Problem> {
        let raw = matches!(arguments.content, Content::Stream);
        let (mut map, whole) = self.read(&arguments)?;
        let own = self.take_headers(&mut map, arguments.headers);
        let named = Value::Object(map);
        let Value::Object(map) = &named else { unreachable!("made an object above") };
        let asked = if raw { &self.checks.beside_raw } else { &self.checks.all };
        let validator = asked.as_ref().filter(|_| !arguments.unchecked);
        let result = self.index.place(&self.operation, map, raw, self.checks.enforce).map_err(|mut faults| {
            let more = validator.filter(|_| self.checks.enforce).map(|v| v.faults_of_values(&named));
            let new = |fault: &Fault| faults.iter().all(|known| known.pointer != fault.pointer);
            let more: Vec<Fault> = more.into_iter().flatten().filter(new).collect();
            faults.extend(more);
            faults
        });
        let outgoing = result.and_then(|given| {
            let fit = match validator {
                None if asked.is_none() => Fit::Unasked,
                None => Fit::Unchecked,
                Some(validator) => self.fit(validator, &named)?,
            };
            self.write(&given, &own, &arguments, raw, fit).map_err(|fault| vec![fault])
        });
        outgoing.map_err(|faults| refuse(faults, whole))
    }

    fn response(&self, _: Reply, _: &mut response::Parts) -> Answer {
        Answer::Stream
    }

    fn carrier(&self) -> Carrier {
        Carrier::Http1
    }

    fn secret_headers(&self) -> &[HeaderName] {
        &self.secret_headers
    }

    fn allow(&self) -> &'static str {
        intake::allow(self)
    }
}

impl Call {
    /// The arguments by name: the query's and the JSON's. A JSON value that is no object is the whole body; then the second is true.
    fn read(&self, arguments: &Arguments<'_>) -> Result<(Map<String, Value>, bool), Problem> {
        let query = arguments.query.unwrap_or_default();
        let mut map = parse(query, &self.coerce).map_err(|faults| refuse(faults, false))?;
        let Content::Json(text) = arguments.content else { return Ok((map, false)) };
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok((map, false));
        }
        let json =
            serde_json::from_slice(text).map_err(|e| Problem::new(Reason::MalformedBody, format!("not JSON: {e}")))?;
        let (own, whole) = match json {
            Value::Object(own) => (own, false),
            _ if self.writers.is_empty() => {
                return Err(refuse(vec![fault(&[], "is no object, and this function takes no body")], false));
            }
            body => (Map::from_iter([(BODY.to_owned(), body)]), true),
        };
        if map.is_empty() {
            return Ok((own, whole));
        }
        let mut faults = Vec::new();
        for (name, value) in own {
            if map.contains_key(&name) {
                faults.push(fault(&[&name], "is given both in the query and in the body"));
            }
            map.insert(name, value);
        }
        if faults.is_empty() { Ok((map, whole)) } else { Err(refuse(faults, false)) }
    }

    /// A required header or cookie that is no argument but among the caller's own headers counts as given: it goes through anyway.
    fn take_headers(&self, map: &mut Map<String, Value>, headers: &HeaderMap) -> Vec<usize> {
        let mut own = Vec::new();
        for &index in self.index.required_in_headers() {
            let parameter = &self.operation.parameters[index];
            let form = Form::from(parameter.place);
            let placed = map.get(form.name()).is_some_and(|m| m.get(&parameter.name).is_some() || !m.is_object());
            if placed || map.contains_key(&parameter.name) {
                continue;
            }
            let coerce = self.coerce.named(form.name()).and_then(|form| form.named(&parameter.name));
            let text = match &self.headers[index] {
                Some(name) => field(headers, name),
                None => cookie(headers, &parameter.name, coerce.is_some_and(Coerce::is_list)),
            };
            if let Some(text) = text {
                let value = match coerce {
                    Some(coerce) if parameter.content.is_none() => coerce.line(text),
                    Some(coerce) => serde_json::from_str(&text).unwrap_or_else(|_| coerce.text(text)),
                    None => Value::String(text),
                };
                if let Value::Object(form) = map.entry(form.name()).or_insert_with(|| Value::Object(Map::new())) {
                    form.insert(parameter.name.clone(), value);
                    own.push(index);
                }
            }
        }
        own
    }

    fn fit(&self, validator: &Validator, named: &Value) -> Result<Fit, Vec<Fault>> {
        match validator.check(named) {
            Err(_) if !self.checks.enforce => Ok(Fit::Unfit),
            checked => checked,
        }
    }
}

/// The value of one of the caller's own headers: several lines say the same as one with commas (RFC 9110, 5.3).
fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Result<Vec<&str>, _> = headers.get_all(name).iter().map(HeaderValue::to_str).collect();
    lines.ok().filter(|lines| !lines.is_empty()).map(|lines| lines.join(","))
}

/// The value of one of the caller's own cookies. One that is there twice is an exploded list; where none is wanted, the first counts, as
/// which one the upstream takes is its own matter (RFC 6265, 4.2.2).
fn cookie(headers: &HeaderMap, name: &str, list: bool) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let values = pairs.filter(|(n, _)| *n == name).map(|(_, value)| value);
    let values: Vec<&str> = values.take(if list { usize::MAX } else { 1 }).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Where the whole JSON was the body, pointers begin there.
fn refuse(mut faults: Vec<Fault>, whole: bool) -> Problem {
    for fault in faults.iter_mut().filter(|_| whole) {
        if let Some(rest) = fault.pointer.strip_prefix("#/$body") {
            fault.pointer = format!("#{rest}");
        }
    }
    Problem::of_arguments(faults)
}
