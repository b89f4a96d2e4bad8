//! What a gateway answers when it is asked for its functions.

use std::collections::BTreeMap;

use catalog::model::{Described, Description};
use serde::Deserialize;

use crate::functions::http::Binding;

/// The most functions of one namespace that are taken.
const MOST: usize = 10_000;

/// One function, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deployed {
    name: String,
    /// Where it is; older gateways have one namespace, and do not say it.
    #[serde(default)]
    pub(super) namespace: Option<String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// Reads the functions of one namespace.
pub(super) fn read(body: &[u8]) -> Result<Vec<Deployed>, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Describes functions, each with its namespace where that is not the gateway's own: `NAME.NAMESPACE` is called then.
pub(super) fn describe(all: Vec<(Option<String>, Vec<Deployed>)>) -> Description {
    let mut described = Description::default();
    for (namespace, functions) in all {
        if functions.len() > MOST {
            described.complaints.push(format!("{} functions are more than {MOST}", functions.len()));
        }
        for function in functions.into_iter().take(MOST) {
            let name = namespace.as_ref().map_or_else(|| function.name.clone(), |of| format!("{}.{of}", function.name));
            match is_name(&name) {
                true => described.functions.push(one(&name, function)),
                false => described.complaints.push(format!("{name:?} is not the name of a function")),
            }
        }
    }
    described.functions.sort_by(|a, b| a.name.cmp(&b.name));
    described.functions.dedup_by(|a, b| a.name == b.name);
    described
}

fn one(name: &str, function: Deployed) -> Described {
    let (path, queue) = (format!("/function/{name}"), format!("/async-function/{name}"));
    let mut annotations = function.annotations.unwrap_or_default();
    Described {
        description: annotations.remove("description"),
        ..Binding { path, async_path: Some(queue), timeout: None }.described(name)
    }
}

/// What can stand in a path as it is.
fn is_name(name: &str) -> bool {
    let has_only = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().all(has_only) && name.chars().any(|c| c.is_ascii_alphanumeric())
}
