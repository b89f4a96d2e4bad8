//! What whole answers become.

use super::*;

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
    // As google/rpc/code.proto says, from 1 on; what it does not know is 500.
    let table = [499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401, 500];
    for (code, http) in (1..).zip(table).chain([(-1, 500)]) {
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
