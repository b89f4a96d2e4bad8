//! JSON and YAML as they come over the wire.

use serde_json::{Value, json};

use super::{DocumentError, location, read_text};
use crate::functions::rest::document::{text, yaml};

#[test]
fn what_is_no_document() {
    for text in [
        "",
        "  \n",
        "<!DOCTYPE html><title>openapi: 3</title>",
        "[1, 2]",
        "Not found",
        "{}",
        r#"{"configUrl":"/v3/api-docs/swagger-config","urls":[]}"#,
        "404 page not found: openapi.json",
        "\"openapi: 3.0.0\"",
    ] {
        assert!(matches!(read_text(text), Err(DocumentError::NotOpenApi)), "{text}");
    }
}

#[test]
fn broken_texts_say_where() {
    for (text, expected) in [
        (r#"{"openapi":"3.0.0","paths":{"#, "broken JSON: EOF while parsing an object at line 1 column 28"),
        (r#"{"openapi" "3.0.0"}"#, "broken JSON: expected `:` at line 1 column 12"),
        ("openapi: 3.0.0\npaths: [", "broken YAML: "),
        ("openapi: 3.0.0\n---\nopenapi: 3.0.0", "broken YAML: "),
    ] {
        match read_text(text) {
            Err(DocumentError::Syntax(said)) => assert!(said.starts_with(expected), "{said}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn tolerated_texts() {
    let document = r#"{"openapi":"3.0.0","paths":{"/a":{"get":{"description":"\ud800 é","parameters":[{"name":"a","in":"query","schema":{"maximum":1e400,"default":-1e999}}]}}}}"#;
    let mut bytes = b"\xef\xbb\xbf \n".to_vec();
    bytes.extend(document.as_bytes());
    bytes.extend(b"\n\n");
    let description = super::super::read(&bytes, &location()).unwrap();
    assert_eq!(description.functions[0].description.as_deref(), Some("\u{fffd} é"));
    let latin = String::from_utf8_lossy(&bytes)
        .replace('é', "x")
        .into_bytes()
        .iter()
        .map(|b| if *b == b'x' { 0xe9 } else { *b })
        .collect::<Vec<_>>();
    assert_eq!(super::super::read(&latin, &location()).unwrap().functions.len(), 1);
}

#[test]
fn repaired_json_is_otherwise_the_same() {
    for (given, expected) in [
        (
            r#"{"a":[1e400,-1E+400,1e-400,12345678901234567890123,-0.5]}"#,
            r#"{"a":[1.7976931348623157e308,-1.7976931348623157e308,1e-400,12345678901234567890123,-0.5]}"#,
        ),
        (r#""\ud83d\ude00 \ud83d \ude00 \\ud800 \"1e400\"""#, r#""\ud83d\ude00 \ufffd \ufffd \\ud800 \"1e400\"""#),
        (r#""é\uDBFFx""#, r#""é\ufffdx""#),
        (r#"[true,null,"unclosed"#, r#"[true,null,"unclosed"#),
    ] {
        assert_eq!(text::repaired(given), expected);
    }
}

#[test]
fn yaml_scalars_mean_what_1_2_says() {
    for (given, expected) in [
        ("yes", json!("yes")),
        ("on", json!("on")),
        ("true", json!(true)),
        ("~", json!(null)),
        ("", json!(null)),
        ("2019-09-15", json!("2019-09-15")),
        ("16:39:57", json!("16:39:57")),
        ("012", json!(12.0)),
        ("0o17", json!(15)),
        ("1.0", json!(1.0)),
        ("'1.0'", json!("1.0")),
        ("1e400", json!(f64::MAX)),
        (".inf", json!(f64::MAX)),
        (".nan", json!(null)),
        ("123456789012345678901234567890", json!(123456789012345678901234567890.0)),
        ("!!str 5", json!("5")),
        ("!!binary aGk=", json!("aGk=")),
        ("!own text", json!("text")),
    ] {
        let read: Value = serde_json::from_str(&yaml::to_json(&format!("a: {given}\n")).unwrap()).unwrap();
        assert_eq!(read["a"], expected, "{given}");
    }
}

#[test]
fn yaml_keys_are_their_text_in_their_order() {
    for (given, expected) in [
        (
            "200: a\non: b\n1.10: c\ntrue: d\nnull: e\n2019-01-01: f\n",
            r#"{"200":"a","on":"b","1.10":"c","true":"d","null":"e","2019-01-01":"f"}"#,
        ),
        ("b: {z: 1, y: 2}\na: [1, []]\n", r#"{"b":{"z":1,"y":2},"a":[1,[]]}"#),
        ("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\n", r#"{"base":{"x":1,"y":2},"more":{"y":3,"x":1}}"#),
        ("a: &x [1]\nb: *x\n", r#"{"a":[1],"b":[1]}"#),
        ("a: {}\nb: []\nc: ','\n", r#"{"a":{},"b":[],"c":","}"#),
    ] {
        let (read, expected): (Value, Value) =
            (serde_json::from_str(&yaml::to_json(given).unwrap()).unwrap(), serde_json::from_str(expected).unwrap());
        assert_eq!(read, expected);
    }
    assert_eq!(yaml::to_json("b: 1\na: 2\n").unwrap(), r#"{"b":1,"a":2}"#);
    let twice: Value = serde_json::from_str(&yaml::to_json("a: 1\nb: 2\na: 3\n").unwrap()).unwrap();
    assert_eq!(twice, json!({ "a": 3, "b": 2 }));
}

#[test]
fn a_quoted_text_may_go_on_at_the_margin() {
    let read = yaml::to_json("a:\n  b: \"one\n  two\n  three\"\n  c: 1\n").unwrap();
    assert_eq!(read, r#"{"a":{"b":"one two three","c":1}}"#);
}

#[test]
fn json_that_only_yaml_takes() {
    let description = read_text("{openapi: 3.0.0, paths: {/a: {get: {operationId: x,}}}}").unwrap();
    assert_eq!(description.functions[0].name, "x");
}
