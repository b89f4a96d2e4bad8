//! The custom resources, as `kubectl apply` takes them: one file for each kind, generated from its types.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::shape::{AT_MOST_ONE_OF, ONE_OF, at_most_one, exactly_one, names, schema};
use super::status::Statuses;
use super::upstream;

/// One kind of resource, as the API server is told of it.
struct Definition {
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    about: &'static str,
    spec: fn() -> Map<String, Value>,
}

/// Every kind that there is a definition of.
const DEFINITIONS: &[Definition] = &[Definition {
    group: "gloo.solo.io",
    kind: "Upstream",
    plural: "upstreams",
    short: "us",
    about: "Something that runs and can be called.",
    spec: schema::<upstream::Spec>,
}];

/// The files of all kinds by their names, each with its text.
pub fn files() -> impl Iterator<Item = (String, String)> {
    DEFINITIONS.iter().map(|definition| {
        let name = format!("{}_{}.yaml", definition.group, definition.plural);
        let text = serde_saphyr::to_string(&sorted(definition.document())).unwrap_or_else(|error| error.to_string());
        (name, format!("# Generated: `cargo run -p portolan-discovery --example crds`.\n{text}"))
    })
}

impl Definition {
    fn document(&self) -> Value {
        let Self { group, kind, plural, short, about, spec } = self;
        let schema = json!({
            "type": "object",
            "description": about,
            "required": ["spec"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
                "spec": published(Value::Object(spec())),
                "status": published(Value::Object(schema::<Statuses>())),
            },
        });
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {
                    "kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase(),
                    "shortNames": [short], "categories": ["portolan"],
                },
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": "State", "type": "string", "jsonPath": ".status.statuses.*.state"},
                        {"name": "Reason", "type": "string", "priority": 1, "jsonPath": ".status.statuses.*.reason"},
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                    "schema": {"openAPIV3Schema": schema},
                }],
            },
        })
    }
}

/// A schema without what is ours alone: what a value is called goes, and how many of some fields there may be becomes a rule.
fn published(schema: Value) -> Value {
    let Value::Object(keywords) = schema else { return schema };
    let mut kept = Map::new();
    let mut rules = Vec::new();
    for (keyword, value) in keywords {
        match keyword.as_str() {
            "title" => {}
            ONE_OF => rules.push(rule(&names(&value), "exists_one(x, x)", exactly_one)),
            AT_MOST_ONE_OF => rules.push(rule(&names(&value), "filter(x, x).size() <= 1", at_most_one)),
            "properties" => _ = kept.insert(keyword, each(value)),
            "items" | "additionalProperties" => _ = kept.insert(keyword, published(value)),
            _ => _ = kept.insert(keyword, value),
        }
    }
    if !rules.is_empty() {
        kept.insert("x-kubernetes-validations".into(), rules.into());
    }
    Value::Object(kept)
}

fn each(properties: Value) -> Value {
    let Value::Object(properties) = properties else { return properties };
    properties.into_iter().map(|(name, schema)| (name, published(schema))).collect()
}

fn rule(names: &[String], holds: &str, message: fn(&[String]) -> String) -> Value {
    let there: Vec<_> = names.iter().map(|name| format!("has(self.{name})")).collect();
    json!({"rule": format!("[{}].{holds}", there.join(", ")), "message": message(names)})
}

/// The same, with the fields in order, so that the text is the same whatever else is built.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.into_iter().collect();
            fields.into_iter().map(|(name, value)| (name, sorted(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_published_files_are_those_of_the_types() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/crds");
        for (name, text) in super::files() {
            let file = folder.join(&name);
            let published = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(published == text, "{}: run `cargo run -p portolan-discovery --example crds`", file.display());
        }
        let published = std::fs::read_dir(folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "yaml"));
        assert_eq!(published.count(), super::files().count(), "each file has a kind");
    }
}
