//! What is not checked as it would take too long, and that the tables are upper bounds.

use std::cell::RefCell;
use std::collections::HashMap;

use jsonschema::{Keyword, ValidationError};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::Validator;
use super::super::looks::{Tables, tables};
use crate::call::Fit;

#[test]
fn filters_of_filters() {
    let list = |op: &str| {
        json!({
            "required": ["op", "filters"],
            "properties": { "op": { "const": op }, "filters": { "type": "array", "items": { "$ref": "#/$defs/Filter" } } },
        })
    };
    let leaf = json!({ "required": ["op", "field"], "properties": { "op": { "const": "eq" }, "field": { "type": "string" } } });
    let schema = json!({
        "properties": { "where": { "$ref": "#/$defs/Filter" } },
        "$defs": { "Filter": { "oneOf": [list("and"), list("or"), leaf] } },
    });
    let validator = Validator::new(&schema).unwrap();
    let nested = |levels: usize, field: Value| {
        let leaf = json!({ "op": "eq", "field": field });
        json!({ "where": (0..levels).fold(leaf, |inner, _| json!({ "op": "or", "filters": [inner] })) })
    };
    assert_eq!(validator.check(&nested(4, json!("x"))), Ok(Fit::Fits));
    let faults = validator.check(&nested(4, json!(1))).unwrap_err();
    assert_eq!(faults[0].pointer, "#/where");
    assert_eq!(validator.check(&nested(11, json!("x"))), Ok(Fit::Fits));
    let faults = validator.check(&nested(11, json!(1))).unwrap_err();
    assert_eq!((faults.len(), &*faults[0].pointer), (1, "#"), "{faults:?}");
    for levels in [20, 40, 60] {
        assert_eq!(validator.check(&nested(levels, json!(1))), Ok(Fit::Unchecked));
        assert_eq!(validator.faults_of_values(&nested(levels, json!(1))), []);
    }
}

/// `levels` definitions, each of which is `keyword` of the next one, some times.
fn chain(levels: &[(&str, usize)], last: Value) -> Map<String, Value> {
    let level = |(n, (keyword, times)): (usize, &(&str, usize))| {
        (format!("L{n}"), json!({ *keyword: vec![json!({ "$ref": format!("#/$defs/L{}", n + 1) }); *times] }))
    };
    let last = (format!("L{}", levels.len()), last);
    levels.iter().enumerate().map(level).chain([last]).collect()
}

#[test]
fn a_long_list_of_what_costs_little() {
    let definitions = chain(&[("anyOf", 2); 10], json!({ "type": "string" }));
    let schema = json!({ "items": { "$ref": "#/$defs/L0" }, "$defs": definitions });
    let validator = Validator::new(&schema).unwrap();
    assert_eq!(validator.check(&json!(vec!["x"; 50])), Ok(Fit::Fits));
    assert!(validator.check(&json!([1])).is_err());
    assert_eq!(validator.check(&json!(vec!["x"; 1000])), Ok(Fit::Unchecked));
    assert_eq!(validator.check(&json!(["x".repeat(100_000)])), Ok(Fit::Unchecked));
}

#[test]
fn alternatives_at_the_end_of_a_long_chain() {
    let levels = [[("allOf", 1); 88].as_slice(), &[("oneOf", 2); 20]].concat();
    let schema = json!({ "properties": { "a": { "$ref": "#/$defs/L0" } }, "$defs": chain(&levels, json!(true)) });
    let validator = Validator::new(&schema).unwrap();
    assert_eq!(validator.check(&json!({ "a": 1 })), Ok(Fit::Unchecked));
    assert_eq!(validator.check(&json!({})), Ok(Fit::Fits));
}

#[test]
fn alternatives_of_themselves() {
    let refer = |n: usize| json!({ "$ref": format!("#/$defs/D{n}") });
    let all = |n: usize| (format!("D{n}"), json!({ "anyOf": (0..9).map(refer).collect::<Value>() }));
    let schema = json!({ "properties": { "a": refer(0) }, "$defs": (0..9).map(all).collect::<Map<_, _>>() });
    assert_eq!(Validator::new(&schema).unwrap().check(&json!({ "a": {} })), Ok(Fit::Unchecked));

    let cat = json!({ "allOf": [{ "$ref": "#/$defs/Pet" }, { "required": ["claws"] }] });
    let dog = json!({ "allOf": [{ "$ref": "#/$defs/Pet" }, { "required": ["tail"] }] });
    let pet = json!({ "oneOf": [{ "$ref": "#/$defs/Cat" }, { "$ref": "#/$defs/Dog" }] });
    let pets = json!({ "items": { "$ref": "#/$defs/Pet" }, "$defs": { "Cat": cat, "Dog": dog, "Pet": pet } });
    let validator = Validator::new(&pets).unwrap();
    assert_eq!(validator.check(&json!(vec![json!({ "tail": 1 }); 200])), Ok(Fit::Fits));
}

