//! Every file of the fuzz targets' corpora goes through its target's body: what a fuzzer found once stays mended.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "public for the fuzz targets, which are a package of their own")]
mod bodies;

use std::path::{Path, PathBuf};

/// A target's name, its body, and the fewest files that its corpus has.
type Row = (&'static str, fn(&[u8]), usize);

/// All targets.
const TARGETS: [Row; 9] = [
    ("arguments", bodies::arguments, 10),
    ("backups", bodies::backups, 5),
    ("descriptors", bodies::descriptors, 10),
    ("documents", bodies::documents, 10),
    ("function_urls", bodies::function_urls, 10),
    ("instances", bodies::instances, 8),
    ("lambda_answers", bodies::lambda_answers, 10),
    ("records", bodies::records, 10),
    ("resources", bodies::resources, 10),
];

/// The most bytes of all corpora together: they are checked out by everybody.
const MAX_BYTES: u64 = 200 << 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn check(target: &str) {
    let (_, body, least) = TARGETS.into_iter().find(|(name, ..)| *name == target).unwrap();
    let files = files(&folder().join("corpus").join(target));
    assert!(files.len() >= least, "{target}: {} files, {least} at least", files.len());
    for file in files {
        // Shown where it panics.
        eprintln!("{}", file.display());
        body(&std::fs::read(&file).unwrap());
    }
}

#[test]
fn arguments() {
    check("arguments");
}

#[test]
fn backups() {
    check("backups");
}

#[test]
fn descriptors() {
    check("descriptors");
}

#[test]
fn documents() {
    check("documents");
}

#[test]
fn function_urls() {
    check("function_urls");
}

#[test]
fn instances() {
    check("instances");
}

#[test]
fn lambda_answers() {
    check("lambda_answers");
}

#[test]
fn records() {
    check("records");
}

#[test]
fn resources() {
    check("resources");
}

#[test]
fn every_target_has_its_test_and_a_small_corpus() {
    let name = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let targets: Vec<String> = files(&folder().join("fuzz_targets")).iter().map(name).collect();
    assert_eq!(targets, TARGETS.map(|(target, ..)| target));
    let corpora = files(&folder().join("corpus"));
    assert_eq!(corpora.iter().map(name).collect::<Vec<_>>(), targets);
    let bytes: u64 = corpora.iter().flat_map(|corpus| files(corpus)).map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes <= MAX_BYTES, "{bytes} bytes of corpora, {MAX_BYTES} at most");
}
