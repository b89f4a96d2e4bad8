//! Calls from the caller's side to the wire and back: one bench for all, and a file for each side.

mod answers;
mod requests;
mod streams;

use bytes::{Buf, Bytes, BytesMut};
use catalog::model::{Digest, Function, Kind, Materials, UpstreamSpec};
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, Response};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::{Value as Json, json};

use super::super::describe::describe;
use super::super::json as mapping;
use super::super::reflection::{File, Files};
use super::super::testing::Proto;
use super::*;
use crate::call::{Caller, Whole};

fn proto() -> Proto {
    Proto::new("shop.proto", "shop")
        .import("google/api/httpbody.proto")
        .enumeration("Color", &[("NONE", 0), ("RED", 1)])
        .message(
            "Order",
            &[
                "string order_id = 1",
                "repeated int64 counts = 2",
                "Order part = 3",
                "map<string, bool> flags = 4",
                "enum Color color = 5",
                ".google.protobuf.Struct more = 6",
                ".google.protobuf.BoolValue maybe = 7",
                "repeated Order parts = 8",
                "bytes data = 9",
                "double total = 10",
            ],
        )
        .service(
            "Orders",
            &[
                "Get(Order) Order",
                "Watch(Order) stream Order",
                "Send(stream Order) Order",
                "Talk(stream Order) stream Order",
                "Put(.google.api.HttpBody) .google.api.HttpBody",
                "Up(stream .google.api.HttpBody) Order",
                "Down(Order) stream .google.api.HttpBody",
                "Name(.google.protobuf.StringValue) .google.protobuf.StringValue",
            ],
        )
}

fn bind(method: &str, safe: bool) -> Call {
    let body = Proto::new("google/api/httpbody.proto", "google.api")
        .message("HttpBody", &["string content_type = 1", "bytes data = 2"]);
    let mut files = Files::default();
    [body, proto()].iter().for_each(|file| files.add(File::read(file.bytes().into()).unwrap()));
    let description = describe(&["shop.Orders".into()], &files, files.assemble(), Vec::new());
    let described = description.functions.iter().find(|f| f.name.ends_with(&format!("/{method}"))).unwrap();
    let function = Function {
        name: described.name.as_str().into(),
        kind: Kind::new("grpc"),
        origin: described.origin.as_str().into(),
        summary: None,
        description: None,
        deprecated: false,
        safe,
        tags: Box::new([]),
        binding: serde_json::value::to_raw_value(&described.binding).unwrap(),
        input: Digest::of([]),
        output: None,
        digest: Digest::of([]),
        revision: 1,
        first_seen: Default::default(),
        last_seen: Default::default(),
    };
    let materials = Materials { input: Json::Null, output: None, attachments: description.attachments };
    let spec = UpstreamSpec { base_path: "/base".into(), ..UpstreamSpec::default() };
    Call::bind(&function, &materials, &spec).unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn request(
    call: &Call,
    content: Content<'_>,
    query: Option<&str>,
    given: &[(&str, &str)],
) -> Result<Outgoing, Problem> {
    call.request(Arguments {
        method: &Verb::POST,
        query,
        headers: &headers(given),
        content,
        unchecked: false,
        caller: Caller::default(),
    })
}

/// The messages of a body, in JSON.
fn messages(of: &MessageDescriptor, mut body: &[u8]) -> Vec<Json> {
    let mut all = Vec::new();
    while body.has_remaining() {
        assert_eq!(body.get_u8(), 0);
        let length = body.get_u32() as usize;
        let message = DynamicMessage::decode(of.clone(), &body[..length]).unwrap();
        body.advance(length);
        let mut out = Vec::new();
        mapping::Writer::new(mapping::Types(&[of.parent_pool()]), &mut out).message(&message).unwrap();
        all.push(serde_json::from_slice(&out).unwrap());
    }
    all
}

/// `json` as it is on the wire.
fn wire(call: &Call, json: &Json) -> Bytes {
    frame::framed(&mapping::read(&call.0.output, json).unwrap()).unwrap()
}

/// What a body and a query become, or what is wrong with them.
fn sent(call: &Call, body: &str, query: &str) -> Result<Json, String> {
    let outgoing = request(call, Content::Json(body.as_bytes()), Some(query), &[]).map_err(|problem| problem.detail)?;
    let OutgoingBody::Full(body) = outgoing.body else { panic!("{outgoing:?}") };
    Ok(messages(&call.0.input, &body).remove(0))
}

/// What an upstream answers.
struct Upstream {
    status: u16,
    head: Vec<(&'static str, &'static str)>,
    body: Vec<Bytes>,
    trailers: Option<Vec<(&'static str, &'static str)>>,
}

const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

fn upstream(body: Vec<Bytes>, trailers: &[(&'static str, &'static str)]) -> Upstream {
    Upstream {
        status: 200,
        head: vec![GRPC, ("x-a", "1"), ("grpc-encoding", "identity")],
        body,
        trailers: Some(trailers.to_vec()),
    }
}

/// What the caller gets: status, headers, body, trailers; or the problem.
#[derive(Debug, PartialEq)]
struct Got {
    status: u16,
    headers: Vec<String>,
    body: String,
    trailers: Option<Vec<String>>,
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> = headers.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
    lines.sort();
    lines
}

/// Does what the router does; an error has how much was sent before it.
fn answer(call: &Call, reply: Reply, upstream: Upstream) -> Result<Got, (String, Reason, String)> {
    let mut parts = Response::builder().status(upstream.status).body(()).unwrap().into_parts().0;
    parts.headers = headers(&upstream.head);
    let trailers = upstream.trailers.map(|pairs| headers(&pairs));
    let whole = |response: Response<Bytes>| {
        let (head, body) = response.into_parts();
        Got {
            status: head.status.as_u16(),
            headers: lines(&head.headers),
            body: String::from_utf8(body.to_vec()).unwrap(),
            trailers: None,
        }
    };
    let problem = |sent: &[u8], p: Problem| (String::from_utf8(sent.to_vec()).unwrap(), p.reason, p.detail);
    match call.response(reply, &mut parts) {
        Answer::Whole { limit, finish } => {
            let body = upstream.body.concat();
            assert!(body.len() <= limit);
            let given = Whole { head: parts, body: body.into(), trailers: trailers.unwrap_or_default() };
            finish(given).map(whole).map_err(|p| problem(b"", p))
        }
        Answer::Held(mut map) => {
            let (mut out, mut opened) = (BytesMut::new(), false);
            for piece in upstream.body {
                map.piece(piece, &mut out).map_err(|p| problem(&out, p))?;
                if !opened && !out.is_empty() {
                    opened = true;
                    assert!(map.open(&mut parts).is_none());
                }
            }
            let own = map.end(trailers.as_ref(), &mut out).map_err(|p| problem(&out, p))?;
            if !opened && let Some(response) = map.open(&mut parts) {
                assert!(out.is_empty());
                return Ok(whole(response));
            }
            Ok(Got {
                status: parts.status.as_u16(),
                headers: lines(&parts.headers),
                body: String::from_utf8(out.to_vec()).unwrap(),
                trailers: own.as_ref().map(lines),
            })
        }
        Answer::Stream | Answer::Map(_) => panic!("not of gRPC"),
    }
}
