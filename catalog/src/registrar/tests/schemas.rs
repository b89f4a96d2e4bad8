//! Schemas in the store: what is shared, put together and dropped; and what a history says of them.

use serde_json::{Value, json};

use super::bench::{Bench, pass};
use crate::history::{MAX_BYTES, MAX_REVISIONS};
use crate::model::{Described, Description, Digest};
use crate::report::{Finding, Report};
use crate::store::{Key, Store};

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.full("consul", &["u"]).await.unwrap();
    bench
}

/// A document with one function for each of `inputs`, which share `definitions`.
fn document(inputs: &[(&str, Value)], definitions: Value) -> Finding {
    let function = |(name, input): &(&str, Value)| Described {
        input: input.clone(),
        output: Some(json!({"type": "string"})),
        ..super::bench::described(name)
    };
    let digest = Digest::of([format!("{inputs:?}{definitions}").as_bytes()]);
    let functions = inputs.iter().map(function).collect();
    let definitions = serde_json::from_value(definitions).unwrap();
    let description = Box::new(Description { functions, definitions, ..Description::default() });
    Finding::Found { description, digest, tls: false, hint: None }
}

async fn input(bench: &Bench, function: &str) -> Value {
    let entry = bench.entry("u");
    bench.catalog.materials(&entry, entry.function(function).unwrap()).await.unwrap().input
}

#[tokio::test(start_paused = true)]
async fn a_complete_schema_has_what_it_reaches_and_no_more() {
    let bench = bench().await;
    let definitions = json!({
        "Pet": {"properties": {"owner": {"$ref": "#/$defs/People~1Owner"}}},
        "People/Owner": {"properties": {"pets": {"items": {"$ref": "#/$defs/Pet"}}}},
        "Unused": {"type": "null"},
    });
    let pet = json!({"properties": {"pet": {"$ref": "#/$defs/Pet"}}});
    let plain = json!({"type": "object"});
    bench.probed("u", "rest", 1, document(&[("a", pet), ("b", plain.clone())], definitions.clone())).await;
    let a = input(&bench, "a").await;
    assert_eq!(a["properties"], json!({"pet": {"$ref": "#/$defs/Pet"}}));
    assert_eq!(a["$defs"], json!({"Pet": definitions["Pet"], "People/Owner": definitions["People/Owner"]}));
    assert_eq!(input(&bench, "b").await, plain);
    bench.check_store().await;
    let again = bench.kill().await;
    assert_eq!(input(&again, "a").await, a);
}