#[test]
fn a_large_value_of_an_ordinary_schema_is_checked() {
    let tree = json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string" },
            "labels": { "additionalProperties": { "type": "string" } },
            "children": { "type": "array", "items": { "$ref": "#/$defs/Tree" } },
        },
        "additionalProperties": false,
    });
    let schema = json!({ "$ref": "#/$defs/Tree", "$defs": { "Tree": tree } });
    let validator = Validator::new(&schema).unwrap();
    let deep = (0..50).fold(json!({ "name": "x" }), |below, _| json!({ "name": "x", "children": [below] }));
    let large =
        |name: Value| json!({ "name": "x", "children": vec![json!({ "name": name, "labels": { "a": "b" } }); 50_000] });
    assert_eq!(validator.check(&deep), Ok(Fit::Fits));
    assert_eq!(validator.check(&large(json!("x"))), Ok(Fit::Fits));
    assert_eq!(validator.check(&large(json!(1))).unwrap_err()[0].pointer, "#/children/0/name");
}

thread_local!(static SEEN: RefCell<HashMap<*const Value, u64>> = RefCell::default());

/// A keyword of the validator's that counts how often it is looked at.
struct Counted;

impl<'i> Keyword<'i> for Counted {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.is_valid(instance);
        Ok(())
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        SEEN.with_borrow_mut(|seen| *seen.entry(instance).or_default() += 1);
        true
    }
}

/// How often the validator looks at each node below `value`, with its depth.
fn counted(value: &Value, validate: impl FnOnce()) -> Vec<(usize, u64)> {
    fn nodes(value: &Value, depth: usize, to: &mut Vec<(usize, u64)>) {
        let times = SEEN.with_borrow(|seen| seen.get(&std::ptr::from_ref(value)).copied());
        to.push((depth, times.unwrap_or_default()));
        match value {
            Value::Array(list) => list.iter().for_each(|value| nodes(value, depth + 1, to)),
            Value::Object(map) => map.values().for_each(|value| nodes(value, depth + 1, to)),
            _ => {}
        }
    }
    SEEN.take();
    validate();
    let mut all = Vec::new();
    nodes(value, 0, &mut all);
    all
}

/// A schema whose parts refer to three definitions; each counts.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({ "count": 1 })),
        Just(json!({ "count": 1, "type": "string" })),
        Just(json!({ "count": 1, "type": "object" })),
        Just(json!(false)),
        "[ABC]".prop_map(|name| json!({ "count": 1, "properties": { "a": { "$ref": format!("#/$defs/{name}") } } })),
        "[ABC]".prop_map(|name| json!({ "count": 1, "items": { "$ref": format!("#/$defs/{name}") } })),
    ];
    leaf.prop_recursive(4, 40, 3, |inner| {
        let keyword = prop::sample::select(
            &[
                "allOf",
                "anyOf",
                "oneOf",
                "prefixItems",
                "properties",
                "patternProperties",
                "dependentSchemas",
                "not",
                "if",
                "then",
                "else",
                "items",
                "contains",
                "additionalProperties",
                "unevaluatedProperties",
                "unevaluatedItems",
                "propertyNames",
            ][..],
        );
        let said = (keyword, prop::collection::vec(inner, 1..3)).prop_map(|(keyword, schemas)| {
            let value = match keyword {
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => json!(schemas),
                "properties" | "patternProperties" | "dependentSchemas" => {
                    ["a", "b"].into_iter().zip(schemas).collect()
                }
                _ => schemas.into_iter().next().unwrap(),
            };
            (keyword.to_owned(), value)
        });
        prop::collection::vec(said, 1..5)
            .prop_map(|all| Value::Object(all.into_iter().chain([("count".to_owned(), json!(1))]).collect()))
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!("x")), Just(json!(1))];
    leaf.prop_recursive(5, 30, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("[abc]", inner), 0..3).prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_node_is_looked_at_more_often_than_is_told(root in schema(), a in schema(), b in schema(), c in schema(), value in value()) {
        let Value::Object(root) = root else { return Ok(()) };
        let defs = Map::from_iter([("$defs".to_owned(), json!({ "A": a, "B": b, "C": c }))]);
        let schema = Value::Object(root.into_iter().chain(defs).collect());
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_keyword("count", |_, _, _| Ok(Box::new(Counted)))
            .build(&schema)
            .unwrap();
        let Tables { verdict, faults, .. } = tables(&schema);
        for (depth, times) in counted(&value, || _ = validator.is_valid(&value)) {
            prop_assert!(times <= verdict[depth], "{times} looks at depth {depth} in {value} by {schema}");
        }
        for (depth, times) in counted(&value, || _ = validator.iter_errors(&value).count()) {
            prop_assert!(times <= faults[depth], "{times} looks at depth {depth} for faults in {value} by {schema}");
        }
    }
}
