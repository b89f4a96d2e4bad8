//! Random actions against a map: reports, looks, failures of the store, restarts at any time. After each, the catalog is what the
//! map says, the store holds exactly what belongs to it, and a second reading of the store gives the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::bench::{Bench, address, found, listed};
use crate::model::{Endpoint, Origin, SourceId, UpstreamId};
use crate::report::{Finding, Listed, ListedFunctions, Probed, Report};
use crate::snapshot::Snapshot;
use crate::store::Fault;
use crate::{Catalog, CatalogError, Settings, open};

const SOURCES: [&str; 2] = ["static", "consul"];
const KEYS: [&str; 4] = ["a", "b", "A", "web"];
/// Those that probes find, and the one that sources list.
const KINDS: [&str; 3] = ["rest", "grpc", LISTED];
const LISTED: &str = "lambda";

/// An upstream that a source lists: key, version of its spec, port.
type Line = (usize, u8, u16);

/// The functions of a document: origin, and version of its content.
type Document = BTreeMap<u8, u8>;

#[derive(Clone, Debug)]
enum Act {
    Full(usize, Vec<Line>),
    Changed(usize, Line),
    Removed(usize, usize),
    Endpoints(usize, usize, u16),
    Failing(usize),
    /// A look that is confirmed: what the document lacks is gone.
    Looked(usize, usize, usize, Document),
    /// A look that is not: what it lacks stays.
    Glanced(usize, usize, usize, Document),
    /// A list of functions that comes from the source itself.
    Listed(usize, usize, Document),
    Forget(usize, usize),
    Close,
    Kill,
}

fn act() -> impl Strategy<Value = (Act, Option<Fault>)> {
    let source = || 0..SOURCES.len();
    let key = || 0..KEYS.len();
    let line = || (key(), 0..2_u8, 1..4_u16);
    let document = || prop::collection::btree_map(0..5_u8, 0..3_u8, 0..5);
    let look = || (source(), key(), 0..KINDS.len() - 1, document());
    let act = prop_oneof![
        4 => (source(), prop::collection::vec(line(), 0..4)).prop_map(|(s, lines)| Act::Full(s, lines)),
        4 => (source(), line()).prop_map(|(s, line)| Act::Changed(s, line)),
        1 => (source(), key()).prop_map(|(s, k)| Act::Removed(s, k)),
        2 => (source(), key(), 1..9_u16).prop_map(|(s, k, port)| Act::Endpoints(s, k, port)),
        1 => source().prop_map(Act::Failing),
        6 => look().prop_map(|(s, k, kind, document)| Act::Looked(s, k, kind, document)),
        2 => look().prop_map(|(s, k, kind, document)| Act::Glanced(s, k, kind, document)),
        4 => (source(), key(), document()).prop_map(|(s, k, document)| Act::Listed(s, k, document)),
        1 => (source(), key()).prop_map(|(s, k)| Act::Forget(s, k)),
        1 => Just(Act::Close),
        1 => Just(Act::Kill),
    ];
    let fault = prop_oneof![
        12 => Just(None),
        1 => Just(Some(Fault::Refuse)),
        1 => Just(Some(Fault::Deny)),
        1 => (0..3_usize).prop_map(|n| Some(Fault::Break(n))),
        1 => Just(Some(Fault::Tear)),
        1 => Just(Some(Fault::Panic)),
    ];
    (act, fault)
}

/// What the catalog should say of one upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    name: String,
    spec: String,
    /// Kind and origin of each function, with its name and content.
    functions: BTreeMap<(String, String), (String, String)>,
}

type Model = BTreeMap<(usize, usize), Known>;

fn source(source: usize) -> SourceId {
    SourceId::new(SOURCES[source], "")
}

fn origin(at: (usize, usize)) -> Origin {
    Origin { source: source(at.0), key: KEYS[at.1].into() }
}

fn line((key, spec, port): Line) -> Listed {
    let mut listed = listed(KEYS[key]);
    // Two keys ask for one name.
    listed.name = if key == 0 { "web".into() } else { KEYS[key].into() };
    listed.spec.base_path = format!("/{spec}");
    listed.endpoints = vec![Endpoint::at(address(port))];
    listed
}

/// Contents that never come back, so that each is news: the version and a counter.
fn document(functions: &Document, n: usize) -> String {
    functions.iter().map(|(origin, version)| format!("f{origin}={version}.{n} ")).collect()
}

