//! What a list's query asks for. A repeated filter means any of its values, different filters all of them; what is unknown is refused.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plugins::Reason;
use serde::{Deserialize, Serialize};

use super::problem::Failure;

/// Items of a page where the query says nothing.
const LIMIT: usize = 100;

/// The most items of a page.
const MAX_LIMIT: usize = 1000;

/// A list's query, valid.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct ListQuery {
    /// Words that must all be found.
    pub(crate) words: Vec<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) kinds: Vec<String>,
    pub(crate) upstreams: Vec<String>,
    pub(crate) namespaces: Vec<String>,
    /// `k=v`, or `k` for any value.
    pub(crate) labels: Vec<(String, Option<String>)>,
    pub(crate) tags: Vec<String>,
    pub(crate) deprecated: Option<bool>,
    pub(crate) stale: Option<bool>,
    pub(crate) limit: usize,
    /// Where the page before ended.
    pub(crate) after: Option<Place>,
    /// With schemas.
    pub(crate) full: bool,
}

/// A place in a list's order, opaque to callers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The rank of a search; 0 without one.
    pub(crate) rank: u8,
    pub(crate) namespace: String,
    pub(crate) upstream: String,
    /// Empty in a list of upstreams.
    pub(crate) function: String,
}

impl Place {
    /// As a cursor.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::json!([self.rank, self.namespace, self.upstream, self.function]).to_string())
    }

    fn decode(cursor: &str) -> Option<Self> {
        let (rank, namespace, upstream, function) =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        Some(Self { rank, namespace, upstream, function })
    }
}

impl ListQuery {
    /// Reads all after `?`.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Failure> {
        let mut list = Self { limit: LIMIT, ..Self::default() };
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value = value.into_owned();
            let wrong = |expected: &str| {
                Failure::new(Reason::InvalidArguments, format!("`{name}={value}`: it takes {expected}"))
            };
            match &*name {
                "q" => list.words.extend(value.split_whitespace().map(str::to_lowercase)),
                "source" => list.sources.push(value),
                "kind" => list.kinds.push(value),
                "upstream" => list.upstreams.push(value),
                "namespace" => list.namespaces.push(value),
                "label" => list.labels.push(match value.split_once('=') {
                    Some((k, v)) => (k.to_owned(), Some(v.to_owned())),
                    None => (value, None),
                }),
                "tag" => list.tags.push(value),
                "deprecated" => list.deprecated = Some(value.parse().map_err(|_| wrong("true or false"))?),
                "stale" => list.stale = Some(value.parse().map_err(|_| wrong("true or false"))?),
                "view" => {
                    list.full = match value.as_str() {
                        "full" => true,
                        "basic" => false,
                        _ => return Err(wrong("full or basic")),
                    }
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
                    list.limit = limit.ok_or_else(|| wrong(&format!("1 to {MAX_LIMIT}")))?;
                }
                "cursor" => {
                    list.after = Some(Place::decode(&value).ok_or_else(|| wrong("what `next` of a page says"))?)
                }
                _ => {
                    return Err(Failure::new(
                        Reason::InvalidArguments,
                        format!("`{name}` is not a parameter of this list"),
                    ));
                }
            }
        }
        Ok(list)
    }
}

/// The parameters after `?`, of which only those in `known` may be there, each once.
pub(crate) fn parameters(query: Option<&str>, known: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
    let mut given = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let wrong = |text: &str| Failure::new(Reason::InvalidArguments, format!("`{name}` {text}"));
        if !known.contains(&&*name) {
            return Err(wrong("is not a parameter here"));
        }
        if given.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(wrong("is given twice"));
        }
    }
    Ok(given)
}

/// Whether `value` is one of `wanted`, or nothing is.
pub(crate) fn any_of(wanted: &[String], value: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|w| w == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_means_what_it_says() {
        let check =
            |text: &str, expected: ListQuery| assert_eq!(ListQuery::parse(Some(text)).unwrap(), expected, "{text}");
        let base = || ListQuery { limit: LIMIT, ..ListQuery::default() };
        check("", base());
        check(
            "q=Pet%20Store+x&limit=1000",
            ListQuery { words: ["pet", "store", "x"].map(str::to_owned).into(), limit: 1000, ..base() },
        );
        check("kind=rest&kind=grpc", ListQuery { kinds: ["rest", "grpc"].map(str::to_owned).into(), ..base() });
        let labels = vec![("a".to_owned(), Some("b=c".to_owned())), ("d".to_owned(), None)];
        check(
            "label=a%3Db%3Dc&label=d&stale=true&view=full",
            ListQuery { labels, stale: Some(true), full: true, ..base() },
        );
        let place = Place { rank: 2, namespace: "n".into(), upstream: "u/ü".into(), function: "f".into() };
        check(&format!("cursor={}", place.encode()), ListQuery { after: Some(place), ..base() });
    }

    #[test]
    fn parameters_are_known_and_given_once() {
        let check = |query: &str, expected: Option<&str>| {
            let given = parameters(Some(query), &["target"]).ok();
            assert_eq!(given.as_ref().map(|all| all.get("target").map_or("", String::as_str)), expected, "{query}");
        };
        check("", Some(""));
        check("target=a%2Fb", Some("a/b"));
        check("target=a&target=b", None);
        check("target=a&kind=rest", None);
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for text in ["limit=0", "limit=1001", "limit=x", "stale=maybe", "cursor=!", "view=all", "colour=red"] {
            let refused = ListQuery::parse(Some(text)).expect_err(text);
            assert_eq!(refused.0.reason.row().status, 400, "{text}");
        }
    }
}
