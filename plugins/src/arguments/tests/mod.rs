//! Types, text, queries and faults, as tables.

mod cost;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{BASE64, Coerce, Schemas, Types, Validator, fragment, from_base64, parse, to_base64};
use crate::problem::MAX_FAULTS;

#[test]
fn types_are_what_a_schema_admits() {
    let definitions = BTreeMap::from([
        ("Text".to_owned(), json!({ "type": "string" })),
        ("Loop".to_owned(), json!({ "$ref": "#/$defs/Loop" })),
        ("a/b~c d".to_owned(), json!({ "properties": { "x": { "type": "boolean" } } })),
    ]);
    let schemas = Schemas::definitions(&definitions);
    for (schema, expected) in [
        (json!(true), Types::ALL),
        (json!(false), Types::NONE),
        (json!({ "minimum": 1 }), Types::ALL),
        (json!({ "type": "number" }), Types::NUMBER),
        (json!({ "type": ["integer", "null"] }), Types::INTEGER | Types::NULL),
        (json!({ "enum": [1, "a"] }), Types::INTEGER | Types::STRING),
        (json!({ "const": {} }), Types::OBJECT),
        (json!({ "type": "number", "enum": [1, 2] }), Types::INTEGER),
        (json!({ "$ref": "#/$defs/Text" }), Types::STRING),
        (json!({ "$ref": "#/$defs/a~1b~0c%20d/properties/x" }), Types::BOOLEAN),
        (json!({ "$ref": "#/$defs/Missing" }), Types::ALL),
        (json!({ "$ref": "#/$defs/Loop" }), Types::ALL),
        (json!({ "anyOf": [{ "$ref": "#/$defs/Text" }, { "type": "null" }] }), Types::STRING | Types::NULL),
        (json!({ "oneOf": [{ "type": "array" }, { "type": "object" }], "type": "object" }), Types::OBJECT),
        (json!({ "allOf": [{ "type": ["string", "null"] }, { "$ref": "#/$defs/Text" }] }), Types::STRING),
    ] {
        assert_eq!(schemas.types(&schema), expected, "{schema}");
    }
}

#[test]
fn unions_of_unions_end() {
    let mut definitions = serde_json::Map::new();
    for level in 0..30 {
        let next = json!({ "$ref": format!("#/$defs/L{}", level + 1) });
        let properties = json!({ "x": next, "y": next });
        definitions.insert(
            format!("L{level}"),
            json!({ "anyOf": [next, next, next], "allOf": [next], "properties": properties }),
        );
    }
    let schema =
        json!({ "$defs": definitions, "properties": { "p": { "$ref": "#/$defs/L0" }, "q": { "type": "integer" } } });
    let begin = Instant::now();
    let coerce = Coerce::new(&Schemas::whole(&schema), &schema);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(parse("q=1", &coerce).unwrap()["q"], json!(1));
}

/// Reads a query under the schemas of its names.
fn read(properties: Value, query: &str) -> Result<Value, Vec<(String, String)>> {
    let schema = json!({ "properties": properties });
    let coerce = Coerce::new(&Schemas::whole(&schema), &schema);
    let faults = |faults: Vec<crate::Fault>| faults.into_iter().map(|f| (f.pointer, f.detail)).collect();
    parse(query, &coerce).map(Value::Object).map_err(faults)
}

#[test]
fn a_query_is_arguments() {
    let integers = json!({ "type": "array", "items": { "type": "integer" } });
    let object =
        json!({ "type": "object", "properties": { "n": { "type": "integer" }, "a.b": { "type": "boolean" } } });
    for (schema, query, expected) in [
        (json!({}), "", json!({})),
        (json!({}), "a=1&b=x%20y+z", json!({ "a": "1", "b": "x y z" })),
        (json!({}), "a=1&a=2&a=3", json!({ "a": ["1", "2", "3"] })),
        (json!({}), "a.b=1&a.c.d=2&a.c.d=3", json!({ "a": { "b": "1", "c": { "d": ["2", "3"] } } })),
        (json!({}), ".a=1&b.=2&.=3", json!({ ".a": "1", "b.": "2", ".": "3" })),
        (json!({ "l": integers }), "l=1&l=x", json!({ "l": [1, "x"] })),
        (json!({ "l": integers }), "l=", json!({ "l": [""] })),
        (
            json!({ "o": object }),
            "o.n=1&o.a.b=true&o.x.y=2",
            json!({ "o": { "n": 1, "a.b": true, "x": { "y": "2" } } }),
        ),
        (json!({ "o": object }), "o={\"n\":\"as it is\"}", json!({ "o": { "n": "as it is" } })),
        (json!({ "o": object }), "o={", json!({ "o": "{" })),
        (json!({ "a.b": { "type": "integer" }, "a": object }), "a.b=1&a.n=2", json!({ "a.b": 1, "a": { "n": 2 } })),
    ] {
        assert_eq!(read(schema.clone(), query), Ok(expected), "{query} under {schema}");
    }
}

