//! What the gRPC methods are called with: for each at least once.

use serde_json::{Value, json};

const ECHO: &str = "portolan.test.v1.EchoService/";
const LIBRARY: &str = "portolan.test.v1.LibraryService/";

/// Calls with JSON, as function and messages; several messages are for methods that take a stream.
pub(crate) fn cases() -> Vec<(String, Vec<Value>)> {
    let echo = |method: &str, message: Value| (format!("{ECHO}{method}"), vec![message]);
    let library = |method: &str, message: Value| (format!("{LIBRARY}{method}"), vec![message]);
    let numbers = |values: &[i64]| values.iter().map(|value| json!({"value": value.to_string()})).collect::<Vec<_>>();
    let mut cases = vec![
        echo("Echo", json!({})),
        echo("Echo", everything()),
        echo("Echo", json!({"optionalNumber": 0, "optionalText": "", "choiceNothing": {}, "null": null})),
        echo("EchoUnsafe", everything()),
        echo("WaitStats", json!({})),
        echo("Wait", json!({"time": "0.001s"})),
        echo("Large", json!({"size": 100_000})),
        echo("Old", json!({})),
        echo("Fail", json!({"code": 5, "unknownDetail": true})),
        echo("Count", json!({"to": 3})),
        echo("Count", json!({"to": 0})),
        echo("Count", json!({"to": 0, "fail": {"code": 8, "message": "full"}})),
        echo(
            "Count",
            json!({"to": 2, "gap": "0.01s", "fail": {"code": 10, "message": "cut", "violations": [{"field": "to"}]}}),
        ),
        (format!("{ECHO}Sum"), numbers(&[1, 2, 3_000_000_000_000])),
        (format!("{ECHO}Sum"), vec![]),
        (format!("{ECHO}Negate"), numbers(&[1, -2, 3])),
        (format!("{ECHO}Negate"), numbers(&[1, 0, 3])),
        library("GetBook", json!({"name": "shelves/classics/books/moby-dick"})),
        library("GetBook", json!({"name": "shelves/classics/books/none"})),
        library("ListBooks", json!({"shelf": "classics", "pageSize": 1})),
        library("ListBooks", json!({"colours": ["COLOUR_RED", "COLOUR_AZURE"], "filter": {"minPages": 600}})),
        library("CreateBook", json!({"shelf": "s", "book": {"title": "T", "published": "2024-02-29T12:30:00.5Z"}})),
        library(
            "UpdateBook",
            json!({"book": {"name": "shelves/classics/books/odyssey", "title": "T", "authors": ["A"]}, "updateMask": "title,pages"}),
        ),
        library("DeleteBook", json!({"name": "shelves/classics/books/odyssey"})),
        library("LendBook", json!({"name": "shelves/classics/books/odyssey", "reader": "me"})),
    ];
    cases.extend((0..=16).map(|code| echo("Fail", failure(code))));
    cases
}

fn failure(code: i32) -> Value {
    json!({"code": code, "message": format!("žluť {code}\n"), "violations": [{"field": "a.b", "description": "d"}, {"field": "c"}]})
}

/// Every kind of field, each set to what is not its default.
fn everything() -> Value {
    let mut all = scalars();
    for (name, value) in composites().as_object_mut().into_iter().flatten() {
        all[name] = value.take();
    }
    all
}

fn scalars() -> Value {
    json!({
        "doubleValue": 0.1, "floatValue": 1.5, "int32Value": -2_147_483_648, "int64Value": "-9223372036854775808",
        "uint32Value": 4_294_967_295_u32, "uint64Value": "18446744073709551615", "sint32Value": -1, "sint64Value": "-2",
        "fixed32Value": 3, "fixed64Value": "4", "sfixed32Value": -5, "sfixed64Value": "-6", "boolValue": true,
        "stringValue": "žluť \u{1F6A2} \"\\\u{1}", "bytesValue": "AP+A", "colour": "COLOUR_AZURE",
        "optionalNumber": 0, "optionalText": "", "optionalColour": "COLOUR_UNSPECIFIED",
        "boolWrapper": false, "int32Wrapper": 0, "int64Wrapper": "1", "uint32Wrapper": 2, "uint64Wrapper": "3",
        "floatWrapper": 0.5, "doubleWrapper": -0.25, "stringWrapper": "", "bytesWrapper": "AQ==",
        "anotherName": "renamed", "oldText": "old", "mixedCaseHTTP2Field": "mixed",
    })
}

fn composites() -> Value {
    let address = json!({"street": "Cliff Street", "city": "New York", "number": 82});
    json!({
        "address": address, "tree": {"name": "root", "children": [{"name": "leaf"}, {"children": [{"name": "deep"}]}]},
        "numbers": [1, -1, 0], "looseNumbers": [7], "words": ["", "a"], "colours": ["COLOUR_RED", "COLOUR_UNSPECIFIED"],
        "addresses": [address, {}], "labels": {"": "empty", "k": "v"}, "addressesByNumber": {"-1": address, "0": {}},
        "coloursByTruth": {"true": "COLOUR_GREEN", "false": "COLOUR_UNSPECIFIED"}, "files": {"f": "/w=="},
        "choiceAddress": address, "inner": {"mood": "MOOD_BAD", "deeper": {"mood": "MOOD_GOOD"}},
        "time": "2024-02-29T12:30:00.000000001Z", "span": "-1.5s", "object": {"a": [1.5, null, true, {"b": "c"}]},
        "value": [null, "x"], "list": [{}, []], "mask": "address.city,int32Value", "empty": {},
        "any": {"@type": "type.googleapis.com/portolan.test.v1.Address", "city": "Brno"},
    })
}

/// The status of an HTTP answer for a `google.rpc.Code`, by the table in its `.proto`.
pub(super) fn http_status(code: tonic::Code) -> u16 {
    use tonic::Code as C;
    match code {
        C::Ok => 200,
        C::InvalidArgument | C::FailedPrecondition | C::OutOfRange => 400,
        C::Unauthenticated => 401,
        C::PermissionDenied => 403,
        C::NotFound => 404,
        C::Aborted | C::AlreadyExists => 409,
        C::ResourceExhausted => 429,
        C::Cancelled => 499,
        C::Unknown | C::Internal | C::DataLoss => 500,
        C::Unimplemented => 501,
        C::Unavailable => 503,
        C::DeadlineExceeded => 504,
    }
}
