//! What is known of functions, as the catalog is told it. Pure, and the same for the same knowledge.

use catalog::model::{Described, Description, Event};
use plugins::functions::lambda::{Binding, Target};
use serde_json::{Value, json};

use super::filter::{HINT, Tags};
use super::known::{Function, Known, Tagged};
use super::map::{Alias, Configuration, Url};
use super::settings::{Settings, Versions};
use crate::sources::hints;

/// What is not listed, and why.
pub(super) type LeftOut = Vec<(String, String)>;

/// All functions with their versions and aliases, and what is left out.
pub(super) fn describe(known: &Known, settings: &Settings) -> (Description, LeftOut) {
    let (mut description, mut left_out) = (Description::default(), LeftOut::new());
    for (name, function) in &known.functions {
        let held = known.held.as_ref().and_then(|held| held.get(name));
        let held_tags = held.map(|held| held.tags.clone());
        let tags = match known.tags(function) {
            Tagged::Known(tags) => Ok(tags.clone()),
            Tagged::Pending => held_tags.ok_or("its tags are not read yet"),
            Tagged::Refused if settings.tags.is_empty() => Ok(held_tags.unwrap_or_default()),
            Tagged::Refused => held_tags.ok_or("its tags cannot be read, and aws.lambda.tags asks for some"),
        };
        let refused = settings.refuses_name(name);
        let tags = match refused.map_or_else(|| tags.map_err(str::to_owned), Err) {
            Ok(tags) => tags,
            Err(rule) => {
                left_out.push((name.clone(), rule));
                continue;
            }
        };
        if let Some(rule) = settings.refuses_tags(&tags) {
            left_out.push((name.clone(), rule));
            continue;
        }
        let versions = function.versions.as_deref().or(held.map(|held| &*held.versions)).unwrap_or_default();
        let aliases = known.aliases(name);
        let urls = known.urls(name);
        let url = |alias: &str| urls.and_then(|urls| urls.get(alias));
        let teller = Teller::new(function, &tags, &mut description.complaints);
        description.functions.push(teller.latest(url("")));
        if settings.versions >= Versions::All {
            description.functions.extend(versions.iter().map(|version| teller.version(version)));
        }
        if settings.versions >= Versions::Aliases {
            let alias = |alias: &Alias| teller.alias(alias, versions, url(&alias.name));
            description.functions.extend(aliases.iter().map(alias));
        }
    }
    (description, left_out)
}

/// Tells of one function.
struct Teller<'a> {
    function: &'a Function,
    tags: Vec<String>,
    event: Option<Event>,
    reply: Option<Event>,
}

impl<'a> Teller<'a> {
    fn new(function: &'a Function, tags: &Tags, complaints: &mut Vec<String>) -> Self {
        let all = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut teller = Self { function, tags: all, event: None, reply: None };
        for (key, value) in tags {
            if let Some(hint) = key.strip_prefix(HINT)
                && let Err(fault) = teller.hint(hint, value)
            {
                complaints.push(format!("{}: the tag {key}: {fault}", function.latest.name));
            }
        }
        teller
    }

    fn hint(&mut self, hint: &str, value: &str) -> Result<(), String> {
        match hint {
            "discovery" => hints::switch(value).map(drop)?,
            "event" => self.event = Some(event(value)?),
            "reply" => self.reply = Some(event(value)?),
            _ => return Err("functions have the hints discovery, event and reply".to_owned()),
        }
        Ok(())
    }

    fn latest(&self, url: Option<&Url>) -> Described {
        let latest = &self.function.latest;
        self.described(self.binding(Target::Latest, None, Some(latest), url), latest.description.as_deref())
    }

    fn version(&self, version: &Configuration) -> Described {
        let binding = self.binding(Target::Version, Some(&version.version), Some(version), None);
        self.described(binding, version.description.as_deref())
    }

    fn alias(&self, alias: &Alias, versions: &[Configuration], url: Option<&Url>) -> Described {
        let leads_to = |version: &&Configuration| version.version == alias.version;
        let latest = &self.function.latest;
        // Of a version that cannot be read the newest code is the best guess; when that changed says nothing of it.
        let guess = Configuration { last_modified: None, ..latest.clone() };
        let code = [latest].into_iter().chain(versions).find(leads_to).unwrap_or(&guess);
        let mut binding = self.binding(Target::Alias, Some(&alias.name), Some(code), url);
        binding.version = Some(alias.version.clone());
        self.described(binding, alias.description.as_deref())
    }

    fn binding(
        &self,
        target: Target,
        qualifier: Option<&str>,
        code: Option<&Configuration>,
        url: Option<&Url>,
    ) -> Binding {
        let latest = &self.function.latest;
        let arn = qualifier.map_or_else(|| latest.arn.clone(), |qualifier| format!("{}:{qualifier}", latest.arn));
        Binding {
            arn,
            function: latest.name.clone(),
            qualifier: qualifier.map(str::to_owned),
            target,
            timeout: code.and_then(|code| code.timeout),
            streaming: url.is_some_and(|url| url.streaming),
            runtime: code.and_then(|code| code.runtime.clone()),
            memory: code.and_then(|code| code.memory),
            last_modified: code.and_then(|code| code.last_modified.clone()),
            function_url: url.map(|url| url.url.clone()),
            version: None,
            event: self.event,
            reply: self.reply,
        }
    }

    /// Its name in AWS is what it is for ever; what it takes and gives, only its author knows.
    fn described(&self, binding: Binding, text: Option<&str>) -> Described {
        let name = match &binding.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", binding.function),
            None => binding.function.clone(),
        };
        let summary = text.and_then(|text| text.trim().lines().next()).map(str::to_owned);
        Described {
            origin: binding.arn.clone(),
            name,
            description: text.filter(|text| Some(*text) != summary.as_deref()).map(str::to_owned),
            summary,
            deprecated: false,
            safe: false,
            tags: self.tags.clone(),
            binding: serde_json::to_value(binding).unwrap_or_default(),
            input: json!({}),
            output: Some(json!({})),
        }
    }
}

fn event(value: &str) -> Result<Event, String> {
    let read = serde_json::from_value(Value::String(value.to_owned()));
    read.map_err(|_| format!("{value:?} is no shape: api-gateway-v1, api-gateway-v2, alb and alb-multi-value are"))
}
