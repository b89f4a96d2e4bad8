//! Which functions are listed: what the settings and the functions' own tags say.

use std::collections::BTreeMap;

use super::settings::Settings;
use crate::sources::hints;

/// What goes before the name of a hint in a tag.
pub(super) const HINT: &str = "portolan:";

/// The tags of a function.
pub(super) type Tags = BTreeMap<String, String>;

impl Settings {
    /// The rule by which a function of that name is left out, whatever its tags.
    pub(super) fn refuses_name(&self, name: &str) -> Option<String> {
        let fits = self.names.is_empty() || self.names.iter().any(|pattern| fits(pattern, name));
        (!fits).then(|| "its name fits no pattern of aws.lambda.names".to_owned())
    }

    /// The rule by which a function with these tags is left out.
    pub(super) fn refuses_tags(&self, tags: &Tags) -> Option<String> {
        let hint = tags.get(&format!("{HINT}discovery")).map(|value| hints::switch(value));
        match (hint, &self.off) {
            (Some(Ok(false)), _) => return Some(format!("its tag {HINT}discovery says disabled")),
            (Some(Ok(true)), _) if !self.never => {}
            (_, Some(rule)) => return Some(rule.clone()),
            (_, None) => {}
        }
        let lacks = self.tags.iter().find(|wanted| !wanted.is_among(tags))?;
        Some(format!("it lacks the tag {lacks} of aws.lambda.tags"))
    }
}

/// Whether `name` fits `pattern`, in which `*` stands for any characters and `?` for any one. Takes time in proportion to the product
/// of their lengths at most.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // The last star, and where in the name what follows it was tried last.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, tried)) => {
                    star = Some((at, tried + 1));
                    (p, n) = (at + 1, tried + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use catalog::model::{SourceId, UpstreamSpec};

    use super::*;
    use crate::eligibility::{Mode, Rules};
    use crate::sources::aws::settings::RawSettings;

    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, _) => name.is_empty(),
            (Some(('*', rest)), _) => (0..=name.len()).any(|n| naive(rest, &name[n..])),
            (Some((c, rest)), Some((d, others))) => (*c == '?' || c == d) && naive(rest, others),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_as_their_definition_says(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &name), naive(&chars(&pattern), &chars(&name)));
        }
    }

    #[test]
    fn what_is_not_looked_at_is_not_listed_unless_its_own_tag_enables_it() {
        let check = |mode: Mode, tag: Option<&str>, refused: bool| {
            let rules = Rules { mode, ..Rules::default() };
            let settings = Settings::new(&RawSettings::default()).unwrap();
            let settings = settings.under(&rules, &SourceId::new("aws", ""), "gloo-system", &UpstreamSpec::default());
            let tags = tag.iter().map(|value| (format!("{HINT}discovery"), (*value).to_owned())).collect();
            assert_eq!(settings.refuses_tags(&tags).is_some(), refused, "{mode:?} {tag:?}");
        };
        check(Mode::Blacklist, None, false);
        check(Mode::Blacklist, Some("disabled"), true);
        check(Mode::Whitelist, None, true);
        check(Mode::Whitelist, Some("enabled"), false);
        check(Mode::Disabled, Some("enabled"), true);
    }

    #[test]
    fn rules_leave_out_what_they_say() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let check = |names: &[&str], wanted: &[&str], function: &str, tags: &[(&str, &str)], rule: &str| {
            let raw = RawSettings { names: texts(names), tags: texts(wanted), ..RawSettings::default() };
            let settings = Settings::new(&raw).unwrap();
            let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let got = settings.refuses_name(function).or_else(|| settings.refuses_tags(&tags)).unwrap_or_default();
            assert!(got.contains(rule) && got.is_empty() == rule.is_empty(), "{got}");
        };
        check(&[], &[], "orders", &[], "");
        check(&["pets-*", "ord?rs"], &[], "orders", &[], "");
        check(&["pets-*"], &[], "orders", &[], "aws.lambda.names");
        check(&[], &["team", "stage=prod"], "orders", &[("team", "a"), ("stage", "prod")], "");
        check(&[], &["team", "stage=prod"], "orders", &[("team", "a"), ("stage", "test")], "lacks the tag stage=prod");
        check(&[], &["team"], "orders", &[("Team", "a")], "lacks the tag team");
        check(&[], &[], "orders", &[("portolan:discovery", "disabled")], "says disabled");
        check(&[], &[], "orders", &[("portolan:discovery", "enabled")], "");
    }
}