#[tokio::test(start_paused = true)]
async fn attachments_come_with_the_function_that_names_them() {
    let bench = bench().await;
    let content = bytes::Bytes::from_static(b"descriptors");
    let mut function = super::bench::described("a");
    function.binding["attachments"] = json!([Digest::of([&*content])]);
    let description = Box::new(Description {
        functions: vec![function, super::bench::described("b")],
        attachments: vec![content.clone(), "nobody names this".into()],
        ..Description::default()
    });
    let digest = Digest::of([]);
    bench.probed("u", "grpc", 1, Finding::Found { description, digest, tls: false, hint: None }).await;
    let entry = bench.entry("u");
    let attachments = async |name| {
        let function = entry.function(name).unwrap();
        bench.catalog.materials(&entry, function).await.unwrap().attachments
    };
    assert_eq!((attachments("a").await, attachments("b").await), (vec![content], vec![]));
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn a_digest_covers_what_is_reached() {
    let bench = bench().await;
    let one = |leaf: &str, unused: &str| {
        let definitions = json!({
            "Tree": {"properties": {"leaf": {"$ref": "#/$defs/Leaf"}}},
            "Leaf": {"type": leaf},
            "Other": {"type": unused},
        });
        let inputs = [("a", json!({"$ref": "#/$defs/Tree"})), ("b", json!({"$ref": "#/$defs/Other"}))];
        document(&inputs, definitions)
    };
    let revisions = |bench: &Bench| {
        let entry = bench.entry("u");
        (entry.function("a").unwrap().function.revision, entry.function("b").unwrap().function.revision)
    };
    bench.probed("u", "rest", 1, one("string", "string")).await;
    assert_eq!(revisions(&bench), (2, 2));
    bench.probed("u", "rest", 1, one("number", "string")).await;
    assert_eq!(revisions(&bench), (3, 2));
    assert_eq!(input(&bench, "a").await["$defs"]["Leaf"], json!({"type": "number"}));
    assert_eq!(input(&bench, "b").await["$defs"]["Other"], json!({"type": "string"}));
    let history = bench.catalog.history(&bench.id("u"), "a").await.unwrap();
    let changed: Vec<_> = history.iter().map(|revision| (revision.revision, revision.changed.clone())).collect();
    assert_eq!(changed, [(3, vec!["/definitions/Leaf/type".to_owned()]), (2, vec![])]);
    assert_eq!(bench.catalog.history(&bench.id("u"), "b").await.unwrap().len(), 1);
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn functions_of_two_versions_keep_their_own_definitions() {
    let bench = bench().await;
    let version = |name: &str, kind: &str| {
        let inputs = [("both", json!({})), (name, json!({"$ref": "#/$defs/Shared"}))];
        document(&inputs, json!({"Shared": {"type": kind}}))
    };
    bench.probed("u", "rest", 1, version("old", "string")).await;
    bench.probed("u", "rest", 2, version("new", "number")).await;
    assert_eq!(bench.functions("u"), "both new old ?");
    assert_eq!(input(&bench, "old").await["$defs"]["Shared"], json!({"type": "string"}));
    assert_eq!(input(&bench, "new").await["$defs"]["Shared"], json!({"type": "number"}));
    bench.check_store().await;
    let bench = bench.kill().await;
    assert_eq!(input(&bench, "old").await["$defs"]["Shared"], json!({"type": "string"}));
    bench.probed("u", "rest", 1, version("new", "number")).await;
    pass(30).await;
    bench.probed("u", "rest", 2, version("new", "number")).await;
    assert_eq!(bench.functions("u"), "both new");
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn many_changes_leave_nothing_behind() {
    let bench = bench().await;
    let version = |n: u32| {
        let inputs = [("a", json!({"$ref": "#/$defs/A"})), ("b", json!({"maximum": n}))];
        document(&inputs, json!({"A": {"maximum": n}}))
    };
    bench.probed("u", "rest", 1, version(0)).await;
    bench.probed("u", "rest", 1, version(1)).await;
    let before = bench.memory.len();
    for n in 2..50 {
        bench.probed("u", "rest", 1, version(n)).await;
        bench.check_store().await;
    }
    // Two events for each change, and nothing else.
    assert_eq!(bench.memory.len(), before + 48 * 2);
    let history = bench.catalog.history(&bench.id("u"), "a").await.unwrap();
    assert_eq!(history.len(), MAX_REVISIONS);
    assert!(history.is_sorted_by(|a, b| a.revision > b.revision));
    bench.report("consul", Report::Removed("u".into())).await.unwrap();
    bench.check_store().await;
    let only_log = bench.snapshot().logged + 1;
    assert_eq!(bench.memory.len(), only_log);
}

#[tokio::test(start_paused = true)]
async fn a_history_has_a_limit_in_bytes() {
    let bench = bench().await;
    let version = |n: u32| {
        let properties: Value = (0..100).map(|p| (format!("{p}{}", "x".repeat(200)), json!(n))).collect();
        document(&[("a", json!({"properties": properties}))], json!({}))
    };
    for n in 0..15 {
        bench.probed("u", "rest", 1, version(n)).await;
    }
    let history = bench.catalog.history(&bench.id("u"), "a").await.unwrap();
    assert!(history.len() < 10 && history[0].changed.len() == 64 && history[0].more == 36, "{}", history.len());
    let stored = bench.memory.get(&Key::History(bench.id("u"), "a".into())).await.unwrap().unwrap();
    assert!(stored.len() <= MAX_BYTES && stored.len() > MAX_BYTES / 2);
}
