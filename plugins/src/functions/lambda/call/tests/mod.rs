//! Calls of functions, from a caller's request to what is sent, and from AWS's answer to ours.

mod answers;
mod events;
mod requests;
mod signatures;
mod streams;

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use catalog::model::{Aws, Digest, Event, Function, Materials, UpstreamSpec};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use jiff::Timestamp;
use serde_json::{Value, json, value::RawValue};

use super::Call;
use crate::call::{Answer, Arguments, BoundCall, Caller, Content, HeldMap, Outgoing, Reply, Whole};
use crate::filter::Exchange;
use crate::keyring::{Keyring, Keys};
use crate::problem::Problem;

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:hello";

fn keys() -> Keys {
    Keys {
        id: "AKIDEXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        token: None,
        expires: None,
    }
}

fn spec(event: Option<Event>, reply: Option<Event>) -> UpstreamSpec {
    UpstreamSpec {
        host: Some("lambda.eu-west-1.amazonaws.com".into()),
        aws: Some(Aws { region: "eu-west-1".into(), identity: String::new(), event, reply }),
        ..UpstreamSpec::default()
    }
}

/// A function with these members in its binding beside the usual ones.
fn bind(more: Value, spec: &UpstreamSpec, keyring: &Keyring) -> Call {
    let mut binding = json!({"arn": ARN, "function": "hello", "target": "latest"});
    binding.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let function = Function {
        name: "hello".into(),
        kind: catalog::model::Kind::new("lambda"),
        origin: "hello".into(),
        summary: None,
        description: None,
        deprecated: false,
        safe: binding["safe"] == true,
        tags: Box::default(),
        binding: RawValue::from_string(binding.to_string()).unwrap(),
        input: Digest::of([&b""[..]]),
        output: None,
        digest: Digest::of([&b""[..]]),
        revision: 1,
        first_seen: Timestamp::UNIX_EPOCH,
        last_seen: Timestamp::UNIX_EPOCH,
    };
    let materials = Materials { input: json!(true), output: None, attachments: Vec::new() };
    Call::bind(&function, &materials, spec, keyring).unwrap()
}

/// The same with keys, for what is neither asked nor answered in a shape.
fn plain(more: Value) -> Call {
    let keyring = Keyring::default();
    keyring.aws(&Aws::default()).put(Some(keys()));
    bind(more, &spec(None, None), &keyring)
}

fn shaped(event: Option<Event>, reply: Option<Event>, more: Value) -> Call {
    let keyring = Keyring::default();
    keyring.aws(&Aws::default()).put(Some(keys()));
    bind(more, &spec(event, reply), &keyring)
}

fn headers(given: &[(&str, &str)]) -> HeaderMap {
    given
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn exchange() -> Exchange {
    let peer = SocketAddr::from(([192, 0, 2, 1], 50_000));
    Exchange { peer, local: SocketAddr::from(([127, 0, 0, 1], 8080)), tls: false }
}

/// One request.
fn ask(
    call: &Call,
    method: &Method,
    query: Option<&str>,
    headers: &HeaderMap,
    content: Content<'_>,
) -> Result<Outgoing, Problem> {
    let exchange = exchange();
    let id = HeaderValue::from_static("r-1");
    let caller = Caller { exchange: Some(&exchange), authority: None, request_id: Some(&id) };
    call.request(Arguments { method, query, headers, content, unchecked: false, caller })
}

fn post(call: &Call, given: &[(&str, &str)], body: &str) -> Result<Outgoing, Problem> {
    ask(call, &Method::POST, None, &headers(given), Content::Json(body.as_bytes()))
}

/// AWS's answer as the caller gets it: at once, or made of the whole of it.
fn answer(call: &Call, status: u16, given: &[(&str, &str)], body: &str) -> Result<Response<Bytes>, Problem> {
    let mut answer = Response::builder().status(status);
    *answer.headers_mut().unwrap() = headers(given);
    let (mut head, ()) = answer.body(()).unwrap().into_parts();
    let body = Bytes::copy_from_slice(body.as_bytes());
    match call.response(Reply::Usual, &mut head) {
        Answer::Stream => Ok(Response::from_parts(head, body)),
        Answer::Whole { finish, .. } => finish(Whole { head, body, trailers: HeaderMap::new() }),
        Answer::Held(map) => held(map, head, &[&body]),
        Answer::Map(_) => panic!("no answer of a function is mapped without being held"),
    }
}

/// A held answer, fed with these pieces as the router does it.
fn held(
    mut map: Box<dyn HeldMap>,
    mut head: http::response::Parts,
    pieces: &[&[u8]],
) -> Result<Response<Bytes>, Problem> {
    let mut out = BytesMut::new();
    let mut opened = false;
    for piece in pieces {
        map.piece(Bytes::copy_from_slice(piece), &mut out)?;
        if !out.is_empty() && !opened {
            opened = true;
            assert!(map.open(&mut head).is_none());
        }
    }
    let trailers = map.end(None, &mut out)?;
    if !opened {
        assert!(map.open(&mut head).is_none());
    }
    head.headers.extend(trailers.into_iter().flatten().filter_map(|(name, value)| Some((name?, value))));
    Ok(Response::from_parts(head, out.freeze()))
}
