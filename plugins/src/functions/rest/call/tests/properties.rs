//! What holds for all operations and arguments.
//!
//! The schema and the call are two readings of one set of rules: what is valid binds, and what binds is valid. What is
//! written can be read back by a naive reader, and nothing ends the place where it stands.

use catalog::model::UpstreamSpec;
use http::Uri;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::fixture::Fixture;
use super::generate::{calls, schemas, values};
use crate::call::OutgoingBody;

fn accepts(input: &Value, arguments: &Value) -> bool {
    jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(input).expect("a schema").is_valid(arguments)
}

/// Whether a path holds what no schema tells: variables that are nothing where nulls are left out of them.
fn hides_nulls(arguments: &Value) -> bool {
    let places = [Some(arguments), arguments.get("$path")];
    places
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(Map::values)
        .any(|v| v.as_array().is_some_and(|l| l.contains(&Value::Null)))
}

/// Few for every day; `PROPTEST_CASES=20000` for a change of the rules.
fn few() -> ProptestConfig {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 300 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few())]

    /// With any values: what is valid binds, what is not does not.
    #[test]
    fn input_is_what_binds(
        ((operation, definitions), list) in calls(schemas(), values()),
    ) {
        let fixture = Fixture::new(&operation, &definitions, &UpstreamSpec::default());
        for arguments in list.iter().filter(|arguments| !hides_nulls(arguments)) {
            let result = fixture.post(arguments);
            prop_assert_eq!(accepts(&fixture.input, arguments), result.is_ok(), "{}\n{:#}\n{:?}", arguments, fixture.input, result);
        }
    }

    /// With values that fit everywhere, a call that checks no schema accepts what is valid: the rules between
    /// arguments are the call's own too.
    #[test]
    fn rules_between_arguments_are_the_calls_own(
        ((operation, definitions), list) in calls(Just(json!({})).boxed(), Just(json!(1)).boxed()),
    ) {
        let mut fixture = Fixture::new(&operation, &definitions, &UpstreamSpec::default());
        fixture.call.checks.all = None;
        let typed = operation["body"]["types"].as_array().into_iter().flatten().any(|t| t["schema"].get("type").is_some_and(|t| t != "object"));
        let together = operation.to_string().contains("oneOf");
        // The whole body is a value of which only the schema knows more.
        let whole = |arguments: &Value| !arguments.is_object() || arguments.get("$body").is_some() || arguments.get("body").is_some();
        for arguments in list.iter().filter(|arguments| !(typed || together || whole(arguments))) {
            let result = fixture.post(arguments);
            prop_assert_eq!(accepts(&fixture.input, arguments), result.is_ok(), "{}\n{:#}\n{:?}", arguments, fixture.input, result);
        }
    }
}

fn one_parameter(place: &str, style: &str, explode: bool) -> Fixture {
    let path = if place == "path" { "/before/{p}/after" } else { "/path" };
    let operation = json!({
        "method": "GET", "path": path,
        "parameters": [{ "name": "p", "in": place, "style": style, "explode": explode, "required": true, "schema": {} }],
    });
    Fixture::new(&operation, &json!({}), &UpstreamSpec::default())
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned()
}

fn split(text: &str, separator: &str) -> Vec<String> {
    text.split(separator).map(decode).collect()
}

/// A naive reader of one array: its items from the path (without its neighbours) or the query.
fn read_array(style: &str, explode: bool, text: &str) -> Vec<String> {
    let named = |text: &str| text.split_once('=').map(|(_, v)| v.to_owned()).unwrap_or_default();
    match (style, explode) {
        ("simple", _) => split(text, ","),
        ("label", false) => split(&text[1..], ","),
        ("label", true) => split(&text[1..], "."),
        ("matrix", false) => split(&named(text), ","),
        ("matrix", true) => text[1..].split(';').map(|pair| decode(&named(pair))).collect(),
        ("spaceDelimited", false) => split(&named(text), "%20"),
        ("pipeDelimited", false) => split(&named(text), "%7C"),
        ("form", false) => split(&named(text), ","),
        _ => text.split('&').map(|pair| decode(&named(pair))).collect(),
    }
}