fn shown(snapshot: &Snapshot) -> Model {
    let place = |origin: &Origin| {
        let source = SOURCES.iter().position(|kind| **kind == *origin.source.kind).unwrap();
        (source, KEYS.iter().position(|key| **key == *origin.key).unwrap())
    };
    let line = |entry: &crate::snapshot::UpstreamEntry| Known {
        name: entry.upstream.name.to_string(),
        spec: entry.upstream.spec.base_path.clone(),
        functions: entry
            .functions
            .iter()
            .map(|f| &f.function)
            .map(|f| {
                let content = f.summary.as_deref().unwrap_or_default().to_owned();
                ((f.kind.to_string(), f.origin.to_string()), (f.name.to_string(), content))
            })
            .collect(),
    };
    snapshot.upstreams(None).map(|entry| (place(&entry.upstream.origin), line(entry))).collect()
}

impl Known {
    fn new(model: &Model, at: (usize, usize), listed: &Listed) -> Self {
        let wanted = crate::model::name::upstream(&listed.name, &origin(at));
        let id = UpstreamId::new(&wanted, &origin(at));
        let held = model.values().any(|other| other.name == wanted);
        let name = if held { id.to_string() } else { wanted };
        Self { name, spec: listed.spec.base_path.clone(), functions: BTreeMap::new() }
    }

    /// Names stay; a newcomer gets the one that it asks for, or that behind its kind where the other kind holds it.
    fn look(&mut self, kind: &str, functions: &Document, n: usize, confirmed: bool) {
        let held: BTreeMap<String, String> =
            self.functions.iter().map(|((kind, _), (name, _))| (name.clone(), kind.clone())).collect();
        let mut found = BTreeSet::new();
        for (origin, version) in functions {
            let name = format!("f{origin}");
            let at = (kind.to_owned(), format!("GET /{name}"));
            found.insert(at.clone());
            let content = format!("{version}.{n}");
            match self.functions.get_mut(&at) {
                Some(known) => known.1 = content,
                None => {
                    let name = if held.contains_key(&name) { format!("{kind}:{name}") } else { name };
                    self.functions.insert(at, (name, content));
                }
            }
        }
        self.functions.retain(|at, _| at.0 != kind || found.contains(at) || !confirmed);
    }
}

/// What `act` makes of the model.
fn expect(model: &mut Model, act: &Act, n: usize) {
    match act {
        Act::Full(source, lines) => {
            let mut lines: Vec<_> = lines.iter().map(|l| (KEYS[l.0], *l)).collect();
            lines.sort_by_key(|(key, _)| *key);
            lines.dedup_by_key(|(key, _)| *key);
            for (_, l) in &lines {
                upsert(model, *source, *l);
            }
            model.retain(|(s, k), _| s != source || lines.iter().any(|(_, l)| l.0 == *k));
        }
        Act::Changed(source, line) => upsert(model, *source, *line),
        Act::Removed(source, key) => drop(model.remove(&(*source, *key))),
        Act::Looked(source, key, kind, functions) | Act::Glanced(source, key, kind, functions) => {
            if let Some(line) = model.get_mut(&(*source, *key)) {
                line.look(KINDS[*kind], functions, n, matches!(act, Act::Looked(..)));
            }
        }
        Act::Listed(source, key, functions) => {
            if let Some(line) = model.get_mut(&(*source, *key)) {
                line.look(LISTED, functions, n, true);
            }
        }
        Act::Endpoints(..) | Act::Failing(_) | Act::Forget(..) | Act::Close | Act::Kill => {}
    }
}

fn upsert(model: &mut Model, source: usize, l: Line) {
    let at = (source, l.0);
    let listed = line(l);
    match model.get_mut(&at) {
        Some(known) => known.spec = listed.spec.base_path,
        None => drop(model.insert(at, Known::new(model, at, &listed))),
    }
}

