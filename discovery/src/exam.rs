//! The exam that every kind of source sits: full list first; the last good view is kept when its place fails; it stops in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use catalog::model::UpstreamSpec;
use catalog::report::Report;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::board::State;
use crate::registry::SOURCE_KINDS;
use crate::source::Source;
use crate::sources::{files, fixed, hosts};
use crate::supervisor::{GRACE, Supervisor};
use crate::testing::{Bench, addresses, listed, pass};

/// One source at a place that can fail.
pub(crate) struct Stage {
    /// The source; it lists `one` and `two`, each with one endpoint.
    pub(crate) source: Box<dyn Source>,
    /// Breaks the place for good.
    pub(crate) fail: Box<dyn FnOnce()>,
}

type SetUp = fn() -> Stage;

/// How each kind is put on the stage, by the kind's name in the registry.
const STAGES: &[(&str, SetUp)] = &[("static", on_the_command_line), ("files", in_a_folder)];

#[tokio::test(start_paused = true)]
async fn every_kind_of_source_sits_the_exam() {
    let kinds: Vec<_> = SOURCE_KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(kinds, STAGES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "each kind has a stage");
    for (name, stage) in STAGES {
        println!("{name}");
        sit(stage()).await;
    }
}

async fn sit(Stage { source, fail }: Stage) {
    let (bench, id) = (Bench::new().await, source.id().clone());
    // Only a full list can prove that this one is not there.
    let phantom = listed("phantom", UpstreamSpec::default(), &["127.0.0.1:1"]);
    bench.catalog.report(&id, Report::Changed(Box::new(phantom))).await.unwrap();

    let supervisor = Supervisor::new(bench.catalog.clone(), vec![source]);
    let board = supervisor.board().clone();
    assert_eq!(board.read()[0].state, State::Starting);
    let (stop, stopped) = oneshot::channel::<()>();
    let exam = async {
        bench.wait(|snapshot| addresses(snapshot, "phantom").is_none()).await;
        let listed = |snapshot: &catalog::Snapshot| {
            let endpoints = |name| addresses(snapshot, name).is_some_and(|addresses| addresses.len() == 1);
            endpoints("one") && endpoints("two")
        };
        assert!(listed(&bench.catalog.snapshot()), "the first report lists everything");
        board.wait_for(|statuses| statuses[0].state == State::Ok && statuses[0].upstreams == 2).await;
        fail();
        board.wait_for(|statuses| statuses[0].state == State::Failing || !statuses[0].left_out.is_empty()).await;
        pass(Duration::from_secs(300)).await;
        assert!(listed(&bench.catalog.snapshot()), "what fails takes nothing away");
        stop.send(()).unwrap();
    };
    let run = supervisor.run(async { stopped.await.unwrap() });
    let run = async {
        run.await;
        Instant::now()
    };
    let exam = async {
        exam.await;
        Instant::now()
    };
    let (asked, ended) = timeout(Duration::from_secs(3_600), async { tokio::join!(exam, run) }).await.unwrap();
    assert!(ended - asked <= GRACE);
    assert_eq!(board.read()[0].state, State::Stopped);
}

fn on_the_command_line() -> Stage {
    let failed = Arc::new(AtomicBool::new(false));
    let fails = failed.clone();
    let lookup: hosts::Lookup = Arc::new(move |_| {
        let found = match fails.load(Ordering::Relaxed) {
            true => Err(std::io::Error::other("no answer")),
            false => Ok(vec!["127.0.0.1".parse().unwrap()]),
        };
        Box::pin(std::future::ready(found))
    });
    let upstreams = vec!["one=http://one.test".parse().unwrap(), "two=http://127.0.0.1:2".parse().unwrap()];
    let source = Box::new(fixed::Fixed::resolved_by(lookup, upstreams));
    Stage { source, fail: Box::new(move || failed.store(true, Ordering::Relaxed)) }
}

fn in_a_folder() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        let text = format!(
            "{{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {{name: {name}}}, spec: {{static: {{hosts: [{{addr: 127.0.0.1, port: 1}}]}}}}}}"
        );
        std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let source = Box::new(files::Files::new(folder.path().to_owned()));
    Stage { source, fail: Box::new(move || folder.close().unwrap()) }
}
