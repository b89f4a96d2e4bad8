//! Who gets which name. A name that is held is never taken over; among newcomers the first gets it.

use std::collections::{HashMap, HashSet};

use crate::model::{Digest, Kind, Origin, UpstreamId, name};
use crate::snapshot::{Snapshot, cut};

/// The longest name of a function, in bytes; a longer one is cut and ends in a hash. Stores bound their keys, and a URL has to hold it.
const MAX_FUNCTION_NAME: usize = 256;

/// Digits of a hash that is added to a name; more where that name is held too.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=32;

/// The id and the name of a new upstream: the name that it asks for, made valid, or its id where that is held. Names and ids are one
/// set, because either is accepted wherever the other is.
pub(super) fn upstream(snapshot: &Snapshot, namespace: &str, wanted: &str, origin: &Origin) -> (UpstreamId, String) {
    let wanted = name::upstream(wanted, origin);
    let is_id = |text: &str| snapshot.ids.get(&UpstreamId::from(text)).is_some();
    let id = (8..=32)
        .map(|digits| UpstreamId::with_digits(&wanted, origin, digits))
        .find(|id| !is_id(id.as_str()) && snapshot.named(namespace, id.as_str()).is_none())
        .unwrap_or_else(|| UpstreamId::with_digits(&wanted, origin, 32));
    let held = snapshot.named(namespace, &wanted).is_some() || is_id(&wanted);
    let name = if held { id.as_str().to_owned() } else { wanted };
    (id, name)
}

/// Who holds which function name of an upstream.
#[derive(Debug, Default)]
pub(super) struct Held<'a> {
    names: HashMap<&'a str, &'a Kind>,
    given: HashSet<String>,
}

impl<'a> Held<'a> {
    /// The names that are held, each by a function of a kind.
    pub(super) fn new(names: impl IntoIterator<Item = (&'a str, &'a Kind)>) -> Self {
        Self { names: names.into_iter().collect(), given: HashSet::new() }
    }

    fn is_free(&self, name: &str) -> bool {
        !self.names.contains_key(name) && !self.given.contains(name)
    }

    /// Gives each newcomer of `kind` a name; `newcomers` are origin and wanted name, in the document's order. First each name goes to
    /// the first that asks for it, then the others get theirs with a hash of their origin, so that no hash takes what another asks for.
    pub(super) fn give(&mut self, kind: &Kind, newcomers: &[(&str, &str)]) -> Vec<String> {
        let wanted: Vec<_> = newcomers.iter().map(|(origin, wanted)| self.wanted(kind, origin, wanted)).collect();
        let first: Vec<bool> =
            wanted.iter().map(|name| self.is_free(name) && self.given.insert(name.clone())).collect();
        let named = wanted.into_iter().zip(first).zip(newcomers);
        named.map(|((name, first), (origin, _))| if first { name } else { self.hashed(&name, origin) }).collect()
    }

    /// What a newcomer asks for, made valid; behind its kind where a function of another kind holds that.
    fn wanted(&self, kind: &Kind, origin: &str, wanted: &str) -> String {
        let name = function_name(wanted, origin);
        match self.names.get(name.as_str()) {
            Some(holder) if *holder != kind => format!("{kind}:{name}"),
            _ => name,
        }
    }

    fn hashed(&mut self, name: &str, origin: &str) -> String {
        let hash = Digest::of([origin.as_bytes()]).to_string();
        let candidates = DIGITS.map(|digits| format!("{name}-{}", &hash[..digits]));
        let endless = (2_u64..).map(|n| format!("{name}-{hash}-{n}"));
        let free = candidates.chain(endless).find(|candidate| self.is_free(candidate));
        let free = free.expect("of endlessly many names finitely many are held");
        self.given.insert(free.clone());
        free
    }
}

/// `wanted` as a function's name: not empty, without control characters, not too long.
pub(super) fn function_name(wanted: &str, origin: &str) -> String {
    let wanted = if wanted.is_empty() { origin } else { wanted };
    let name: String = wanted.chars().map(|c| if c.is_control() { '-' } else { c }).collect();
    if name.len() <= MAX_FUNCTION_NAME && !name.is_empty() {
        return name;
    }
    let hash = Digest::of([origin.as_bytes()]).short(8);
    format!("{}-{hash}", cut(&name, MAX_FUNCTION_NAME - 9))
}
