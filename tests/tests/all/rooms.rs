//! Dependencies are drawn once, in `ARCHITECTURE.md`; and the page of problems lists exactly those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use plugins::Reason;
use serde_json::Value;

/// For each room those of ours that it may use.
const ROOMS: [(&str, &[&str]); 6] = [
    ("catalog", &[]),
    ("plugins", &["catalog"]),
    ("discovery", &["catalog", "plugins"]),
    ("router", &["catalog", "plugins"]),
    ("portolan", &["catalog", "discovery", "plugins", "router"]),
    ("tests", &["catalog", "discovery", "plugins", "router"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    let path = root().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// For each package of the workspace those of ours that it depends on, for its tests and its build too.
fn drawn() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version=1"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages.map(|package| (room(&package["name"]), used(package))).collect()
}

fn used(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
    dependencies
        .filter(|dependency| dependency["path"].is_string())
        .map(|dependency| room(&dependency["name"]))
        .collect()
}

fn room(package: &Value) -> String {
    let name = package.as_str().expect("a name");
    name.strip_prefix("portolan-").unwrap_or(name).to_owned()
}

#[test]
fn no_room_uses_one_that_it_may_not() {
    let rooms = drawn();
    for (name, used) in &rooms {
        let (_, allowed) = ROOMS.iter().find(|(room, _)| room == name).unwrap_or_else(|| panic!("{name} is not drawn"));
        let allowed = allowed.iter().map(|name| (*name).to_owned()).collect();
        assert!(used.is_subset(&allowed), "{name} uses {used:?}, and may use {allowed:?}");
    }
    assert_eq!(rooms.len(), ROOMS.len(), "{:?}", rooms.keys());
}

#[test]
fn every_room_is_in_the_architecture() {
    let page = read("ARCHITECTURE.md");
    for (room, _) in ROOMS {
        let folder = if room == "portolan" { "src" } else { room };
        assert!(page.contains(&format!("| `{folder}/` |")), "{room}");
    }
}

#[test]
fn the_page_of_problems_has_exactly_the_table() {
    let page = read("docs/problems.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let reason = cells.next()?.trim_end_matches('`').to_owned();
        Some((reason, cells.next()?.parse::<u16>().ok()?))
    });
    let rows: Vec<(String, u16)> = rows.collect();
    let table: Vec<(String, u16)> = Reason::TABLE.iter().map(|row| (row.name.to_owned(), row.status)).collect();
    assert_eq!(rows, table);
}
