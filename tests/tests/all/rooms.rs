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

/// Without what the page leaves out, and without white space.
fn bare(text: &str) -> String {
    let shortened =
        [("BoxFuture<'a, ", "Future<"), ("BoxFuture<'_, ", "Future<"), ("<'a>", ""), ("<'_>", ""), ("'a ", "")];
    let text = shortened.iter().fold(text.to_owned(), |text, (long, short)| text.replace(long, short));
    text.split_whitespace().collect::<String>().replace(",)", ")")
}

/// The names of the functions that stand in the body of what begins with `head`, in order.
fn functions<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let body = text.split_once(head).and_then(|(_, rest)| rest.split_once("\n}")).map_or("", |(body, _)| body);
    let named = |line: &'a str| line.strip_prefix("    fn ")?.split(['(', '<']).next();
    body.lines().filter_map(named).collect()
}

#[test]
fn the_seams_of_the_architecture_are_those_of_the_code() {
    let page = read("ARCHITECTURE.md");
    let seams = page.split("```rust\n").nth(1).and_then(|rest| rest.split_once("```")).expect("the seams").0;
    assert!(seams.contains("trait "), "{seams}");
    for seam in seams.split_terminator("\n}\n") {
        let (head, methods) = seam.split_once('\n').expect("a seam has methods");
        let (name, file) = head.split_once("// ").unwrap_or_else(|| panic!("{head}: it names its file"));
        let (name, source) = (name.trim_end_matches([' ', '{']), read(file));
        assert!(source.contains(&format!("pub {name}")) || source.contains(&format!("pub(crate) {name}")), "{name}");
        if name.starts_with("trait ") {
            assert_eq!(functions(seams, &format!("{name} {{")), functions(&source, &format!("{name}:")), "{name}");
        }
        let source = bare(&source);
        let uncommented: String = methods.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        for method in uncommented.split(';').filter(|method| !method.trim().is_empty()) {
            // `…` stands for what is of no use on the page.
            let known = bare(method.split('…').next().unwrap_or_default());
            assert!(source.contains(known.trim_end_matches(',')), "{file}: {method}");
        }
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