#[test]
fn a_query_that_contradicts_itself_is_refused() {
    for (query, pointer) in
        [("a=1&a.b=2", "#/a.b"), ("a.b=1&a=2", "#/a"), ("a.b=1&a.b.c=2", "#/a.b.c"), ("%ff=1", "#"), ("a=%c3%28", "#")]
    {
        let faults = read(json!({}), query).unwrap_err();
        assert_eq!(faults.iter().map(|(at, _)| &**at).collect::<Vec<_>>(), [pointer], "{query}");
    }
    let deep = vec!["a"; 100].join(".");
    assert!(read(json!({}), &format!("{deep}=1")).is_err());
}

#[test]
fn number_formats_are_ranges() {
    for (format, fits, beyond) in [
        ("int8", json!(-128), json!(128)),
        ("uint8", json!(255), json!(-1)),
        ("int16", json!(32767), json!(32768)),
        ("int32", json!(2147483647), json!(2147483648_i64)),
        ("uint32", json!(4294967295_u64), json!(4294967296_u64)),
        ("int64", json!(9223372036854775807_i64), json!(9223372036854775808_u64)),
        ("uint64", json!(18446744073709551615_u64), json!(-1)),
        ("float", json!(3.4e38), json!(3.5e38)),
    ] {
        let validator = Validator::new(&json!({ "format": format })).unwrap();
        assert!(validator.check(&fits).is_ok(), "{format} {fits}");
        assert!(validator.check(&beyond).is_err(), "{format} {beyond}");
        assert!(validator.check(&json!("text")).is_ok(), "{format}");
    }
    for format in ["double", "date-time", "email", "uuid", "no such"] {
        assert!(Validator::new(&json!({ "format": format })).unwrap().check(&json!("x")).is_ok(), "{format}");
    }
}

#[test]
fn faults_say_where_and_what() {
    let schema = json!({
        "properties": {
            "a": { "type": "object", "properties": { "b/c~d": { "type": "array", "items": { "type": "integer" } } } },
            "nullable": { "anyOf": [{ "type": "object", "required": ["x"] }, { "type": "null" }] },
            "either": { "oneOf": [{ "type": "object", "required": ["x"] }, { "type": "object", "required": ["y"] }] },
            "closed": { "properties": { "m": true }, "additionalProperties": false },
            "one": { "enum": ["x", "y"] },
            "none": false,
        },
    });
    let validator = Validator::new(&schema).unwrap();
    for (arguments, expected) in [
        (json!({ "a": { "b/c~d": [1, "s3cret"] } }), vec![("#/a/b~1c~0d/1", "is not of type integer")]),
        (json!({ "nullable": {} }), vec![("#/nullable", "\"x\" is missing")]),
        (json!({ "nullable": "s3cret" }), vec![("#/nullable", "fits none of the alternatives")]),
        (json!({ "either": {} }), vec![("#/either", "fits none of the alternatives")]),
        (json!({ "either": { "x": 1, "y": 1 } }), vec![("#/either", "fits more than one of the alternatives")]),
        (
            json!({ "closed": { "k": 1, "l": 2 } }),
            vec![("#/closed/k", "is not known here"), ("#/closed/l", "is not known here")],
        ),
        (json!({ "one": "s3cret" }), vec![("#/one", "the value is not one of \"x\" or \"y\"")]),
        (json!({ "none": 1 }), vec![("#/none", "is not allowed here")]),
    ] {
        let faults = validator.check(&arguments).unwrap_err();
        let said: Vec<(&str, &str)> = faults.iter().map(|f| (&*f.pointer, &*f.detail)).collect();
        assert_eq!(said, expected, "{arguments}");
    }
}

#[test]
fn faults_are_few_and_short() {
    let options: Vec<String> = (0..1000).map(|n| format!("option {n}")).collect();
    let validator = Validator::new(&json!({ "items": { "enum": options } })).unwrap();
    let faults = validator.check(&json!(vec!["x"; 1000])).unwrap_err();
    assert_eq!(faults.len(), MAX_FAULTS);
    assert!(faults.iter().all(|fault| fault.detail.len() < 400), "{faults:?}");
}

#[test]
fn pointers_are_escaped_as_fragments() {
    for (name, step) in
        [("a", "/a"), ("a/b~c", "/a~1b~0c"), ("a b%", "/a%20b%25"), ("f[x]", "/f%5Bx%5D"), ("é", "/%C3%A9"), ("", "/")]
    {
        assert_eq!(fragment(name), step);
    }
}

proptest! {
    /// The schema says what the reader takes, and the reader takes bytes in each alphabet, padded or not.
    #[test]
    fn base64_has_one_meaning(text in "[Aa+/_é\n-]{0,9}={0,3}", bytes: Vec<u8>) {
        thread_local!(static PATTERN: jsonschema::Validator = jsonschema::draft202012::new(&json!({ "pattern": BASE64 })).unwrap());
        let valid = PATTERN.with(|pattern| pattern.is_valid(&json!(text)));
        prop_assert_eq!(valid, from_base64(text.as_bytes()).is_some(), "{:?}", text);

        let padded = to_base64(&bytes);
        let url_safe = padded.replace('+', "-").replace('/', "_");
        for text in [padded.trim_end_matches('='), &padded, url_safe.trim_end_matches('='), &url_safe] {
            prop_assert_eq!(from_base64(text.as_bytes()), Some(bytes.clone()), "{}", text);
        }
    }
}
