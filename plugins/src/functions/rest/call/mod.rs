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

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, response};
use serde_json::{Map, Value};

use self::body::Writer;
use self::given::{Given, Index, One};
use self::path::Path;
use self::style::Pairs;
use super::{Operation, Place};
use crate::arguments::{Coerce, Validator, fault, parse};
use crate::call::{Answer, Arguments, BoundCall, Carrier, Content, Fit, Intake, Outgoing, OutgoingBody, Reply};
use crate::problem::{Fault, Problem, Reason};

pub(super) use format::Format;
pub(super) use names::{BODY, BodyNames, CONTENT_TYPE, Form, Names, PLAIN_BODY};
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

/// The longest path and query, in bytes: what the `http` crate can hold.
const MAX_PATH: usize = u16::MAX as usize - 1;

impl BoundCall for Call {
    fn intake(&self, method: &Method, headers: &HeaderMap) -> Result<Intake, Problem> {
        intake::intake(self, method, headers)
    }

    fn request(&self, arguments: Arguments<'_>) -> Result<Outgoing, Problem> {
        let raw = matches!(arguments.content, Content::Stream);
        let (mut map, whole) = self.read(&arguments)?;
        let own = self.take_headers(&mut map, arguments.headers);
        let named = Value::Object(map);
        let Value::Object(map) = &named else { unreachable!("made an object above") };
        let checks = (!arguments.unchecked).then_some(if raw { &self.checks.beside_raw } else { &self.checks.all });
        let validator = checks.and_then(Option::as_ref);
        let result = self.index.place(&self.operation, map, raw).map_err(|mut faults| {
            let more = validator.filter(|_| self.checks.enforce).map(|v| v.faults_of_values(&named));
            let new = |fault: &Fault| faults.iter().all(|known| known.pointer != fault.pointer);
            let more: Vec<Fault> = more.into_iter().flatten().filter(new).collect();
            faults.extend(more);
            faults
        });
        let outgoing = result.and_then(|given| {
            let fit = self.fit(validator, &named)?;
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
            let text = match &self.headers[index] {
                Some(name) => headers.get(name).and_then(|value| value.to_str().ok()).map(Cow::Borrowed),
                None => cookie(headers, &parameter.name).map(Cow::Owned),
            };
            if let Some(text) = text {
                let coerce = self.coerce.named(form.name()).and_then(|form| form.named(&parameter.name));
                let value = coerce
                    .map_or_else(|| Value::String(text.clone().into_owned()), |c| c.text(text.clone().into_owned()));
                if let Value::Object(form) = map.entry(form.name()).or_insert_with(|| Value::Object(Map::new())) {
                    form.insert(parameter.name.clone(), value);
                    own.push(index);
                }
            }
        }
        own
    }

    fn fit(&self, validator: Option<&Validator>, named: &Value) -> Result<Fit, Vec<Fault>> {
        match validator.map(|validator| validator.check(named)) {
            None => Ok(Fit::Unchecked),
            Some(Ok(())) => Ok(Fit::Fits),
            Some(Err(faults)) if self.checks.enforce => Err(faults),
            Some(Err(_)) => Ok(Fit::Unfit),
        }
    }

    fn write(
        &self,
        given: &Given<'_>,
        own: &[usize],
        arguments: &Arguments<'_>,
        raw: bool,
        fit: Fit,
    ) -> Result<Outgoing, Fault> {
        let (path, secrets) = self.write_path(given)?;
        let mut headers = self.write_headers(given, own, arguments.headers)?;
        let body = match &given.body {
            _ if raw => OutgoingBody::Stream,
            None => OutgoingBody::Empty,
            Some(value) => {
                let (index, name) = given.chosen.map_or((self.default_type, None), |(index, name)| (index, Some(name)));
                let (bytes, media) = self.writers[index].write(value, name)?;
                headers.insert(header::CONTENT_TYPE, media);
                OutgoingBody::Full(bytes)
            }
        };
        let head = arguments.method == Method::HEAD && self.method == Method::GET;
        let method = if head { Method::HEAD } else { self.method.clone() };
        Ok(Outgoing { method, path, headers, strip_credentials: false, body, reply: Reply::Usual, secrets, fit })
    }

    fn write_path(&self, given: &Given<'_>) -> Result<(PathAndQuery, Vec<Range<usize>>), Fault> {
        let parameters = &self.operation.parameters;
        let mut secrets = Vec::new();
        let mut out = String::with_capacity(self.path.len() + TYPICAL_ARGUMENTS);
        let written = self.path.write(&mut out, |out, index| {
            let one = given.values[index].ok_or((index, "is missing"))?;
            let begin = out.len();
            path::variable(out, index, &parameters[index], one.value)?;
            if self.secret[index] {
                secrets.push(begin..out.len());
            }
            Ok(())
        });
        written.map_err(|(index, detail)| self.fault(given, index, detail))?;
        let end = out.len();
        out.push('?');
        out.push_str(&self.fixed_query);
        let begun = !self.fixed_query.is_empty();
        let mut pairs = Pairs::new(&mut out, "&", begun);
        for (index, parameter, one) in self.given(given, |place| matches!(place, Place::Query | Place::Querystring)) {
            let range = place::query(&mut pairs, parameter, one.value);
            if self.secret[index] && !range.is_empty() {
                secrets.push(range);
            }
        }
        if out.len() == end + 1 {
            out.truncate(end);
        }
        if out.len() > MAX_PATH {
            return Err(fault(&[], format!("makes a URL of more than {MAX_PATH} bytes")));
        }
        let path =
            PathAndQuery::from_maybe_shared(Bytes::from(out)).map_err(|e| fault(&[], format!("makes no URL: {e}")))?;
        Ok((path, secrets))
    }

    fn write_headers(&self, given: &Given<'_>, own: &[usize], callers: &HeaderMap) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        let mut cookies = String::new();
        let mut pairs = Pairs::new(&mut cookies, "; ", false);
        let in_headers = |place| matches!(place, Place::Header | Place::Cookie);
        for (index, parameter, one) in self.given(given, in_headers).filter(|(index, ..)| !own.contains(index)) {
            match &self.headers[index] {
                _ if one.value.is_null() => {}
                Some(name) => {
                    let mut value = place::header(parameter, one.value).map_err(|d| self.fault(given, index, d))?;
                    value.set_sensitive(self.secret[index]);
                    headers.insert(name.clone(), value);
                }
                None => place::cookie(&mut pairs, parameter, one.value).map_err(|d| self.fault(given, index, d))?,
            }
        }
        if !cookies.is_empty() {
            let callers = callers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
            let all: Vec<&[u8]> = callers.chain([cookies.as_bytes()]).collect();
            let mut value = HeaderValue::from_bytes(&all.join(&b"; "[..]))
                .map_err(|_| fault(&[Form::Cookie.name()], "has characters that a cookie cannot carry"))?;
            value.set_sensitive(true);
            headers.insert(header::COOKIE, value);
        }
        Ok(headers)
    }

    /// The parameters of some places that have a value.
    fn given<'g>(
        &'g self,
        given: &'g Given<'_>,
        of: impl Fn(Place) -> bool + 'g,
    ) -> impl Iterator<Item = (usize, &'g super::Parameter, One<'g>)> {
        let parameters = self.operation.parameters.iter().enumerate().filter(move |(_, parameter)| of(parameter.place));
        parameters.filter_map(|(index, parameter)| Some((index, parameter, given.values[index]?)))
    }

    fn fault(&self, given: &Given<'_>, index: usize, detail: &str) -> Fault {
        let parameter = &self.operation.parameters[index];
        if given.values[index].is_some_and(|one| one.placed) {
            fault(&[Form::from(parameter.place).name(), &parameter.name], detail)
        } else {
            fault(&[&parameter.name], detail)
        }
    }
}

/// The bytes that the arguments of a usual call take in a path.
const TYPICAL_ARGUMENTS: usize = 64;

/// The value of one of the caller's own cookies.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
}

/// Where the whole JSON was the body, pointers begin there.
fn refuse(mut faults: Vec<Fault>, whole: bool) -> Problem {
    for fault in faults.iter_mut().filter(|_| whole) {
        if let Some(rest) = fault.pointer.strip_prefix("#/$body") {
            fault.pointer = format!("#{rest}");
        }
    }
    let detail = match &faults[..] {
        [one] => format!("{}: {}", one.pointer, one.detail),
        several => format!("{} things are wrong", several.len()),
    };
    Problem::new(Reason::InvalidArguments, detail).because(faults)
}
