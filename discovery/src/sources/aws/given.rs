//! Functions that a resource names, most of them to give them names of their own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catalog::model::{Described, Description};

/// An upstream that has the functions of a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Onto {
    /// The source's key for it.
    pub(crate) key: Arc<str>,
    /// Those that it names.
    pub(crate) given: Vec<Given>,
}

/// A function that a resource names, under a name of its own where it says one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Given {
    name: Option<String>,
    listed: String,
}

impl Given {
    /// `name` for a function, for its newest code without a qualifier.
    pub(crate) fn new(name: Option<&str>, function: &str, qualifier: Option<&str>) -> Self {
        let listed = match qualifier {
            None | Some("" | "$LATEST") => function.to_owned(),
            Some(qualifier) => format!("{function}:{qualifier}"),
        };
        Self { name: name.filter(|name| *name != listed).map(str::to_owned), listed }
    }

    /// Whether the function has another name by it than the one that it is listed by.
    pub(crate) fn names(&self) -> bool {
        self.name.is_some()
    }
}

impl Onto {
    /// The functions of a place, with those names, as `description` has them without. A name goes before the same one of a function
    /// that is listed, and is the same function to the catalog whatever it stands for.
    pub(super) fn describe(&self, mut description: Description) -> Description {
        let listed: HashMap<_, _> = description.functions.iter().map(|one| (one.name.as_str(), one)).collect();
        let mut named = BTreeMap::new();
        let complaints = &mut description.complaints;
        for Given { name, listed: wanted } in &self.given {
            let said = name.as_ref().unwrap_or(wanted);
            let Some(function) = listed.get(wanted.as_str()) else {
                complaints.push(format!("{said}: no function {wanted} is listed"));
                continue;
            };
            let Some(name) = name else { continue };
            if listed.contains_key(name.as_str()) {
                complaints
                    .push(format!("{name}: a function is listed by this name, too: whichever had it first keeps it"));
            }
            let origin = format!("lambdaFunctions {name}");
            let function = Described { origin, name: name.clone(), ..Described::clone(function) };
            if named.insert(name, function).is_some() {
                complaints.push(format!("{name}: is given twice: it is {wanted}"));
            }
        }
        description.functions = named.into_values().chain(description.functions).collect();
        description
    }
}

#[cfg(test)]
mod tests {
    use catalog::model::{Kind, SourceId, UpstreamSpec};
    use serde_json::{Value, json};

    use super::*;
    use crate::Reports;
    use crate::testing::Bench;

    fn function(name: &str) -> Described {
        Described {
            origin: format!("arn:{name}"),
            name: name.into(),
            summary: None,
            description: None,
            deprecated: false,
            safe: false,
            tags: Vec::new(),
            binding: json!({"arn": name}),
            input: Value::Null,
            output: None,
        }
    }

    /// The functions `f`, `f:live` and `f:beta` with these names: name, function, qualifier.
    fn described(given: &[(&str, &str, &str)]) -> Description {
        let given = given.iter().map(|(name, function, qualifier)| {
            Given::new(Some(*name).filter(|name| !name.is_empty()), function, Some(qualifier))
        });
        let onto = Onto { key: "u".into(), given: given.collect() };
        let functions = ["f", "f:live", "f:beta"].map(function).into();
        onto.describe(Description { functions, ..Description::default() })
    }

    #[test]
    fn names_are_added_to_those_that_are_listed() {
        let check = |given: &[_], wanted: &[&str], complaints: &[&str]| {
            let description = described(given);
            let named = description.functions.iter().map(|one| format!("{}={}", one.name, one.binding["arn"]));
            let named: Vec<_> = named.map(|one| one.replace('"', "")).collect();
            assert_eq!(named, [wanted, &["f=f", "f:live=f:live", "f:beta=f:beta"]].concat());
            assert_eq!(description.complaints, complaints);
        };
        check(&[("price", "f", "live"), ("f", "f", "$LATEST"), ("", "f", "")], &["price=f:live"], &[]);
        let missing = ["gone: no function g is listed", "h:live: no function h:live is listed"];
        check(&[("gone", "g", ""), ("", "h", "live")], &[], &missing);
        let clash = "f: a function is listed by this name, too: whichever had it first keeps it";
        check(&[("f", "f", "live")], &["f=f:live"], &[clash]);
        check(&[("a", "f", "live"), ("a", "f", "beta")], &["a=f:beta"], &["a: is given twice: it is f:beta"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_stays_whatever_it_stands_for() {
        let bench = Bench::new().await;
        bench.list("u", UpstreamSpec::default(), &[]).await;
        let reports = Reports::new(bench.catalog.clone(), SourceId::new("static", ""));
        let check = async |given: &[_], wanted: &[&str]| {
            reports.functions(&"u".into(), &Kind::new("lambda"), described(given)).await.unwrap();
            let entry = bench.catalog.snapshot().upstream("gloo-system", "u").unwrap().clone();
            let all = entry.functions.iter().map(|one| (&*one.function.name, one.function.binding.get()));
            let own = all.filter(|(name, _)| !["f", "f:live", "f:beta"].contains(name));
            assert_eq!(own.map(|(name, binding)| format!("{name} {binding}")).collect::<Vec<_>>(), wanted);
        };
        check(&[("price", "f", "live")], &[r#"price {"arn":"f:live"}"#]).await;
        check(&[("price", "f", "beta")], &[r#"price {"arn":"f:beta"}"#]).await;
        check(&[], &[]).await;
    }
}
