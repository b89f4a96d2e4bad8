//! What a large catalog costs: 10,000 upstreams with 10 functions each. Prints the processor time of one thread; run by
//! `cargo bench -p portolan-catalog`.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use catalog::model::{Described, Description, Digest, Endpoint, Kind, SourceId, UpstreamSpec};
use catalog::report::{Finding, Listed, Probed, Report};
use catalog::snapshot::Query;
use catalog::store::{ChangeSet, Memory, SledStore, Space, Store};
use catalog::{Catalog, Settings, open};
use serde_json::json;
use tokio::task::JoinSet;

const UPSTREAMS: usize = 10_000;
const FUNCTIONS: usize = 10;

fn listed(n: usize) -> Listed {
    Listed {
        key: format!("service-{n}").into(),
        name: format!("service-{n}"),
        namespace: None,
        spec: UpstreamSpec { labels: [("zone".to_owned(), format!("zone-{}", n % 5))].into(), ..Default::default() },
        endpoints: (1..8).map(|port| Endpoint::at(([127, 0, 0, 1], port).into())).collect(),
    }
}

fn finding(n: usize) -> Finding {
    let describe = |f: usize| Described {
        origin: format!("GET /things/{n}/{f}/{{id}}"),
        name: format!("getThing{f}Of{n}"),
        summary: Some(format!("Reads thing {f} of service {n}, with all that belongs to it")),
        description: Some("A thing has an id, a name and a list of parts; each part is a thing again. ".repeat(4)),
        deprecated: false,
        safe: true,
        tags: vec!["things".into(), format!("group {}", n % 100)],
        binding: json!({
            "method": "GET", "path": format!("/things/{n}/{f}/{{id}}"),
            "parameters": [{"name": "id", "in": "path", "style": "simple", "explode": false, "required": true}],
        }),
        input: json!({"type": "object", "properties": {"$path": {"properties": {"id": {"type": "string"}}}}}),
        output: Some(json!({"$ref": format!("#/$defs/Thing{f}")})),
    };
    let definition = |f: usize| {
        let next = format!("#/$defs/Thing{}", (f + 1) % FUNCTIONS);
        (format!("Thing{f}"), json!({"properties": {"name": {"maxLength": n}, "part": {"$ref": next}}}))
    };
    let functions = (0..FUNCTIONS).map(describe).collect();
    let definitions = (0..FUNCTIONS).map(definition).collect();
    let description = Box::new(Description { functions, definitions, ..Description::default() });
    Finding::Found { description, digest: Digest::of([n.to_be_bytes().as_slice()]), tls: false, hint: None }
}

async fn look(catalog: &Catalog, n: usize) {
    let snapshot = catalog.snapshot();
    let upstream =
        snapshot.upstream("gloo-system", &format!("service-{n}")).expect("it was listed").upstream.id.clone();
    let endpoint = ([127, 0, 0, 1], 1).into();
    let probed = Probed { upstream, kind: Kind::new("rest"), endpoint, finding: finding(n) };
    catalog.probed(probed).await.expect("memory takes it");
}

fn timed<T>(what: &str, times: u32, mut act: impl FnMut() -> T) -> T {
    let begin = on_cpu();
    let last = (1..times).fold(act(), |_, _| act());
    println!("{what:40} {:10.3} ms", (on_cpu() - begin).as_secs_f64() * 1000.0 / f64::from(times));
    last
}

/// The processor time that this thread had so far (Linux), which other work on the machine does not change much.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says it");
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number of nanoseconds"))
}

fn main() {
    // `cargo test` runs benches too; there is nothing to test.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let settings = || Settings { kinds: [Kind::new("rest")].into(), ..Settings::default() };
    let source = SourceId::new("consul", "");
    let memory = Arc::new(Memory::default());
    let (catalog, registrar) = runtime.block_on(open(memory.clone(), settings())).expect("memory opens");
    let mut tasks = JoinSet::new();
    tasks.spawn_on(registrar.run(), runtime.handle());

    let full = || Report::Full((0..UPSTREAMS).map(listed).collect());
    let report = |full| runtime.block_on(catalog.report(&source, full)).expect("memory takes it");
    timed("list 10,000 new upstreams", 1, || report(full()));
    timed("list the same again", 1, || report(full()));
    timed("describe 100,000 functions", 1, || {
        runtime.block_on(async {
            for n in 0..UPSTREAMS {
                look(&catalog, n).await;
            }
        });
    });
    let n = std::cell::Cell::new(0);
    timed("change the endpoints of one", 1000, || {
        n.set(n.get() + 1);
        let endpoints = vec![Endpoint::at(([127, 0, 0, 2], 1 + n.get() % 1000).into())];
        report(Report::Endpoints("service-5000".into(), endpoints))
    });
    timed("change one upstream", 1000, || {
        n.set(n.get() + 1);
        let mut changed = listed(5000);
        changed.spec.base_path = format!("/{}", n.get());
        report(Report::Changed(Box::new(changed)))
    });
    println!("{:40} {:10}", "records", memory.len());
    let (again, _) = timed("open", 5, || runtime.block_on(open(memory.clone(), settings())).expect("memory opens"));
    let snapshot = again.snapshot();
    assert_eq!((snapshot.upstream_count(), snapshot.function_count()), (UPSTREAMS, UPSTREAMS * FUNCTIONS));
    for query in ["thing", "getthing7of7777", "service-77 thing7", "parts again group", "nothing at all"] {
        let found =
            timed(&format!("search {query:?}"), 10, || snapshot.search(&Query::new(query), |_| true, |_| true).len());
        println!("{:40} {found:10} functions", "");
    }
    timed("list all functions", 10, || black_box(snapshot.functions(None).count()));

    let folder = tempfile::tempdir().expect("a folder");
    runtime.block_on(copy(&memory, folder.path()));
    // Twice: the second time the files are in memory, and sled has written its own snapshot.
    for times in ["open from disk", "open from disk again"] {
        timed(times, 1, || {
            runtime.block_on(async {
                let store = Arc::new(SledStore::open(folder.path()).await.expect("the folder opens"));
                open(store, settings()).await.expect("the store opens")
            })
        });
    }
}

/// Writes all that `memory` holds to an embedded store in `folder`.
async fn copy(memory: &Memory, folder: &Path) {
    let store = SledStore::open(folder).await.expect("the folder opens");
    for space in Space::ALL {
        let mut records = Vec::new();
        let mut each = |key, value: &[u8]| {
            records.push((key, Bytes::copy_from_slice(value)));
            Ok(())
        };
        memory.load(space.keys(), &mut each).await.expect("memory is read");
        while !records.is_empty() {
            let rest = records.split_off(records.len().saturating_sub(1000));
            store.commit(vec![ChangeSet { records: rest, ..ChangeSet::default() }]).await.expect("the disk takes it");
        }
    }
}
