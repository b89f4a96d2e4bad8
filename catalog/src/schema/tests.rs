//! References, complete schemas, differences.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

fn definitions(value: Value) -> BTreeMap<String, Value> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_schema_reaches_what_it_refers_to() {
    let definitions = definitions(json!({
        "Tree": {"properties": {"left": {"$ref": "#/$defs/Tree"}, "leaf": {"$ref": "#/$defs/Leaf"}}},
        "Leaf": {"type": "string"},
        "a/b": {"$ref": "#/$defs/c~0d"},
        "c~d": true,
        "with space": {},
        "100%": {},
    }));
    let reach = Reach::new(&definitions);
    let check = |schema: Value, expected: &[&str]| {
        let reached: Vec<_> = reach.from([&schema]).into_iter().collect();
        assert_eq!(reached, expected, "{schema}");
    };
    check(json!(true), &[]);
    check(json!({"$ref": "#/$defs/Leaf"}), &["Leaf"]);
    check(json!({"items": [{"$ref": "#/$defs/Tree"}]}), &["Leaf", "Tree"]);
    check(json!({"$ref": "#/$defs/Tree/properties/leaf"}), &["Leaf", "Tree"]);
    check(json!({"$ref": "#/$defs/a~1b"}), &["a/b", "c~d"]);
    check(json!({"anyOf": [{"$ref": "#/$defs/with%20space"}, {"$ref": "#/$defs/100%"}]}), &["100%", "with space"]);
    check(json!({"properties": {"$ref": {"type": "string"}}}), &[]);
    check(json!({"anyOf": [{"$ref": "#/$defs/Missing"}, {"$ref": "other.json#/$defs/Leaf"}]}), &[]);
}

#[test]
fn a_difference_names_places() {
    let check = |old: Value, new: Value, expected: &[&str]| {
        let mut found = Difference::default();
        difference("/input", Some(&old), Some(&new), &mut found);
        assert_eq!(found.places, expected, "{old} {new}");
    };
    check(json!({"a": 1}), json!({"a": 1}), &[]);
    check(json!({"a": 1}), json!({"a": 2, "b": 3}), &["/input/a", "/input/b"]);
    check(json!({"x": {"a~": {"b/": 1, "c": 2}}}), json!({"x": {"a~": {"c": 2}}}), &["/input/x/a~0/b~1"]);
    check(json!([1, 2]), json!([1, 3]), &["/input"]);
    check(json!({"a": {}}), json!({"a": []}), &["/input/a"]);
}

#[test]
fn a_difference_is_bounded() {
    let many = |value: u32| (0..1000).map(|n| (format!("property{n}"), json!(value))).collect::<Value>();
    let mut found = Difference::default();
    difference("", Some(&many(1)), Some(&many(2)), &mut found);
    assert_eq!((found.places.len(), found.more), (64, 936));

    let deep = |value: u32| (0..100).fold(json!(value), |inner, _| json!({"a long name of a property": inner}));
    let mut found = Difference::default();
    difference("", Some(&deep(1)), Some(&deep(2)), &mut found);
    assert_eq!(found.places.len(), 1);
    assert!(found.places[0].len() <= 256 && !found.places[0].is_empty());
}
