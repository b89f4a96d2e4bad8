//! Whether probes look at an upstream: one rule for upstreams of every source, and the reason in words.
//!
//! The first of these that says something decides:
//!
//! 1. the mode `disabled`: nothing is looked at, whatever anyone says;
//! 2. the upstream's own word: its label [`LABEL`] or its hint `discovery`; where the two disagree, `disabled` holds;
//! 3. its namespace's word;
//! 4. the setting `discovery.off`, by source and by namespace;
//! 5. in the namespaces of a Kubernetes cluster itself: no;
//! 6. the mode: `blacklist` yes, `whitelist` no.

use catalog::model::{SourceId, UpstreamSpec};
use serde::{Deserialize, Serialize};

use crate::sources::hints;

/// Gloo's switch for function discovery: `enabled` or `disabled`, on an upstream, or on whatever lists it.
pub const LABEL: &str = "discovery.solo.io/function_discovery";

/// The namespaces of a Kubernetes cluster itself.
const OF_THE_CLUSTER: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// What the configuration says of which upstreams are looked at.
#[derive(Clone, Default, Debug)]
pub struct Rules {
    /// What holds where nobody says anything.
    pub mode: Mode,
    /// Where nothing is looked at unless it is enabled there.
    pub off: Off,
}

/// What holds where nobody says anything; the names are Gloo's.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// All is looked at but what is disabled.
    #[default]
    #[serde(alias = "BLACKLIST")]
    Blacklist,
    /// Only what is enabled is looked at.
    #[serde(alias = "WHITELIST")]
    Whitelist,
    /// Nothing is looked at.
    #[serde(alias = "DISABLED")]
    Disabled,
}

/// Where nothing is looked at, unless what is registered there says that it is to be.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Off {
    /// Sources: a kind (`consul`), or one of it as `GET /sources` calls it (`consul=10.0.0.1:8500`).
    pub sources: Vec<String>,
    /// Namespaces: of the catalog, or of the source (those of Kubernetes).
    pub namespaces: Vec<String>,
}

/// What the rule says of one upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Whether it is looked at.
    pub on: bool,
    /// What decided, for a person.
    pub rule: String,
}

impl Rules {
    /// Whether the upstream that `source` lists as `spec`, in the catalog's `namespace`, is looked at.
    pub fn decide(&self, source: &SourceId, namespace: &str, spec: &UpstreamSpec) -> Decision {
        let decision = |on, rule: String| Decision { on, rule };
        if self.mode == Mode::Disabled {
            return decision(false, "discovery.mode is disabled".to_owned());
        }
        let (own, unreadable) = own_word(spec);
        let explicit = own.or_else(|| namespaces_word(spec)).or_else(|| self.off_setting(source, namespace, spec));
        let (on, rule) = explicit.or_else(|| of_the_cluster(spec)).unwrap_or_else(|| self.mode_s_word());
        decision(on, format!("{rule}{unreadable}"))
    }

    fn off_setting(&self, source: &SourceId, namespace: &str, spec: &UpstreamSpec) -> Option<(bool, String)> {
        let home = spec.home.as_ref().map(|home| &*home.namespace);
        let Off { sources, namespaces } = &self.off;
        let of_source = sources.iter().find(|off| **off == *source.kind || **off == source.to_string());
        let of_namespace = namespaces.iter().find(|off| *off == namespace || Some(&***off) == home);
        let rule = |what: &str, off: &String| (false, format!("discovery is off for the {what} {off}"));
        of_source.map(|off| rule("source", off)).or_else(|| of_namespace.map(|off| rule("namespace", off)))
    }

    fn mode_s_word(&self) -> (bool, String) {
        match self.mode {
            Mode::Blacklist => (true, "discovery is on unless something disables it".to_owned()),
            Mode::Whitelist | Mode::Disabled => {
                (false, "discovery.mode is whitelist, and neither the upstream nor its namespace enables it".to_owned())
            }
        }
    }
}

/// The upstream's own word, where that is no.
pub(crate) fn own_no(spec: &UpstreamSpec) -> Option<String> {
    own_word(spec).0.and_then(|(on, rule)| (!on).then_some(rule))
}

/// What the upstream says of itself, and a remark where its label cannot be read.
fn own_word(spec: &UpstreamSpec) -> (Option<(bool, String)>, String) {
    let label = spec.labels.get(LABEL).map(|value| hints::switch(value));
    let said = |by: &str, on: bool| (on, format!("the upstream's {by} says that discovery is {}", word(on)));
    let by_label = label.as_ref().and_then(|read| read.as_ref().ok()).map(|on| said(&format!("label {LABEL}"), *on));
    let by_hint = spec.hints.discovery.map(|on| said("hint `discovery`", on));
    let unreadable = match label {
        Some(Err(fault)) => format!("; its label {LABEL} is not heeded: {fault}"),
        _ => String::new(),
    };
    let own = match (by_label, by_hint) {
        (Some((true, _)), Some(disabled @ (false, _))) => Some(disabled),
        (by_label, by_hint) => by_label.or(by_hint),
    };
    (own, unreadable)
}

