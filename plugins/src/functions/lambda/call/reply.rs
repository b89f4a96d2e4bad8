//! What functions answer to API Gateway or a load balancer, unwrapped: status, headers and body are the function's own.
//!
//! What a service of AWS would not take from a function is a bad answer, and says why; only what payload format 2.0 infers is inferred.

use bytes::Bytes;
use catalog::model::Event;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response};
use serde_json::{Map, Value};

use super::JSON;
use super::answer::PORTOLAN_LOG;
use crate::arguments::from_base64;
use crate::call::Whole;
use crate::problem::{Problem, Reason};

/// Headers that a function has no say in: they are the connection's.
const OF_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// An answer that a service of AWS would not take.
pub(super) fn malformed(why: &str) -> Problem {
    Problem::new(Reason::BadAnswer, format!("the function's answer is malformed: {why}"))
}

/// The answer that a function's payload describes.
pub(super) fn unwrapped(shape: Event, whole: Whole) -> Result<Response<Bytes>, Problem> {
    let payload: Value = serde_json::from_slice(&whole.body).map_err(|_| malformed("it is not JSON"))?;
    let (head, body) = match payload {
        Value::Object(members) if members.contains_key("statusCode") => described(shape, members)?,
        Value::String(text) if shape == Event::ApiGatewayV2 => (Head::default(), text.into()),
        _ if shape == Event::ApiGatewayV2 => (Head::default(), whole.body),
        Value::Object(_) => return Err(malformed("it has no statusCode")),
        _ => return Err(malformed("it is no object")),
    };
    let mut parts = whole.head;
    head.put(&mut parts);
    if !matches!(shape, Event::Alb | Event::AlbMultiValue) && !body.is_empty() {
        parts.headers.entry(header::CONTENT_TYPE).or_insert(JSON);
    }
    let bare = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&parts.status);
    Ok(Response::from_parts(parts, if bare { Bytes::new() } else { body }))
}

fn described(shape: Event, mut members: Map<String, Value>) -> Result<(Head, Bytes), Problem> {
    let body = match (members.remove("body"), members.get("isBase64Encoded") == Some(&Value::Bool(true))) {
        (None | Some(Value::Null), _) => Bytes::new(),
        (Some(Value::String(text)), false) => text.into(),
        (Some(Value::String(text)), true) => {
            from_base64(text.as_bytes()).ok_or_else(|| malformed("its body is not base64"))?.into()
        }
        (Some(_), _) => return Err(malformed("its body is no text")),
    };
    Ok((Head::of(shape, members)?, body))
}

/// The head of an answer, as a function says it.
#[derive(Debug)]
pub(super) struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

impl Default for Head {
    fn default() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new() }
    }
}

impl Head {
    /// From the text before a streamed body, in the members of payload format 2.0.
    pub(super) fn read(text: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(text) {
            Ok(Value::Object(members)) => Self::of(Event::ApiGatewayV2, members),
            _ => Err(malformed("its head is no JSON object")),
        }
    }

    fn of(shape: Event, mut members: Map<String, Value>) -> Result<Self, Problem> {
        let status = members.remove("statusCode").map_or(Ok(StatusCode::OK), |code| status(&code))?;
        let mut headers = HeaderMap::new();
        if shape != Event::ApiGatewayV2 {
            for (name, values) in object(members.remove("multiValueHeaders"), "multiValueHeaders")? {
                let Value::Array(values) = values else {
                    return Err(malformed("a member of multiValueHeaders is no list"));
                };
                for value in values {
                    put(&mut headers, &name, &value, true)?;
                }
            }
        }
        // Both lists are merged; what is in both is there once.
        for (name, value) in object(members.remove("headers"), "headers")? {
            put(&mut headers, &name, &value, false)?;
        }
        if shape == Event::ApiGatewayV2 {
            match members.remove("cookies") {
                None | Some(Value::Null) => {}
                Some(Value::Array(cookies)) => {
                    for cookie in cookies {
                        put(&mut headers, header::SET_COOKIE.as_str(), &cookie, true)?;
                    }
                }
                Some(_) => return Err(malformed("its cookies are no list")),
            }
        }
        Ok(Self { status, headers })
    }

    /// Puts it in the place of AWS's own; what we say of the call stays.
    pub(super) fn put(self, head: &mut response::Parts) {
        head.status = self.status;
        let log = head.headers.remove(&PORTOLAN_LOG);
        head.headers = self.headers;
        if let Some(log) = log {
            head.headers.insert(&PORTOLAN_LOG, log);
        }
    }
}

fn status(code: &Value) -> Result<StatusCode, Problem> {
    let number = match code {
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as u64))
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let code = number.filter(|code| (200..600).contains(code)).and_then(|code| u16::try_from(code).ok());
    code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or_else(|| malformed("its statusCode is none"))
}

fn object(member: Option<Value>, name: &str) -> Result<Map<String, Value>, Problem> {
    match member {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(malformed(&format!("its {name} are no object"))),
    }
}

/// Adds one value; `again` says that one that is there already comes again.
fn put(headers: &mut HeaderMap, name: &str, value: &Value, again: bool) -> Result<(), Problem> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => return Err(malformed("the value of a header is no text")),
    };
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed("a header has a name that none has"))?;
    let value =
        HeaderValue::try_from(text.into_bytes()).map_err(|_| malformed("a header has a value that none has"))?;
    let of_us = name.as_str().starts_with("portolan-") || OF_CONNECTION.contains(&name);
    let there = !again && headers.get_all(&name).iter().any(|other| *other == value);
    if !of_us && !there {
        headers.append(name, value);
    }
    Ok(())
}
