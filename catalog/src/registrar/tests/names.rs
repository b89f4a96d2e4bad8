//! Names of functions against a naive reading of the rules.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::names::{Held, function_name};
use crate::model::{Digest, Kind};

/// Kind and origin, and the name that is held.
type Names = BTreeMap<(&'static str, String), String>;

/// A document of a kind: origins and wanted names; its functions are the only ones of the kind afterwards.
#[derive(Clone, Debug)]
struct Document {
    kind: &'static str,
    functions: Vec<(String, String)>,
}

fn document() -> impl Strategy<Value = Document> {
    // Few names, and such as others get by a hash or a kind.
    let hash = |digits: usize| move |n: u8| format!("x-{}", Digest::of([format!("o{n}").as_bytes()]).short(digits));
    let name = prop_oneof![
        4 => prop::sample::select(vec!["x", "y", "rest:x", "grpc:x"]).prop_map(str::to_owned),
        1 => (0..6_u8).prop_map(hash(4)),
        1 => (0..6_u8).prop_map(hash(5)),
    ];
    let functions = prop::collection::btree_map((0..6_u8).prop_map(|n| format!("o{n}")), name, 0..6);
    let shuffled = functions.prop_map(|all| all.into_iter().collect::<Vec<_>>()).prop_shuffle();
    (prop::sample::select(vec!["rest", "grpc"]), shuffled).prop_map(|(kind, functions)| Document { kind, functions })
}

/// As the rules are written: one function after the other, looking at everything each time.
fn naive(names: &mut Names, document: &Document) {
    let free = |names: &Names, name: &str| !names.values().any(|held| held == name);
    let behind_kind = |names: &Names, name: &str| {
        let other = names.iter().any(|((kind, _), held)| held == name && *kind != document.kind);
        if other { format!("{}:{name}", document.kind) } else { name.to_owned() }
    };
    let before = names.clone();
    let newcomers: Vec<_> = document
        .functions
        .iter()
        .filter(|(origin, _)| !before.contains_key(&(document.kind, origin.clone())))
        .collect();
    let mut without = Vec::new();
    for (origin, wanted) in newcomers {
        let wanted = behind_kind(&before, wanted);
        match free(names, &wanted) {
            true => drop(names.insert((document.kind, origin.clone()), wanted)),
            false => without.push((origin, wanted)),
        }
    }
    for (origin, wanted) in without {
        let mut digits = 4;
        let name = loop {
            let name = format!("{wanted}-{}", Digest::of([origin.as_bytes()]).short(digits));
            if free(names, &name) {
                break name;
            }
            digits += 1;
        };
        names.insert((document.kind, origin.clone()), name);
    }
    names.retain(|(kind, origin), _| *kind != document.kind || document.functions.iter().any(|(o, _)| o == origin));
}

fn given(names: &mut Names, document: &Document) {
    let kinds = [Kind::new("rest"), Kind::new("grpc")];
    let kind = |name: &str| kinds.iter().find(|kind| kind.as_str() == name).unwrap();
    let before = names.clone();
    let mut held = Held::new(before.iter().map(|((k, _), name)| (name.as_str(), kind(k))));
    let newcomers: Vec<_> = document
        .functions
        .iter()
        .filter(|(origin, _)| !before.contains_key(&(document.kind, origin.clone())))
        .map(|(origin, wanted)| (origin.as_str(), wanted.as_str()))
        .collect();
    let given = held.give(kind(document.kind), &newcomers);
    names.extend(newcomers.iter().zip(given).map(|((origin, _), name)| ((document.kind, (*origin).to_owned()), name)));
    names.retain(|(kind, origin), _| *kind != document.kind || document.functions.iter().any(|(o, _)| o == origin));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn names_are_given_as_the_rules_say(documents in prop::collection::vec(document(), 1..8)) {
        let (mut twin, mut names) = (Names::new(), Names::new());
        for document in documents {
            let before = names.clone();
            naive(&mut twin, &document);
            given(&mut names, &document);
            prop_assert_eq!(&names, &twin);
            let mut unique: Vec<_> = names.values().collect();
            unique.sort();
            unique.dedup();
            prop_assert_eq!(unique.len(), names.len(), "each name once");
            prop_assert!(before.iter().all(|(origin, name)| names.get(origin).is_none_or(|now| now == name)), "names stay");
        }
    }
}

#[test]
fn a_name_is_made_valid() {
    let check = |wanted: &str, expected: &str| assert_eq!(function_name(wanted, "GET /o"), expected);
    check("listPets", "listPets");
    check("pkg.Service/Method", "pkg.Service/Method");
    check("", "GET /o");
    check("a\nb\0", "a-b-");
    let long = function_name(&"ö".repeat(200), "GET /o");
    assert!(long.len() <= 256 && long.starts_with("öö"), "{long}");
}