proptest! {
    #![proptest_config(few())]

    /// Arrays can be read back. Left out is what a style cannot tell: its own separator within an item.
    #[test]
    fn arrays_can_be_read_back(
        (place, style) in prop::sample::select(vec![
            ("path", "simple"), ("path", "label"), ("path", "matrix"),
            ("query", "form"), ("query", "spaceDelimited"), ("query", "pipeDelimited"),
        ]),
        explode in any::<bool>(),
        list in prop::collection::vec("[^ |.]{1,5}", 1..5),
    ) {
        let outgoing = one_parameter(place, style, explode).post(&json!({ "p": list })).expect("binds");
        let text = outgoing.path.as_str();
        let text = text.strip_prefix("/before/").and_then(|t| t.strip_suffix("/after")).or(text.strip_prefix("/path?")).expect(text);
        prop_assert_eq!(read_array(style, explode, text), list);
    }

    /// Objects can be read back.
    #[test]
    fn objects_can_be_read_back(
        style in prop::sample::select(&["form", "deepObject"][..]),
        map in prop::collection::btree_map("[^\\[\\]]{1,5}", ".{0,5}", 1..5),
    ) {
        let outgoing = one_parameter("query", style, true).post(&json!({ "p": map })).expect("binds");
        let pairs = outgoing.path.query().expect("a query").split('&').map(|pair| pair.split_once('=').expect("a pair"));
        let read = pairs.map(|(name, value)| {
            let name = decode(name);
            let name = if style == "deepObject" { name[2..name.len() - 1].to_owned() } else { name };
            (name, decode(value))
        });
        prop_assert_eq!(read.collect::<std::collections::BTreeMap<_, _>>(), map);
    }

    /// Whatever an argument says, it stays where it is written, or is refused.
    #[test]
    fn nothing_ends_its_place(
        style in prop::sample::select(&["simple", "label", "matrix"][..]),
        query_style in prop::sample::select(&["form", "spaceDelimited", "pipeDelimited", "deepObject"][..]),
        cookie_style in prop::sample::select(&["form", "cookie"][..]),
        explode in any::<bool>(),
        reserved in any::<bool>(),
        text in prop_oneof![".{0,8}", "[./%2eE\\\\]{0,6}", "[;&=?#+,\r\n %a]{0,8}"],
        as_array in any::<bool>(),
    ) {
        let operation = json!({
            "method": "GET", "path": "/v/{p}/w",
            "parameters": [
                { "name": "p", "in": "path", "style": style, "explode": explode, "allowReserved": reserved, "schema": {} },
                { "name": "q", "in": "query", "style": query_style, "explode": explode, "allowReserved": reserved, "schema": {} },
                { "name": "X-H", "in": "header", "explode": explode, "schema": {} },
                { "name": "c", "in": "cookie", "style": cookie_style, "explode": explode, "schema": {} },
            ],
        });
        let fixture = Fixture::new(&operation, &json!({}), &UpstreamSpec::default());
        let value = if as_array { json!([text, text]) } else { json!(text) };
        let Ok(outgoing) = fixture.post(&json!({ "p": value, "q": value, "X-H": value, "c": value })) else { return Ok(()) };
        let uri: Uri = outgoing.path.to_string().parse().expect("a URI");
        prop_assert_eq!(uri.path(), outgoing.path.path());
        let segments: Vec<&str> = uri.path().split('/').collect();
        prop_assert_eq!(segments.len(), 4, "{}", uri);
        prop_assert!(!matches!(segments[2], "" | "." | ".."), "{}", uri);
        let pairs = uri.query().expect("a query").split('&').count();
        prop_assert!(pairs == 1 || (as_array && pairs == 2), "{}", uri);
        prop_assert!(!uri.query().expect("a query").contains(['#', ' ']));
        let header = outgoing.headers["x-h"].as_bytes();
        prop_assert!(!header.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
        let cookies = outgoing.headers["cookie"].as_bytes().split(|b| *b == b';').count();
        prop_assert!(cookies == 1 || (as_array && cookies == 2));
    }

    /// No content of a form ends its part.
    #[test]
    fn no_content_ends_its_part(name in ".{1,6}", text in "(?s).{0,12}|(\r\n--)?portolan.{0,4}") {
        let operation = json!({
            "method": "POST", "path": "/f",
            "body": { "types": [{ "type": "multipart/form-data", "schema": { "type": "object", "properties": { "x": {} }, "additionalProperties": true } }] },
        });
        let fixture = Fixture::new(&operation, &json!({}), &UpstreamSpec::default());
        let outgoing = fixture.post(&json!({ "$body": { (name): text } })).expect("binds");
        let media = outgoing.headers["content-type"].to_str().expect("text");
        let boundary = media.split_once("boundary=").expect("a boundary").1;
        let OutgoingBody::Full(body) = outgoing.body else { panic!("no body") };
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        prop_assert_eq!(body.matches(boundary).count(), 2);
        let (head, content) = body.split_once("\r\n\r\n").expect("a head");
        prop_assert_eq!(head.lines().count(), 2, "{}", head);
        prop_assert_eq!(content.strip_suffix(&format!("\r\n--{boundary}--\r\n")), Some(text.as_str()));
    }
}
