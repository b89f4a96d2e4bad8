//! The second half of a request: what was found for each parameter and the body, written where it goes.

use std::ops::Range;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, header};

use super::given::{Given, One};
use super::names::Form;
use super::style::Pairs;
use super::{Call, path, place};
use crate::arguments::fault;
use crate::call::{Arguments, Fit, Outgoing, OutgoingBody, Passes, Reply};
use crate::functions::rest::{Parameter, Place};
use crate::problem::Fault;

/// The longest path and query, in bytes: what the `http` crate can hold.
const MAX_PATH: usize = u16::MAX as usize - 1;

/// The bytes that the arguments of a usual call take in a path.
const TYPICAL_ARGUMENTS: usize = 64;

/// The name of one pair of a `Cookie` header.
fn cookie_name(pair: &[u8]) -> &[u8] {
    pair.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii()
}

impl Call {
    /// The request. `own` are the parameters that go through in the caller's own headers; `raw` says that the body does.
    pub(super) fn write(
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
        Ok(Outgoing { method, path, headers, passes: Passes::All, body, reply: Reply::Usual, secrets, fit })
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
            let written: Vec<&[u8]> = cookies.as_bytes().split(|b| *b == b';').map(cookie_name).collect();
            let callers = callers.get_all(header::COOKIE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
            // Servers take the first of a name: the caller's would win.
            let others = callers.map(<[u8]>::trim_ascii).filter(|pair| !written.contains(&cookie_name(pair)));
            let all: Vec<&[u8]> = others.filter(|pair| !pair.is_empty()).chain([cookies.as_bytes()]).collect();
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
    ) -> impl Iterator<Item = (usize, &'g Parameter, One<'g>)> {
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
