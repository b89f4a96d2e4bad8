//! How sources that break are kept running.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use catalog::model::{SourceId, UpstreamSpec};
use catalog::report::Report;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::*;
use crate::board::State;
use crate::testing::{Bench, addresses, listed};

/// What one run of a source does.
#[derive(Clone, Copy)]
enum Act {
    /// Breaks at once.
    Break,
    /// Lists one upstream, works that long, and breaks.
    Work(Duration),
    /// Panics.
    Panic,
}

/// A source that follows a script; after its end it lists and stays.
struct Scripted {
    id: SourceId,
    script: Mutex<Vec<Act>>,
    began: Arc<Mutex<Vec<Instant>>>,
}

impl Source for Scripted {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        Box::pin(async move {
            self.began.lock().unwrap().push(Instant::now());
            let act = self.script.lock().unwrap().pop();
            let broken = Err(SourceError::Place { act: "watching".into(), cause: "gone".into() });
            let full = || Report::Full(vec![listed("one", UpstreamSpec::default(), &["127.0.0.1:1"])]);
            match act {
                Some(Act::Break) => broken,
                Some(Act::Panic) => panic!("a bug"),
                Some(Act::Work(time)) => {
                    reports.send(full()).await?;
                    sleep(time).await;
                    broken
                }
                None => {
                    reports.send(full()).await?;
                    std::future::pending().await
                }
            }
        })
    }
}

/// Runs a script and returns the waits between its runs, when `fact` holds.
async fn play(script: &[Act], fact: impl Fn(&Bench, &Board) -> bool) -> Vec<Duration> {
    let (bench, began) = (Bench::new().await, Arc::default());
    let script = Mutex::new(script.iter().rev().copied().collect());
    let source = Scripted { id: SourceId::new("static", "script"), script, began: Arc::clone(&began) };
    let supervisor = Supervisor::new(bench.catalog.clone(), vec![Box::new(source)]);
    let board = supervisor.board().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let watch = async {
        board.wait_for(|_| fact(&bench, &board)).await;
        stop.send(()).unwrap();
    };
    tokio::join!(supervisor.run(async { stopped.await.unwrap() }), watch);
    assert_eq!(board.read()[0].state, State::Stopped);
    let began = began.lock().unwrap();
    began.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// A run in which a part fails, and another in which none does.
struct Parted(SourceId, AtomicBool);

impl Source for Parted {
    fn id(&self) -> &SourceId {
        &self.0
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        Box::pin(async move {
            if !self.1.swap(true, Ordering::Relaxed) {
                reports.part("eu", Some("gone".into()));
                return Err(SourceError::Place { act: "watching".into(), cause: "gone".into() });
            }
            reports.send(Report::Full(Vec::new())).await?;
            std::future::pending().await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_run_said_of_its_parts_is_over_with_the_next() {
    let source = Box::new(Parted(SourceId::new("static", "parts"), AtomicBool::new(false)));
    let supervisor = Supervisor::new(Bench::new().await.catalog.clone(), vec![source]);
    let board = supervisor.board().clone();
    let watch = async {
        board.wait_for(|all| all[0].failing_parts.contains_key("eu") && all[0].restarts == 1).await;
        board.wait_for(|all| all[0].failing_parts.is_empty()).await;
    };
    supervisor.run(watch).await;
}

fn is_ok(_: &Bench, board: &Board) -> bool {
    board.read()[0].state == State::Ok
}

#[tokio::test(start_paused = true)]
async fn waits_grow_with_failures_and_have_a_limit() {
    let waits = play(&[Act::Break; 20], is_ok).await;
    assert_eq!(waits.len(), 20);
    for (failures, wait) in (1..).zip(&waits) {
        assert!(*wait <= RESTART.ceiling(failures) + Duration::from_millis(2), "{failures}: {wait:?}");
    }
    assert!(waits[10..].iter().any(|wait| *wait > Duration::from_secs(5)), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_good_run_makes_the_next_failure_a_first_one() {
    let script = [[Act::Break; 10].as_slice(), &[Act::Work(STEADY * 2), Act::Break]].concat();
    let waits = play(&script, |_, board| board.read()[0].restarts == 12 && is_ok_now(board)).await;
    let after = waits[10] - STEADY * 2;
    assert!(after <= RESTART.ceiling(1) + Duration::from_millis(2), "{after:?}");
    assert!(waits[11] <= RESTART.ceiling(2) + Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn short_runs_that_report_and_break_are_no_good_runs() {
    let waits =
        play(&[Act::Work(Duration::ZERO); 20], |_, board| board.read()[0].restarts == 20 && is_ok_now(board)).await;
    assert!(waits[10..].iter().any(|wait| *wait > Duration::from_secs(5)), "{waits:?}");
}

fn is_ok_now(board: &Board) -> bool {
    board.read()[0].state == State::Ok
}

#[tokio::test(start_paused = true)]
async fn a_failing_source_leaves_its_entries_stale_with_the_reason() {
    let stale = |bench: &Bench, board: &Board| {
        let snapshot = bench.catalog.snapshot();
        let entry = snapshot.upstream("gloo-system", "one");
        let stale = entry.and_then(|entry| snapshot.stale(&entry.upstream).cloned());
        let failed = board.read()[0].state == State::Failing;
        stale.is_some_and(|stale| stale.reason.contains("watching: gone"))
            && failed
            && addresses(&snapshot, "one").is_some()
    };
    play(&[Act::Work(Duration::from_secs(1)), Act::Break, Act::Break, Act::Break], stale).await;
    let fresh = |bench: &Bench, board: &Board| {
        let snapshot = bench.catalog.snapshot();
        let entry = snapshot.upstream("gloo-system", "one");
        board.read()[0].restarts == 2 && entry.is_some_and(|entry| snapshot.stale(&entry.upstream).is_none())
    };
    play(&[Act::Work(Duration::from_secs(1)), Act::Break], fresh).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_run_again() {
    let broke = |board: &Board| board.read()[0].last_error.as_ref().is_some_and(|e| e.message.contains("a bug"));
    let waits = play(&[Act::Panic], |bench, board| is_ok(bench, board) && broke(board)).await;
    assert_eq!(waits.len(), 1);
}
