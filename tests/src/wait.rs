//! Waiting for facts.

use std::fmt::Display;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// How long a server may take to answer for the first time, on a machine that is busy with other things.
pub const START: Duration = Duration::from_secs(60);

/// How long a thing may take that ought to happen at once.
pub const SOON: Duration = Duration::from_secs(15);

/// The time between two looks.
const STEP: Duration = Duration::from_millis(20);

/// Calls `probe` until it succeeds, and returns what it found.
///
/// # Panics
///
/// When `limit` has passed, with `what` and the last reason why not.
#[track_caller]
pub fn until<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> F,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let deadline = Instant::now() + limit;
        let mut steps = steps();
        let mut last = "nothing yet".to_owned();
        loop {
            steps.tick().await;
            match timeout_at(deadline, probe()).await {
                Ok(Ok(found)) => return found,
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = format!("a look that did not end; before it: {last}"),
            }
            assert!(Instant::now() < deadline, "{what}: not within {limit:?} ({caller}); last seen: {last}");
        }
    }
}

/// Calls `probe` for as long as `time`: each call must succeed.
///
/// # Panics
///
/// With `what` and the reason, as soon as a call fails.
#[track_caller]
pub fn holds<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    time: Duration,
    mut probe: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let end = Instant::now() + time;
        let mut steps = steps();
        while Instant::now() < end {
            steps.tick().await;
            if let Err(error) = probe().await {
                panic!("{what}: no longer so ({caller}): {error}");
            }
        }
    }
}

fn steps() -> tokio::time::Interval {
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    steps
}
