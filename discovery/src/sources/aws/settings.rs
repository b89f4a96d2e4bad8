//! What the configuration says of functions: the section `aws.lambda`.

use std::time::Duration;

use catalog::model::{SourceId, UpstreamSpec};
use serde::{Deserialize, Serialize};

use super::limits;
use crate::aws::{SettingsError, Wanted};
use crate::eligibility::{Mode, Rules};

/// The section as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawSettings {
    /// Seconds between two lists of a region.
    pub interval: u64,
    /// The least seconds of a round through the versions, aliases and URLs of functions that did not change.
    pub round: u64,
    /// Patterns of names, with `*` and `?`, one of which a function's name fits; none for every name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What a function's tags must have, all of it: `key` or `key=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What is listed of each function.
    pub versions: Versions,
}

/// What is listed of each function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Versions {
    /// Its newest code alone.
    Latest,
    /// Its aliases, too.
    Aliases,
    /// Its published versions, too.
    #[default]
    All,
}

impl Default for RawSettings {
    fn default() -> Self {
        Self {
            interval: limits::INTERVAL.as_secs(),
            round: limits::ROUND.as_secs(),
            names: Vec::new(),
            tags: Vec::new(),
            versions: Versions::All,
        }
    }
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub(super) interval: Duration,
    pub(super) round: Duration,
    pub(super) names: Vec<String>,
    pub(super) tags: Vec<Wanted>,
    pub(super) versions: Versions,
    /// Why no function is listed, but one that its own tag enables.
    pub(crate) off: Option<String>,
    /// Whether not even that counts.
    pub(super) never: bool,
}

impl Settings {
    /// The same under the rule by which upstreams are looked at: where that says no, nothing is listed that does not say yes itself.
    pub fn under(self, rules: &Rules, source: &SourceId, namespace: &str, spec: &UpstreamSpec) -> Self {
        let decision = rules.decide(source, namespace, spec);
        Self { off: (!decision.on).then_some(decision.rule), never: rules.mode == Mode::Disabled, ..self }
    }

    /// What `raw` says, if it can be meant.
    pub fn new(raw: &RawSettings) -> Result<Self, SettingsError> {
        let at = |field: &str, fault: &str| Err(SettingsError::at(format!("lambda.{field}"), fault));
        if raw.interval == 0 {
            return at("interval", "a second is the least");
        }
        if raw.round == 0 {
            return at("round", "a second is the least");
        }
        if raw.names.iter().any(String::is_empty) {
            return at("names", "an empty pattern fits no name");
        }
        let Some(tags) = raw.tags.iter().map(|text| Wanted::parse(text)).collect() else {
            return at("tags", "a tag is key or key=value");
        };
        Ok(Self {
            interval: Duration::from_secs(raw.interval),
            round: Duration::from_secs(raw.round),
            names: raw.names.clone(),
            tags,
            versions: raw.versions,
            off: None,
            never: false,
        })
    }
}
