//! What arguments, methods and headers become.

use super::*;

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
    assert_eq!(sent(&get, "[1]", "").unwrap_err(), "#: is not an object");
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
    check(r#"{"order_id": "a"}"#, "orderId=b", "#/orderId: is given in the body and as a parameter");
    check(r#"{"part": {}}"#, "part.orderId=b", "#/part: is given in the body and as a parameter");
    check("", "none=1", "#/none: is not a field of shop.Order");
    check("", "part.none=1", "#/part/none: is not a field of shop.Order");
    check("", "part=1", "#/part: is an object: give its fields, as name.field");
    check("", "flags=1", "#/flags: is an object: give its fields, as name.field");
    check("", "orderId=1&orderId=2", "#/orderId: is given 2 times and takes one value");
    check("", "orderId=1&order_id=2", "#/order_id: is given twice");
    check("", "parts.orderId=1", "#/parts/orderId: has no fields that a parameter could set");
    check("", "orderId.x=1", "#/orderId/x: has no fields that a parameter could set");
    check("", "flags.a=1", "#/flags/a: is not true or false");
    check("", "counts=x&total=y", "2 things are wrong");
    check("", "orderId=%ff", "#: has a parameter that is not UTF-8");
    let deep = format!("{}orderId=1", "part.".repeat(33));
    assert!(sent(&get, "", &deep).unwrap_err().ends_with("is nested too deep for a parameter"));
    let many = "counts=1&".repeat(1001);
    check("", &many, "#: has more than 1000 parameters");
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
        let intake = call.intake(&verb, &given, true).map_err(|problem| {
            let named = problem.headers.iter().any(|(name, _)| name == "allow" || name == "accept");
            assert!(named, "{problem:?}");
            problem.reason.row().status
        });
        assert_eq!(intake, then, "{method} {verb} {kind}");
    };
    check("Get", false, Verb::POST, "application/json; charset=utf-8", Ok(Intake::Arguments { limit: MAX_JSON }));
    check("Get", false, Verb::POST, "", Ok(Intake::Arguments { limit: MAX_JSON }));
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
