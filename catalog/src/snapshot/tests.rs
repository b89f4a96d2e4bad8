//! The sorted map against `BTreeMap`, and what a search finds first.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::model::{Digest, Function, Kind, UpstreamSpec};

#[derive(Clone, Debug)]
enum Act {
    Insert(u16, u8),
    Remove(u16),
    Keep,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..600_u16, any::<u8>()).prop_map(|(key, value)| Act::Insert(key, value)),
        3 => (0..600_u16).prop_map(Act::Remove),
        1 => Just(Act::Keep),
    ]
}

proptest! {
    #[test]
    fn a_sorted_map_is_a_map(first in proptest::collection::btree_map(0..600_u16, any::<u8>(), 0..400),
                             acts in proptest::collection::vec(act(), 0..400), from in 0..600_u16) {
        let mut twin: BTreeMap<u16, u8> = first.clone();
        let mut sorted: Sorted<u16, u8> = first.into_iter().collect();
        let mut kept = Vec::new();
        for act in acts {
            match act {
                Act::Insert(key, value) => prop_assert_eq!(sorted.insert(key, value), twin.insert(key, value)),
                Act::Remove(key) => prop_assert_eq!(sorted.remove(&key), twin.remove(&key)),
                Act::Keep => kept.push((sorted.clone(), twin.clone())),
            }
            prop_assert_eq!(sorted.len(), twin.len());
        }
        kept.push((sorted, twin));
        for (sorted, twin) in kept {
            prop_assert!(sorted.iter(None).map(|(k, v)| (k, v)).eq(&twin));
            prop_assert!(sorted.iter(Some(&from)).map(|(k, v)| (k, v)).eq(twin.range(from..)));
            prop_assert!((0..600).all(|key| sorted.get(&key) == twin.get(&key)));
            prop_assert_eq!(sorted.is_empty(), twin.is_empty());
        }
    }
}

fn upstream(name: &str, functions: &[(&str, &str)]) -> Arc<UpstreamEntry> {
    let origin = Origin { source: SourceId::new("static", ""), key: name.into() };
    let function = |(name, summary): &(&str, &str)| {
        let function = Function {
            name: (*name).into(),
            kind: Kind::new("rest"),
            origin: format!("GET /{name}").into(),
            summary: Some((*summary).into()),
            description: None,
            deprecated: false,
            safe: true,
            tags: [].into(),
            binding: RawValue::from_string("{}".into()).unwrap(),
            input: Digest::of([]),
            output: None,
            digest: Digest::of([]),
            revision: 1,
            first_seen: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
        };
        Arc::new(FunctionEntry { function, record: Digest::of([name.as_bytes()]), definitions: None })
    };
    let upstream = Upstream {
        id: UpstreamId::new(name, &origin),
        namespace: "ns".into(),
        name: name.into(),
        origin,
        spec: Arc::new(UpstreamSpec::default()),
        first_seen: Timestamp::UNIX_EPOCH,
        last_seen: Timestamp::UNIX_EPOCH,
        revision: 1,
        kinds: BTreeMap::new(),
    };
    Arc::new(UpstreamEntry::new(upstream, functions.iter().map(function).collect(), [].into()))
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.insert(upstream("users", &[("listUsers", "All of them"), ("list", "Ümläute"), ("deleteUser", "")]));
    snapshot.insert(upstream("pets", &[("listPets", "list the users' pets"), ("adopt", "take a PET home")]));
    snapshot
}

fn names<'a>(found: impl IntoIterator<Item = (&'a Arc<UpstreamEntry>, &'a Arc<FunctionEntry>)>) -> Vec<String> {
    found.into_iter().map(|(u, f)| format!("{}/{}", u.upstream.name, f.function.name)).collect()
}

#[test]
fn a_search_shows_the_best_first() {
    let check = |query: &str, expected: &[&str]| {
        let snapshot = snapshot();
        let found: Vec<_> =
            snapshot.search(&Query::new(query), |_| true, |_| true).into_iter().map(|(_, u, f)| (u, f)).collect();
        assert_eq!(names(found), expected, "{query}");
    };
    check("list", &["users/list", "pets/listPets", "users/listUsers"]);
    check("LISTU", &["users/listUsers"]);
    check("pet", &["pets/listPets", "pets/adopt"]);
    check("home take", &["pets/adopt"]);
    check("users list", &["users/list", "users/listUsers", "pets/listPets"]);
    check("users", &["users/listUsers", "pets/listPets", "users/deleteUser", "users/list"]);
    check("ümläute", &["users/list"]);
    check("list nothing", &[]);
    check("", &["pets/adopt", "pets/listPets", "users/deleteUser", "users/list", "users/listUsers"]);
}

#[test]
fn functions_are_listed_from_a_place_on() {
    let snapshot = snapshot();
    let check = |upstream: &str, function: &str, expected: &[&str]| {
        let key = ("ns".into(), upstream.into());
        assert_eq!(names(snapshot.functions(Some((&key, function)))), expected, "{upstream}/{function}");
    };
    check("pets", "b", &["pets/listPets", "users/deleteUser", "users/list", "users/listUsers"]);
    check("pets", "listPets", &["pets/listPets", "users/deleteUser", "users/list", "users/listUsers"]);
    check("q", "z", &["users/deleteUser", "users/list", "users/listUsers"]);
    check("users", "listA", &["users/listUsers"]);
    check("z", "", &[]);
    assert_eq!(names(snapshot.functions(None)).len(), snapshot.function_count());
}
