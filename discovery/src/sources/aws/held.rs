//! What the catalog holds of a function from an earlier run. It stands in for what was not read again yet: what AWS has not said is
//! no reason to take anything away.

use std::collections::BTreeMap;

use catalog::model;
use plugins::functions::lambda::{Binding, Target};

use super::filter::Tags;
use super::map::{Alias, Configuration, Url};

/// One function with its versions and aliases.
#[derive(Default)]
pub(super) struct Held {
    pub(super) tags: Tags,
    pub(super) versions: Vec<Configuration>,
    pub(super) aliases: Vec<Alias>,
    /// By alias; the function's own under the empty name.
    pub(super) urls: BTreeMap<String, Url>,
}

impl Held {
    /// What `functions` of the catalog are, by the name of their function in AWS.
    pub(super) fn each(functions: impl Iterator<Item = model::Function>) -> BTreeMap<String, Self> {
        let mut all = BTreeMap::<String, Self>::new();
        for function in functions {
            let Ok(binding) = serde_json::from_str::<Binding>(function.binding.get()) else { continue };
            // One that has another name, too, is held once.
            if *function.origin != *binding.arn {
                continue;
            }
            all.entry(binding.function.clone()).or_default().add(&function, binding);
        }
        all
    }

    fn add(&mut self, function: &model::Function, binding: Binding) {
        let description = function.description.as_deref().or(function.summary.as_deref()).map(str::to_owned);
        let qualifier = binding.qualifier.unwrap_or_default();
        if let Some(url) = binding.function_url {
            self.urls.insert(qualifier.clone(), Url { url, streaming: binding.streaming });
        }
        match binding.target {
            Target::Latest => {
                let tags = function.tags.iter().filter_map(|tag| tag.split_once('='));
                self.tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            }
            Target::Version => self.versions.push(Configuration {
                arn: binding.arn.strip_suffix(&format!(":{qualifier}")).unwrap_or(&binding.arn).to_owned(),
                name: binding.function,
                version: qualifier,
                description,
                timeout: binding.timeout,
                memory: binding.memory,
                runtime: binding.runtime,
                last_modified: binding.last_modified,
                revision: String::new(),
            }),
            Target::Alias => {
                let version = binding.version.unwrap_or_default();
                self.aliases.push(Alias { name: qualifier, version, description });
            }
        }
    }
}
