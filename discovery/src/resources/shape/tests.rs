//! What a schema says of a document, in the words that files get.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::resources::node::At;

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-one-of" = ["one", "two"]))]
struct Sample {
    one: Option<bool>,
    two: Option<Inner>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    later_on: Option<Later>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(extend("x-at-most-one-of" = ["few", "many"]))]
struct Inner {
    #[schemars(length(min = 1))]
    name: String,
    #[schemars(range(min = 2, max = 4))]
    few: Option<u8>,
    #[schemars(length(min = 1, max = 3))]
    many: Option<Vec<Item>>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(title = "item of many")]
struct Item {
    #[schemars(title = "a word", regex(pattern = "^[a-z]+$"))]
    word: String,
}

impl PartialEq for Later {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

fn check(document: Value, wanted: &[&str]) {
    let node = Node::of_json(&document);
    let mut remarks = Remarks::default();
    let read = Shape::of::<Sample>().read::<Sample>(&Field { path: "spec".into(), node: &node }, &mut remarks);
    let said: Vec<_> = remarks.0.iter().map(|remark| remark.message.as_str()).collect();
    assert_eq!(said, wanted, "{document}");
    assert_eq!(read.is_some(), !remarks.refuse(), "{document}");
    assert!(remarks.0.iter().all(|remark| remark.at == At::NOWHERE));
}

#[test]
fn what_fits_is_read_and_what_does_not_is_named() {
    check(json!({"one": true}), &[]);
    check(json!({"two": {"name": "n", "many": [{"word": "w"}]}, "labels": {"a": "b"}, "one": null}), &[]);
    check(json!({"one": true, "laterOn": {"x": [1.5]}}), &["spec.laterOn: is known and has no effect yet"]);
    check(json!({"one": true, "laterOn": null}), &[]);
    check(json!({}), &["spec: must have exactly one of one, two"]);
    check(json!({"one": true, "two": {"name": "n"}}), &["spec: must have exactly one of one, two"]);
    check(
        json!({"two": {"few": 3, "many": []}}),
        &[
            "spec.two.name: is missing",
            "spec.two: must have at most one of few, many",
            "spec.two.many: has no item of many",
        ],
    );
    let one = json!({"word": "w"});
    check(
        json!({"two": {"name": "n", "many": [one, one, one, one]}}),
        &["spec.two.many: has more than 3 of item of many"],
    );
    check(
        json!({"two": {"name": "", "few": 5}}),
        &[
            "spec.two.few: must be a whole number from 2 to 4, is a number",
            "spec.two.name: must be a text that is not empty, is a text",
        ],
    );
    check(
        json!({"two": {"name": "n", "many": [{"word": "W"}, {"word": 1, "more": 2}, 7]}}),
        &[
            "spec.two.many[0].word: must be a word",
            "spec.two.many[1].more: is not a known field",
            "spec.two.many[1].word: must be a text, is a number",
            "spec.two.many[2]: must be a map, is a number",
        ],
    );
    check(
        json!({"one": "yes", "labels": {"a.b": 1}}),
        &[
            "spec.labels[\"a.b\"]: must be a text; put it in quotes, is a number",
            "spec.one: must be true or false, is a text",
        ],
    );
    check(json!([]), &["spec: must be a map, is a list"]);
}

#[test]
fn the_schema_is_structural() {
    fn check(schema: &Value) {
        let keywords = schema.as_object().expect("a schema is an object");
        let known = [
            "type",
            "description",
            "properties",
            "items",
            "additionalProperties",
            "required",
            "minimum",
            "maximum",
            "minLength",
            "minItems",
            "maxItems",
            "pattern",
            "title",
            ONE_OF,
            AT_MOST_ONE_OF,
            KEPT,
        ];
        keywords.keys().for_each(|keyword| assert!(known.contains(&&**keyword), "{keyword}: {schema}"));
        assert!(keywords.get("type").is_some_and(Value::is_string) || keywords.contains_key(KEPT), "{schema}");
        keywords.get("properties").and_then(Value::as_object).into_iter().flatten().for_each(|(_, each)| check(each));
        ["items", "additionalProperties"].iter().filter_map(|inner| keywords.get(*inner)).for_each(check);
    }
    check(&Value::Object(schema::<Sample>()));
    check(&Value::Object(schema::<crate::resources::upstream::Spec>()));
}