fn namespaces_word(spec: &UpstreamSpec) -> Option<(bool, String)> {
    let home = spec.home.as_ref()?;
    let on = home.discovery?;
    Some((on, format!("the label {LABEL} of its namespace {} says that discovery is {}", home.namespace, word(on))))
}

fn of_the_cluster(spec: &UpstreamSpec) -> Option<(bool, String)> {
    let namespace = &spec.home.as_ref()?.namespace;
    let rule =
        || (false, format!("{namespace} is a namespace of the cluster itself, and nothing there enables discovery"));
    OF_THE_CLUSTER.contains(&&**namespace).then(rule)
}

fn word(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}

#[cfg(test)]
mod tests {
    use catalog::model::{Hints, Home};

    use super::*;

    /// What is said of an upstream that the source `consul=there` lists in `team`; empty where nothing is.
    #[derive(Clone, Copy, Default)]
    struct Said {
        mode: Mode,
        label: &'static str,
        hint: &'static str,
        home: &'static str,
        namespace: &'static str,
        off_sources: &'static str,
        off_namespaces: &'static str,
    }

    fn check(said: Said, on: bool, rule: &str) {
        let read = |text: &str| hints::switch(text).ok();
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let home = || Home { namespace: said.home.into(), discovery: read(said.namespace) };
        let spec = UpstreamSpec {
            labels: Some(said.label).filter(|l| !l.is_empty()).map(|l| (LABEL.into(), l.into())).into_iter().collect(),
            hints: Hints { discovery: read(said.hint), ..Hints::default() },
            home: (!said.home.is_empty()).then(home),
            ..UpstreamSpec::default()
        };
        let off = Off { sources: list(said.off_sources), namespaces: list(said.off_namespaces) };
        let decision = Rules { mode: said.mode, off }.decide(&SourceId::new("consul", "there"), "team", &spec);
        assert!(decision.on == on && decision.rule.contains(rule), "{decision:?}, not {rule}");
    }

    #[test]
    fn the_mode_holds_where_nobody_says_anything() {
        let none = Said::default();
        check(none, true, "unless something disables it");
        check(Said { mode: Mode::Whitelist, ..none }, false, "discovery.mode is whitelist");
        check(Said { mode: Mode::Disabled, ..none }, false, "discovery.mode is disabled");
    }

    #[test]
    fn the_upstream_s_own_word_goes_before_all_but_the_mode_disabled() {
        let off = Said { home: "shop", namespace: "disabled", off_sources: "consul", ..Said::default() };
        for mode in [Mode::Blacklist, Mode::Whitelist] {
            check(Said { mode, label: "enabled", ..off }, true, "label discovery.solo.io/function_discovery says");
            check(Said { mode, hint: "enabled", ..off }, true, "hint `discovery` says that discovery is enabled");
            check(Said { mode, hint: "disabled", namespace: "enabled", ..off }, false, "hint `discovery`");
            check(Said { mode, label: "disabled", hint: "enabled", ..off }, false, "upstream's label");
            check(Said { mode, label: "enabled", hint: "disabled", ..off }, false, "hint `discovery`");
        }
        check(Said { mode: Mode::Disabled, label: "enabled", hint: "enabled", ..off }, false, "discovery.mode");
    }

    #[test]
    fn the_namespace_s_word_goes_before_the_settings() {
        let shop = Said { home: "shop", ..Said::default() };
        check(Said { namespace: "disabled", ..shop }, false, "of its namespace shop says that discovery is disabled");
        check(Said { namespace: "enabled", off_sources: "consul", ..shop }, true, "namespace shop");
        check(Said { namespace: "enabled", off_namespaces: "shop", ..shop }, true, "namespace shop");
        check(Said { namespace: "enabled", mode: Mode::Whitelist, ..shop }, true, "namespace shop");
    }

    #[test]
    fn a_source_or_a_namespace_is_switched_off_by_a_setting() {
        let none = Said::default();
        check(Said { off_sources: "aws consul", ..none }, false, "off for the source consul");
        check(Said { off_sources: "consul=there", ..none }, false, "off for the source consul=there");
        check(Said { off_sources: "consul=here aws", ..none }, true, "");
        check(Said { off_namespaces: "team", ..none }, false, "off for the namespace team");
        check(Said { off_namespaces: "shop", home: "shop", ..none }, false, "off for the namespace shop");
        check(Said { off_namespaces: "shop", home: "sea", ..none }, true, "");
    }

    #[test]
    fn the_cluster_s_own_namespaces_are_off_unless_enabled() {
        for home in OF_THE_CLUSTER {
            let own = Said { home, ..Said::default() };
            check(own, false, "a namespace of the cluster itself");
            check(Said { label: "enabled", ..own }, true, "upstream's label");
            check(Said { namespace: "enabled", ..own }, true, "of its namespace");
        }
    }

    #[test]
    fn a_label_that_cannot_be_read_says_nothing_and_is_remarked_on() {
        check(Said { label: "maybe", ..Said::default() }, true, "is not heeded: \"maybe\" is neither");
        check(Said { label: "maybe", hint: "disabled", ..Said::default() }, false, "is not heeded");
    }
}
