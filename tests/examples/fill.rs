//! Fills a store with a large catalog made of real documents, to measure a daemon on it:
//!
//!     fill DOCUMENTS DATA_DIR ENDPOINT [UPSTREAMS]
//!
//! DOCUMENTS is a folder of OpenAPI documents, DATA_DIR what `portolan serve --data-dir` gets, ENDPOINT an address that answers
//! all calls. Each of the UPSTREAMS (10,000) gets ten functions with their schemas. Prints what is in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use catalog::model::{Described, Description, Digest, Endpoint, SourceId, UpstreamSpec};
use catalog::report::{Finding, Listed, Probed, Report};
use catalog::store::SledStore;
use plugins::functions::rest::document;
use plugins::registry::FUNCTION_KINDS;
use serde_json::Value;
use tokio::task::JoinSet;

/// Functions of each upstream.
const FUNCTIONS: usize = 10;

/// Probes whose findings are on their way at once.
const AT_ONCE: usize = 64;

/// Bytes of schemas that ten functions have between them, about: 4 KB each.
const SCHEMAS: usize = 40_000;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let mut next =
        |what: &str| args.next().unwrap_or_else(|| panic!("{what} is missing: fill DOCUMENTS DATA_DIR ENDPOINT"));
    let (documents, data_dir, endpoint) = (next("DOCUMENTS"), next("DATA_DIR"), next("ENDPOINT"));
    let count: usize = args.next().map_or(10_000, |n| n.parse().expect("a number of upstreams"));
    let endpoint = Endpoint::at(endpoint.parse().expect("an address"));
    let slices = slices(Path::new(&documents));
    println!("{} slices of documents", slices.len());

    let folder = Path::new(&data_dir).join("store");
    std::fs::create_dir_all(&folder).expect("the data folder can be made");
    let store = SledStore::open(&folder).await.expect("the store opens");
    let kinds = FUNCTION_KINDS.iter().map(|k| k.kind()).collect();
    let settings = catalog::Settings { kinds, ..catalog::Settings::default() };
    let (catalog, registrar) = catalog::open(Arc::new(store), settings).await.expect("the catalog opens");
    let mut tasks = JoinSet::new();
    tasks.spawn(registrar.run());

    let source = SourceId::new("static", "fill");
    let listed = |n: usize| Listed {
        key: format!("u{n}").as_str().into(),
        name: format!("upstream-{n:05}"),
        namespace: None,
        spec: UpstreamSpec::default(),
        endpoints: vec![endpoint.clone()],
    };
    catalog.report(&source, Report::Full((0..count).map(listed).collect())).await.expect("the list is taken");
    let snapshot = catalog.snapshot();
    let mut probes = JoinSet::new();
    for (n, entry) in snapshot.upstreams(None).enumerate() {
        if probes.len() >= AT_ONCE {
            probes.join_next().await;
        }
        let (catalog, upstream) = (catalog.clone(), entry.upstream.id.clone());
        let description = Box::new(slices[n % slices.len()].clone());
        let finding =
            Finding::Found { description, digest: Digest::of([&n.to_be_bytes()[..]]), tls: false, hint: None };
        let probed = Probed { upstream, kind: FUNCTION_KINDS[0].kind(), endpoint: endpoint.address, finding };
        probes.spawn(async move { catalog.probed(probed).await.expect("the finding is taken") });
    }
    while probes.join_next().await.is_some() {}
    let snapshot = catalog.snapshot();
    println!("{} upstreams, {} functions", snapshot.upstream_count(), snapshot.function_count());
    catalog.close().await.expect("all is written");
}

/// Ten functions at a time of each document, with the definitions that they reach.
fn slices(folder: &Path) -> Vec<Description> {
    let mut slices = Vec::new();
    for file in files(folder) {
        let bytes = std::fs::read(&file).expect("a document can be read");
        let location = url::Url::parse("http://localhost/openapi.json").expect("this is a URL");
        let Ok(described) = document::read(&bytes, &location) else { continue };
        for functions in described.functions.chunks_exact(FUNCTIONS) {
            let definitions = reached(functions, &described.definitions);
            let size: usize = functions.iter().map(|f| f.input.to_string().len()).sum();
            let size = size + definitions.values().map(|d| d.to_string().len()).sum::<usize>();
            if size < 2 * SCHEMAS && size > SCHEMAS / 2 {
                slices.push(Description { functions: functions.to_vec(), definitions, ..Description::default() });
            }
        }
    }
    slices
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of documents") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn reached(functions: &[Described], all: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut open: Vec<Value> =
        functions.iter().flat_map(|f| [Some(f.input.clone()), f.output.clone()]).flatten().collect();
    let mut names = BTreeSet::new();
    while let Some(schema) = open.pop() {
        let mut found = Vec::new();
        references(&schema, &mut found);
        for name in found {
            if let Some(definition) = all.get(&name)
                && names.insert(name)
            {
                open.push(definition.clone());
            }
        }
    }
    names.into_iter().map(|name| (name.clone(), all[&name].clone())).collect()
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"));
            found.extend(name.map(|n| n.replace("~1", "/").replace("~0", "~")));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
