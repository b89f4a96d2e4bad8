//! Calls from the caller's side to the wire and back.

use bytes::{Buf, Bytes, BytesMut};
use catalog::model::{Digest, Function, Kind, Materials, UpstreamSpec};
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, Response};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::{Value as Json, json};

use super::super::describe::describe;
use super::super::json as mapping;
use super::super::reflection::{File, Files};
use super::super::testing::Proto;
use super::*;
use crate::call::Whole;

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
    call.request(Arguments { method: &Verb::POST, query, headers: &headers(given), content, unchecked: false })
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

#[test]
fn arguments_make_one_message() {
    let get = bind("Get", false);
    let check = |body: &str, query: &str, then: Json| assert_eq!(sent(&get, body, query), Ok(then), "{body} {query}");
    check("", "", json!({}));
    check("{}", "", json!({}));
    check(r#"{"orderId": "a"}"#, "", json!({"orderId": "a"}));
    check(
        "",
        "orderId=a+b%26&counts=1&counts=9007199254740993",
        json!({"orderId": "a b&", "counts": ["1", "9007199254740993"]}),
    );
    check("", "counts=1&order_id=", json!({"counts": ["1"]}));
    check("", "part.part.order_id=x&part.orderId=y", json!({"part": {"orderId": "y", "part": {"orderId": "x"}}}));
    check("", "flags.a.b=true&flags.c=false", json!({"flags": {"a.b": true, "c": false}}));
    check("", "color=RED", json!({"color": "RED"}));
    check("", "color=7&maybe=false", json!({"color": 7, "maybe": false}));
    check("", "more.a.b=1&more.c=", json!({"more": {"a.b": "1", "c": ""}}));
    check(r#"{"counts": [1]}"#, "part.orderId=x", json!({"counts": ["1"], "part": {"orderId": "x"}}));
    check("", "total=NaN&data=_-8", json!({"total": "NaN", "data": "/+8="}));
    let name = bind("Name", false);
    assert_eq!(sent(&name, r#""x""#, ""), Ok(json!("x")));
    assert_eq!(sent(&name, "[", "").unwrap_err(), "the body is not JSON: EOF while parsing a list at line 1 column 1");
    assert_eq!(sent(&get, "[1]", "").unwrap_err(), "# is not an object");
    assert_eq!(
        sent(&get, "[1]", "orderId=1").unwrap_err(),
        "the body is the whole message; there may be no parameters beside it"
    );
}

#[test]
fn what_is_wrong_with_arguments() {
    let get = bind("Get", false);
    let check =
        |body: &str, query: &str, then: &str| assert_eq!(sent(&get, body, query).unwrap_err(), then, "{body} {query}");
    check("{", "", "the body is not JSON: EOF while parsing an object at line 1 column 1");
    check(r#"{"order_id": "a"}"#, "orderId=b", "#/orderId is given in the body and as a parameter");
    check(r#"{"part": {}}"#, "part.orderId=b", "#/part is given in the body and as a parameter");
    check("", "none=1", "#/none is not a field of shop.Order");
    check("", "part.none=1", "#/part/none is not a field of shop.Order");
    check("", "part=1", "#/part is an object: give its fields, as name.field");
    check("", "flags=1", "#/flags is an object: give its fields, as name.field");
    check("", "orderId=1&orderId=2", "#/orderId is given 2 times and takes one value");
    check("", "orderId=1&order_id=2", "#/order_id is given twice");
    check("", "parts.orderId=1", "#/parts/orderId has no fields that a parameter could set");
    check("", "orderId.x=1", "#/orderId/x has no fields that a parameter could set");
    check("", "flags.a=1", "#/flags/a is not true or false");
    check("", "counts=x&total=y", "2 things are wrong");
    check("", "orderId=%ff", "# has a parameter that is not UTF-8");
    let deep = format!("{}orderId=1", "part.".repeat(33));
    assert!(sent(&get, "", &deep).unwrap_err().ends_with("is nested too deep for a parameter"));
    let many = "counts=1&".repeat(1001);
    check("", &many, "# has more than 1000 parameters");
    let problem = request(&get, Content::Json(br#"{"counts": ["x", 1, "y"]}"#), None, &[]).unwrap_err();
    let faults: Vec<_> = problem.faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!((problem.reason, faults), (Reason::InvalidArguments, vec!["#/counts/0", "#/counts/2"]));
}

#[test]
fn a_request_is_one_of_grpc() {
    let get = bind("Get", true);
    let outgoing =
        request(&get, Content::Json(b"{}"), None, &[("x-custom-bin", "AAE, _-8"), ("grpc-encoding", "gzip")]).unwrap();
    assert_eq!(
        (outgoing.method, outgoing.path.as_str(), outgoing.reply),
        (Verb::POST, "/base/shop.Orders/Get", Reply::Usual)
    );
    let sent: Vec<_> =
        outgoing.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    assert_eq!(
        sent,
        ["content-type: application/grpc", "te: trailers", "grpc-encoding: identity", "grpc-accept-encoding: identity"]
    );
    let problem = request(&get, Content::Json(b"{}"), None, &[("x-custom-bin", "A*")]).unwrap_err();
    assert_eq!(problem.detail, "the header x-custom-bin is not base64");
    let big = format!(r#"{{"orderId": "{}"}}"#, "x".repeat(MAX_MESSAGE));
    let problem = request(&get, Content::Json(big.as_bytes()), None, &[]).unwrap_err();
    assert_eq!((problem.reason, problem.detail.as_str()), (Reason::BodyTooLarge, "the message has more than 4 MiB"));
}

#[test]
fn methods_and_types() {
    let check = |method: &str, safe: bool, verb: Verb, kind: &str, then: Result<Intake, u16>| {
        let call = bind(method, safe);
        let given = if kind.is_empty() { HeaderMap::new() } else { headers(&[("content-type", kind)]) };
        let intake = call.intake(&verb, &given).map_err(|problem| {
            let named = problem.headers.iter().any(|(name, _)| name == "allow" || name == "accept");
            assert!(named, "{problem:?}");
            problem.reason.row().status
        });
        assert_eq!(intake, then, "{method} {verb} {kind}");
    };
    check("Get", false, Verb::POST, "application/json; charset=utf-8", Ok(Intake::Arguments));
    check("Get", false, Verb::POST, "", Ok(Intake::Arguments));
    check("Get", false, Verb::POST, "application/x-www-form-urlencoded", Err(415));
    check("Get", false, Verb::GET, "", Err(405));
    check("Get", true, Verb::GET, "", Ok(Intake::None));
    check("Watch", true, Verb::HEAD, "", Ok(Intake::None));
    check("Send", true, Verb::GET, "", Err(405));
    check("Send", false, Verb::POST, "application/x-ndjson", Ok(Intake::Map));
    check("Talk", false, Verb::POST, "application/json", Ok(Intake::Map));
    check("Talk", false, Verb::POST, "text/plain", Err(415));
    check("Put", false, Verb::POST, "image/png", Ok(Intake::Map));
    check("Put", false, Verb::PUT, "image/png", Err(405));
    assert_eq!((bind("Get", true).allow(), bind("Send", true).allow()), ("GET, HEAD, POST, OPTIONS", "POST, OPTIONS"));
    assert!(!bind("Get", true).streams() && bind("Up", true).streams());
}

#[test]
fn streams_are_lines_or_events() {
    for (accept, then) in [
        ("", Reply::Usual),
        ("*/*", Reply::Usual),
        ("text/event-stream", Reply::EventStream),
        ("text/event-stream, */*", Reply::EventStream),
        ("application/x-ndjson, text/event-stream", Reply::Usual),
        ("application/x-ndjson;q=0.5, Text/Event-Stream;q=0.6", Reply::EventStream),
        ("text/event-stream;q=0", Reply::Usual),
    ] {
        assert_eq!(negotiate::reply(&headers(&[("accept", accept)])), then, "{accept}");
        let watch = request(&bind("Watch", false), Content::Json(b"{}"), None, &[("accept", accept)]).unwrap();
        assert_eq!(watch.reply, then);
    }
    let get = request(&bind("Get", false), Content::Json(b"{}"), None, &[("accept", "text/event-stream")]).unwrap();
    assert_eq!(get.reply, Reply::Usual);
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

#[test]
fn one_message_is_answered_in_json() {
    let get = bind("Get", false);
    let message = wire(&get, &json!({"orderId": "a", "counts": [1], "flags": {"b": false, "a": true}}));
    let got = answer(
        &get,
        Reply::Usual,
        upstream(vec![message], &[("grpc-status", "0"), ("x-t", "2"), ("grpc-message", "")]),
    );
    let json = ["content-type: application/json", "grpc-trailer-x-t: 2", "x-a: 1"].map(String::from).to_vec();
    let body = r#"{"orderId":"a","counts":["1"],"flags":{"a":true,"b":false}}"#.into();
    assert_eq!(got, Ok(Got { status: 200, headers: json, body, trailers: None }));
}

#[test]
fn every_code_has_its_status() {
    let get = bind("Get", false);
    for (code, _, http) in status::CODES.into_iter().skip(1).chain([(17, "", 500), (-1, "", 500)]) {
        let status: &'static str = Box::leak(code.to_string().into_boxed_str());
        let got = answer(
            &get,
            Reply::Usual,
            upstream(vec![], &[("grpc-status", status), ("grpc-message", "no%20%F0%9F%98%80%")]),
        )
        .unwrap();
        assert_eq!((got.status, got.body), (http, format!(r#"{{"code":{code},"message":"no 😀%","details":[]}}"#)));
    }
    let got = answer(&get, Reply::Usual, upstream(vec![], &[("grpc-status", "x")])).unwrap();
    assert_eq!((got.status, got.body), (500, r#"{"code":2,"message":"","details":[]}"#.into()));
}

#[test]
fn details_are_expanded() {
    // code 3, message "m", details: a BadRequest, an Order of the upstream's own, and one that nobody knows.
    let any = |url: &str, value: &[u8]| {
        prost_types::Any { type_url: format!("type.googleapis.com/{url}"), value: value.to_vec() }.encode_to_vec()
    };
    let mut bytes = vec![0x08, 3, 0x12, 1, b'm'];
    for detail in [
        any("google.rpc.BadRequest", b"\x0a\x06\x0a\x01a\x12\x01b"),
        any("shop.Order", b"\x0a\x01x"),
        any("un.Known", b"\x08\x01"),
        any("google.rpc.ErrorInfo", b"\x0a\x01r\x1a\x06\x0a\x01k\x12\x01v"),
    ] {
        prost::encoding::bytes::encode(3, &detail, &mut bytes);
    }
    let details: &'static str = Box::leak(
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &bytes)
            .trim_end_matches('=')
            .to_owned()
            .into_boxed_str(),
    );
    let got = answer(
        &bind("Get", false),
        Reply::Usual,
        upstream(vec![], &[("grpc-status", "3"), ("grpc-status-details-bin", details)]),
    )
    .unwrap();
    let body: Json = serde_json::from_str(&got.body).unwrap();
    assert_eq!(
        body,
        json!({"code": 3, "message": "m", "details": [
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "a", "description": "b"}]},
            {"@type": "type.googleapis.com/shop.Order", "orderId": "x"},
            {"@type": "type.googleapis.com/un.Known", "value": "CAE="},
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "r", "metadata": {"k": "v"}},
        ]})
    );
    assert_eq!((got.status, got.headers.join(", ")), (400, "content-type: application/json, x-a: 1".into()));
}

#[test]
fn answers_of_a_head_alone() {
    let head = vec![GRPC, ("grpc-status", "5"), ("grpc-message", "gone"), ("x-t", "1"), ("date", "now")];
    let only = |head| Upstream { status: 200, head, body: vec![], trailers: None };
    for method in ["Get", "Watch", "Down"] {
        let got = answer(&bind(method, false), Reply::Usual, only(head.clone())).unwrap();
        assert_eq!((got.status, got.body.as_str()), (404, r#"{"code":5,"message":"gone","details":[]}"#));
        assert_eq!(got.headers, ["content-type: application/json", "date: now", "grpc-trailer-x-t: 1"]);
    }
    let fine = vec![GRPC, ("grpc-status", "0")];
    let got = answer(&bind("Watch", false), Reply::EventStream, only(fine.clone())).unwrap();
    assert_eq!((got.status, got.headers, got.body.as_str()), (200, vec!["content-type: text/event-stream".into()], ""));
    let bad = answer(&bind("Get", false), Reply::Usual, only(fine)).unwrap_err();
    assert_eq!((bad.1, bad.2.as_str()), (Reason::BadAnswer, "the upstream says OK and answers nothing"));
}

#[test]
fn bad_answers() {
    let get = bind("Get", false);
    let check = |upstream: Upstream, reason: Reason, detail: &str| {
        let got = answer(&get, Reply::Usual, upstream).unwrap_err();
        assert_eq!((got.1, got.2.as_str()), (reason, detail));
    };
    let other = |status, kind| Upstream { status, head: vec![("content-type", kind)], body: vec![], trailers: None };
    check(
        other(503, "text/html"),
        Reason::BadAnswer,
        "the upstream answers 503 with type \"text/html\", which is not gRPC",
    );
    check(
        other(200, "application/grpc-web"),
        Reason::BadAnswer,
        "the upstream answers 200 with type \"application/grpc-web\", which is not gRPC",
    );
    check(
        other(404, "application/grpc"),
        Reason::BadAnswer,
        "the upstream answers 404 with type \"application/grpc\", which is not gRPC",
    );
    let message = wire(&get, &json!({"orderId": "a"}));
    let ok = [("grpc-status", "0")];
    check(upstream(vec![message.clone()], &[]), Reason::Reset, "the upstream's answer ends without saying how");
    check(upstream(vec![], &ok), Reason::BadAnswer, "the upstream says OK and its message is not whole");
    check(
        upstream(vec![message.slice(..6)], &ok),
        Reason::BadAnswer,
        "the upstream says OK and its message is not whole",
    );
    check(
        upstream(vec![message.clone(), message], &ok),
        Reason::BadAnswer,
        "the upstream answers more than one message",
    );
    check(
        upstream(vec![Bytes::from_static(b"\x01\0\0\0\0")], &ok),
        Reason::BadAnswer,
        "a message is compressed, which was not asked for",
    );
    check(
        upstream(vec![Bytes::from_static(b"\x07\0\0\0\0")], &ok),
        Reason::BadAnswer,
        "a message does not begin as one",
    );
    check(upstream(vec![Bytes::from_static(b"\0\x7f\0\0\0")], &ok), Reason::BadAnswer, "a message has more than 4 MiB");
    let garbage = answer(&get, Reply::Usual, upstream(vec![Bytes::from_static(b"\0\0\0\0\x01\xff")], &ok)).unwrap_err();
    assert!(garbage.2.starts_with("a message is not a shop.Order: "), "{}", garbage.2);
}

#[test]
fn streams_as_they_come() {
    let watch = bind("Watch", false);
    let (a, b) = (wire(&watch, &json!({"orderId": "a"})), wire(&watch, &json!({"orderId": "b"})));
    let fine = || upstream(vec![a.slice(..3), a.slice(3..), b.clone()], &[("grpc-status", "0"), ("x-t", "1")]);
    let got = answer(&watch, Reply::Usual, fine()).unwrap();
    assert_eq!(got.body, "{\"orderId\":\"a\"}\n{\"orderId\":\"b\"}\n");
    assert_eq!(
        (got.headers, got.trailers),
        (vec!["content-type: application/x-ndjson".into(), "x-a: 1".into()], Some(vec!["x-t: 1".into()]))
    );
    let got = answer(&watch, Reply::EventStream, fine()).unwrap();
    assert_eq!(got.body, "data: {\"orderId\":\"a\"}\n\ndata: {\"orderId\":\"b\"}\n\n");
    assert_eq!(got.headers[0], "content-type: text/event-stream");

    let failing =
        |before: &[Bytes]| upstream(before.to_vec(), &[("grpc-status", "8"), ("grpc-message", "slow"), ("x-t", "1")]);
    let got = answer(&watch, Reply::Usual, failing(&[])).unwrap();
    assert_eq!((got.status, got.body.as_str()), (429, r#"{"code":8,"message":"slow","details":[]}"#));
    assert_eq!(got.headers, ["content-type: application/json", "grpc-trailer-x-t: 1", "x-a: 1"]);
    let got = answer(&watch, Reply::Usual, failing(&[a.clone()])).unwrap();
    assert_eq!(got.body, "{\"orderId\":\"a\"}\n{\"@error\":{\"code\":8,\"message\":\"slow\",\"details\":[]}}\n");
    assert_eq!((got.status, got.trailers), (200, Some(vec!["x-t: 1".into()])));
    let got = answer(&watch, Reply::EventStream, failing(&[a.clone()])).unwrap();
    assert!(got.body.ends_with("\n\nevent: error\ndata: {\"code\":8,\"message\":\"slow\",\"details\":[]}\n\n"));

    for cut in [upstream(vec![a.clone()], &[]), Upstream { trailers: None, ..upstream(vec![a.clone()], &[]) }] {
        let (sent, reason, _) = answer(&watch, Reply::Usual, cut).unwrap_err();
        assert_eq!((sent.as_str(), reason), ("{\"orderId\":\"a\"}\n", Reason::Reset));
    }
    let (_, reason, _) =
        answer(&watch, Reply::Usual, upstream(vec![a.slice(..7)], &[("grpc-status", "0")])).unwrap_err();
    assert_eq!(reason, Reason::Reset);
    let empty = answer(&watch, Reply::Usual, upstream(vec![], &[("grpc-status", "0")])).unwrap();
    assert_eq!(
        (empty.status, empty.body.as_str(), empty.headers[0].as_str()),
        (200, "", "content-type: application/x-ndjson")
    );
}

#[test]
fn raw_bodies_both_ways() {
    let put = bind("Put", false);
    let given = [("content-type", "image/png")];
    let OutgoingBody::Map(mut map) = request(&put, Content::Stream, None, &given).unwrap().body else { panic!() };
    let mut out = BytesMut::new();
    map.piece(Bytes::from_static(b"\x00a"), &mut out).unwrap();
    map.piece(Bytes::from_static(b"b"), &mut out).unwrap();
    map.end(None, &mut out).unwrap();
    assert_eq!(messages(&put.0.input, &out), [json!({"contentType": "image/png", "data": "AGFi"})]);
    let message = wire(&put, &json!({"contentType": "text/csv", "data": "YSxi"}));
    let got = answer(&put, Reply::Usual, upstream(vec![message.clone()], &[("grpc-status", "0")])).unwrap();
    assert_eq!((got.headers[0].as_str(), got.body.as_str()), ("content-type: text/csv", "a,b"));
    assert_eq!(request(&put, Content::Stream, Some("a=1"), &given).unwrap_err().reason, Reason::InvalidArguments);

    let up = bind("Up", false);
    let OutgoingBody::Map(mut map) = request(&up, Content::Stream, None, &given).unwrap().body else { panic!() };
    let mut out = BytesMut::new();
    map.piece(Bytes::from_static(b"a"), &mut out).unwrap();
    map.piece(Bytes::from_static(b"b"), &mut out).unwrap();
    map.end(None, &mut out).unwrap();
    assert_eq!(
        messages(&up.0.input, &out),
        [json!({"contentType": "image/png", "data": "YQ=="}), json!({"data": "Yg=="})]
    );

    let down = bind("Down", false);
    let more = wire(&down, &json!({"data": "YSxi"}));
    let got = answer(&down, Reply::Usual, upstream(vec![message.clone(), more], &[("grpc-status", "0")])).unwrap();
    assert_eq!((got.headers[0].as_str(), got.body.as_str()), ("content-type: text/csv", "a,ba,b"));
    let (sent, reason, _) = answer(&down, Reply::Usual, upstream(vec![message], &[("grpc-status", "13")])).unwrap_err();
    assert_eq!((sent.as_str(), reason), ("a,b", Reason::Reset));
}

#[test]
fn what_is_wrong_with_lines() {
    let mapped = |text: &str| {
        let OutgoingBody::Map(mut map) = request(&bind("Send", false), Content::Stream, None, &[]).unwrap().body else {
            panic!()
        };
        let mut out = BytesMut::new();
        map.piece(Bytes::copy_from_slice(text.as_bytes()), &mut out).and_then(|()| map.end(None, &mut out).map(|_| ()))
    };
    assert_eq!(mapped("{}\n\n{\"none\": 1}\n").unwrap_err().detail, "line 3: #/none is not a field of shop.Order");
    let problem = mapped("{}\n{").unwrap_err();
    assert_eq!(problem.reason, Reason::MalformedBody);
    assert!(problem.detail.starts_with("line 2: not one JSON value: "), "{}", problem.detail);
    assert_eq!(mapped(&"x".repeat(2 * MAX_MESSAGE + 1)).unwrap_err().reason, Reason::BodyTooLarge);
}

/// `whole` in pieces that end at `cuts`.
fn pieces(whole: &[u8], cuts: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).chain([0, whole.len()]).collect();
    ends.sort_unstable();
    ends.windows(2).map(|ends| Bytes::copy_from_slice(&whole[ends[0]..ends[1]])).collect()
}

proptest! {
    /// Wherever a body is cut, its messages are the same.
    #[test]
    fn frames_come_in_any_pieces(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut body = Vec::new();
        for content in &contents {
            body.push(0);
            body.extend((content.len() as u32).to_be_bytes());
            body.extend(content);
        }
        let (mut frames, mut got) = (frame::Frames::default(), Vec::new());
        for piece in pieces(&body, &cuts) {
            frames.push(&piece);
            while let Some(message) = frames.next().unwrap() {
                got.push(message.to_vec());
            }
        }
        prop_assert!(frames.is_empty());
        prop_assert_eq!(got, contents);
    }

    /// Wherever lines are cut, their messages are those of the whole text split at its ends of lines.
    #[test]
    fn lines_come_in_any_pieces(ids in prop::collection::vec("[a-zü]{0,6}", 0..6), ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\n\n", " \n"]), 6), last in any::<bool>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut text = String::new();
        for (id, end) in ids.iter().zip(&ends) {
            text.push_str(&json!({"orderId": id}).to_string());
            text.push_str(end);
        }
        let text = if last { text.trim_end() } else { &text };
        thread_local!(static SEND: Call = bind("Send", false));
        let got = SEND.with(|send| {
            let OutgoingBody::Map(mut map) = request(send, Content::Stream, None, &[]).unwrap().body else { panic!() };
            let mut out = BytesMut::new();
            for piece in pieces(text.as_bytes(), &cuts) {
                map.piece(piece, &mut out).unwrap();
            }
            map.end(None, &mut out).unwrap();
            messages(&send.0.input, &out)
        });
        let naive: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            let id = serde_json::from_str::<Json>(line).unwrap()["orderId"].clone();
            if id == "" { json!({}) } else { json!({"orderId": id}) }
        }).collect();
        prop_assert_eq!(got, naive);
    }
}
