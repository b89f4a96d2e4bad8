//! Real documents: the functions are exactly the operations, as an independent reader in Python counts them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use harness::installed::named;
use plugins::functions::rest::document::read;
use serde::Deserialize;

/// What the corpus must have at least, of real and valid documents (500 KB are 512,000 bytes).
const DOCUMENTS: usize = 300;
const PUBLISHERS: usize = 40;
const LARGE: usize = 30;
const SWAGGER: usize = 60;

/// Documents that are read at a time; the largest has 20 MB.
const READERS: usize = 2;

/// What the independent reader says of a document (`corpus/count.py`).
#[derive(Deserialize)]
struct Counted {
    path: String,
    version: Option<String>,
    bytes: usize,
    valid: bool,
    /// `METHOD /path` and the name that it asks for.
    wanted: BTreeMap<String, String>,
}

/// What is known of a document's source (`corpus/documents.tsv`).
struct Row {
    real: bool,
    publisher: String,
}

#[test]
fn functions_are_exactly_the_operations() {
    let folder = named("PORTOLAN_TEST_DOCUMENTS");
    let mut counted = counted(&folder);
    assert_numbers(&counted, &rows());
    counted.retain(|document| document.valid);
    let all = counted.len();
    let (queue, wrong) = (Mutex::new(counted.into_iter()), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(document) = next else { break };
                    let compared = compare(&folder.join(&document.path), &document);
                    wrong.lock().unwrap().extend(compared.err());
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {all} documents:\n{}", wrong.len(), wrong.join("\n"));
}

fn compare(path: &Path, document: &Counted) -> Result<(), String> {
    let bytes = std::fs::read(path).unwrap();
    let location = "http://127.0.0.1/openapi.json".parse().unwrap();
    let description = read(&bytes, &location).map_err(|error| format!("{}: {error}", document.path))?;
    let found = description.functions.iter().map(|function| (function.origin.clone(), function.name.clone()));
    let found: BTreeMap<String, String> = found.collect();
    if found == document.wanted && found.len() == description.functions.len() {
        return Ok(());
    }
    let missing: Vec<_> = document.wanted.iter().filter(|pair| found.get(pair.0) != Some(pair.1)).take(3).collect();
    let extra: Vec<_> = found.iter().filter(|pair| document.wanted.get(pair.0) != Some(pair.1)).take(3).collect();
    let complaints: Vec<_> = description.complaints.iter().take(3).collect();
    Err(format!("{}: missing {missing:?}, not wanted {extra:?}; {complaints:?}", document.path))
}

fn assert_numbers(counted: &[Counted], rows: &BTreeMap<String, Row>) {
    let real = |document: &&Counted| document.valid && rows.get(&document.path).is_none_or(|row| row.real);
    let real: Vec<&Counted> = counted.iter().filter(real).collect();
    let publishers: BTreeSet<&str> =
        real.iter().filter_map(|document| Some(&*rows.get(&document.path)?.publisher)).collect();
    let large = real.iter().filter(|document| document.bytes > 512_000).count();
    let swagger = real.iter().filter(|document| document.version.as_deref() == Some("2.0")).count();
    let found = (real.len(), publishers.len(), large, swagger);
    let enough = found.0 >= DOCUMENTS && found.1 >= PUBLISHERS && found.2 >= LARGE && found.3 >= SWAGGER;
    assert!(enough, "documents, publishers, large ones, Swagger 2.0: {found:?}");
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn counted(folder: &Path) -> Vec<Counted> {
    let script = corpus().join("count.py");
    let output = Command::new(named("PORTOLAN_TEST_PYTHON")).arg(script).arg(folder).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("it prints JSON")).collect()
}

fn rows() -> BTreeMap<String, Row> {
    let table = std::fs::read_to_string(corpus().join("documents.tsv")).expect("it is there");
    let row = |line: &str| {
        let mut cells = line.split('\t');
        let (file, kind, publisher) = (cells.next()?, cells.next()?, cells.next()?);
        Some((file.to_owned(), Row { real: kind == "real", publisher: publisher.to_owned() }))
    };
    table.lines().skip(1).filter_map(row).collect()
}