async fn perform(bench: &Bench, act: &Act, n: usize) -> Result<(), CatalogError> {
    let catalog = &bench.catalog;
    match act.clone() {
        Act::Full(s, lines) => {
            catalog.report(&source(s), Report::Full(lines.into_iter().map(line).collect())).await.map(drop)
        }
        Act::Changed(s, l) => catalog.report(&source(s), Report::Changed(Box::new(line(l)))).await.map(drop),
        Act::Removed(s, key) => catalog.report(&source(s), Report::Removed(KEYS[key].into())).await.map(drop),
        Act::Endpoints(s, key, port) => {
            let endpoints = vec![Endpoint::at(address(port))];
            catalog.report(&source(s), Report::Endpoints(KEYS[key].into(), endpoints)).await.map(drop)
        }
        Act::Failing(s) => catalog.failing(&source(s), "down".into()).await,
        Act::Looked(s, key, kind, functions) => {
            look(catalog, (s, key), kind, 1, found(&document(&functions, n))).await?;
            // Another endpoint agrees. By time the same one would: then a glance that came later would agree with an earlier one.
            look(catalog, (s, key), kind, 2, found(&document(&functions, n))).await
        }
        Act::Glanced(s, key, kind, functions) => {
            look(catalog, (s, key), kind, 1, found(&document(&functions, n))).await
        }
        Act::Listed(s, key, functions) => {
            let Finding::Found { description, .. } = found(&document(&functions, n)) else { unreachable!() };
            let listed = ListedFunctions { key: KEYS[key].into(), kind: crate::model::Kind::new(LISTED), description };
            match catalog.listed(&source(s), listed).await {
                Err(CatalogError::Unknown(_)) => Ok(()),
                other => other.map(drop),
            }
        }
        Act::Forget(s, key) => match bench.snapshot().by_origin(&origin((s, key))) {
            Some(entry) => match catalog.forget(&entry.upstream.id).await {
                Err(CatalogError::StillListed(_)) => Ok(()),
                other => other.map(drop),
            },
            None => Ok(()),
        },
        Act::Close | Act::Kill => Ok(()),
    }
}

async fn look(
    catalog: &Catalog,
    at: (usize, usize),
    kind: usize,
    endpoint: u16,
    finding: Finding,
) -> Result<(), CatalogError> {
    let Some(upstream) = catalog.snapshot().by_origin(&origin(at)).map(|entry| entry.upstream.id.clone()) else {
        return Ok(());
    };
    let kind = crate::model::Kind::new(KINDS[kind]);
    catalog.probed(Probed { upstream, kind, endpoint: address(endpoint), finding }).await.map(drop)
}

/// A commit that failed may have done any part of what was asked, one upstream after the other.
fn is_between(shown: &Model, before: &Model, after: &Model) -> bool {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).chain(shown.keys()).collect();
    keys.into_iter().all(|at| [before.get(at), after.get(at)].contains(&shown.get(at)))
}

async fn run(acts: Vec<(Act, Option<Fault>)>) {
    let mut bench = Bench::new().await;
    let mut model = Model::new();
    let mut revision = 0;
    for (n, (act, fault)) in acts.into_iter().enumerate() {
        bench.store.fail(fault);
        let before = model.clone();
        let outcome = perform(&bench, &act, n).await;
        bench.store.fail(None);
        bench.recovered().await;
        match act {
            Act::Close => bench = Bench::on(bench.close().await).await,
            Act::Kill => bench = bench.kill().await,
            _ => expect(&mut model, &act, n),
        }
        let snapshot = bench.snapshot();
        match outcome {
            Ok(()) => assert_eq!(shown(&snapshot), model, "after {act:?}"),
            Err(error) => {
                // The first of two looks may have been taken.
                let glanced = match &act {
                    Act::Looked(s, key, kind, functions) => {
                        let mut glanced = before.clone();
                        expect(&mut glanced, &Act::Glanced(*s, *key, *kind, functions.clone()), n);
                        glanced
                    }
                    _ => before.clone(),
                };
                let shown = shown(&snapshot);
                assert!(
                    is_between(&shown, &before, &model) || shown == glanced,
                    "{shown:?} is neither {before:?} nor {model:?} after {act:?} failed: {error}"
                );
                model = shown;
            }
        }
        assert!(snapshot.revision >= revision, "revisions do not go back");
        revision = snapshot.revision;
        bench.check_store().await;
        check_again(&bench).await;
    }
}

/// Another reading of the store gives the same catalog.
async fn check_again(bench: &Bench) {
    let settings = Settings { kinds: KINDS.map(crate::model::Kind::new).into(), ..Settings::default() };
    let (again, _) = open(bench.memory.clone(), settings).await.unwrap();
    let text = |snapshot: &Snapshot| {
        let entries = snapshot.upstreams(None).map(|entry| {
            let functions: Vec<_> = entry.functions.iter().map(|f| (f.record, f.definitions)).collect();
            format!("{:?} {functions:?} {:?} {:?}", entry.upstream, entry.tables, entry.texts)
        });
        (entries.collect::<Vec<_>>(), snapshot.revision, snapshot.function_count(), snapshot.logged, snapshot.trimmed)
    };
    assert_eq!(text(&bench.snapshot()), text(&again.snapshot()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_catalog_is_what_it_was_told(acts in prop::collection::vec(act(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(acts));
    }
}
