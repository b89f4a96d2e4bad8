//! Functions that a resource gives names of its own.

use std::sync::Arc;

use catalog::model::{Described, Description};

/// An upstream that has the functions of a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Onto {
    /// The source's key for it.
    pub(crate) key: Arc<str>,
    /// Those that it has under other names, too.
    pub(crate) given: Vec<Given>,
}

/// A function under another name than it is listed by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Given {
    name: String,
    listed: String,
}

impl Given {
    /// `name` for a function, for its newest code without a qualifier; `None` where that is what it is listed by.
    pub(crate) fn new(name: &str, function: &str, qualifier: Option<&str>) -> Option<Self> {
        let listed = match qualifier {
            None | Some("" | "$LATEST") => function.to_owned(),
            Some(qualifier) => format!("{function}:{qualifier}"),
        };
        (name != listed).then(|| Self { name: name.to_owned(), listed })
    }
}

impl Onto {
    /// The functions of a place, with those names, as `description` has them without.
    pub(super) fn describe(&self, mut description: Description) -> Description {
        for Given { name, listed } in &self.given {
            let Some(function) = description.functions.iter().find(|function| function.name == *listed) else {
                description.complaints.push(format!("{name}: no function {listed} is listed"));
                continue;
            };
            let origin = format!("{} as {name}", function.origin);
            description.functions.push(Described { origin, name: name.clone(), ..function.clone() });
        }
        description
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn names_are_added_to_those_that_are_listed() {
        let function = |name: &str| Described {
            origin: format!("arn:{name}"),
            name: name.into(),
            summary: None,
            description: None,
            deprecated: false,
            safe: false,
            tags: Vec::new(),
            binding: Value::Null,
            input: Value::Null,
            output: None,
        };
        let description = Description { functions: vec![function("f"), function("f:live")], ..Description::default() };
        let given = [("price", "f", Some("live")), ("f", "f", Some("$LATEST")), ("gone", "g", None)];
        let given = given.iter().filter_map(|(name, function, qualifier)| Given::new(name, function, *qualifier));
        let onto = Onto { key: "k".into(), given: given.collect() };
        let description = onto.describe(description);
        let named = description.functions.iter().map(|function| (function.name.as_str(), function.origin.as_str()));
        let wanted = [("f", "arn:f"), ("f:live", "arn:f:live"), ("price", "arn:f:live as price")];
        assert_eq!(named.collect::<Vec<_>>(), wanted);
        assert_eq!(description.complaints, ["gone: no function g is listed"]);
    }
}
