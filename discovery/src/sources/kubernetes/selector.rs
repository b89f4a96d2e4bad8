//! Label selectors as kubectl takes them: `app=cart,tier!=web,zone in (a,b),!legacy`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use kube::core::{Expression, SelectorExt};
use serde::{Deserialize, Serialize};

/// Which labels an object must have; the empty one selects everything.
#[derive(Clone, Default, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector {
    text: String,
    expressions: Vec<Expression>,
}

/// A text that is no selector.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a label selector such as app=cart,tier!=web,zone in (a,b),!legacy")]
pub struct NotASelector(String);

impl Selector {
    /// Whether it selects what has `labels`.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.expressions.iter().all(|expression| expression.matches(labels))
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.expressions.is_empty()
    }
}

impl FromStr for Selector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, NotASelector> {
        let expressions = match text.trim() {
            "" => Some(Vec::new()),
            text => requirements(text).into_iter().map(expression).collect(),
        };
        let expressions = expressions.ok_or_else(|| NotASelector(text.to_owned()))?;
        Ok(Self { text: text.trim().to_owned(), expressions })
    }
}

impl TryFrom<String> for Selector {
    type Error = NotASelector;

    fn try_from(text: String) -> Result<Self, NotASelector> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.text
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The parts between commas, of which those in brackets are none.
fn requirements(text: &str) -> Vec<&str> {
    let mut within = false;
    let parts = text.split(|c| {
        within = (within || c == '(') && c != ')';
        c == ',' && !within
    });
    parts.map(str::trim).collect()
}

fn expression(text: &str) -> Option<Expression> {
    let owned = |text: &str| is_label(text).then(|| text.to_owned());
    if let Some(key) = text.strip_prefix('!') {
        return Some(Expression::DoesNotExist(owned(key.trim())?));
    }
    if let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values = values.split(',').map(|value| value_of(value.trim())).collect::<Option<BTreeSet<_>>>()?;
        let (key, operator) = head.trim_end().rsplit_once(char::is_whitespace)?;
        let key = owned(key.trim())?;
        return match operator {
            "in" => Some(Expression::In(key, values)),
            "notin" => Some(Expression::NotIn(key, values)),
            _ => None,
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Expression::NotEqual(owned(key.trim())?, value_of(value.trim())?));
    }
    match text.split_once('=') {
        Some((key, value)) => {
            let value = value.strip_prefix('=').unwrap_or(value);
            Some(Expression::Equal(owned(key.trim())?, value_of(value.trim())?))
        }
        None => Some(Expression::Exists(owned(text)?)),
    }
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
}

fn value_of(text: &str) -> Option<String> {
    (text.is_empty() || (is_label(text) && !text.contains('/'))).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubectl_takes_selects_what_it_selects_there() {
        let check = |text: &str, wanted: bool| {
            let labels = [("app", "cart"), ("tier", "web"), ("example.com/empty", "")];
            let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            assert_eq!(text.parse::<Selector>().unwrap().selects(&labels), wanted, "{text}");
        };
        check("", true);
        check("app", true);
        check("! app", false);
        check("app=cart", true);
        check("app == cart , tier=web", true);
        check("app=cart,tier!=web", false);
        check("missing!=web", true);
        check("app in (cart, basket), tier", true);
        check("app notin (cart,basket)", false);
        check("missing notin (a)", true);
        check("missing in (a)", false);
        check("example.com/empty=", true);
        check("example.com/empty!=", false);
    }

    #[test]
    fn what_kubectl_refuses_is_refused() {
        for wrong in [
            ",",
            "a,",
            "a b",
            "a in b",
            "a in (b",
            "a within (b)",
            "=b",
            "in (a)",
            "a=b/c",
            "a=b=c",
            "a>3",
            "!",
            "a in (b c)",
        ] {
            assert!(wrong.parse::<Selector>().is_err(), "{wrong}");
        }
    }
}
