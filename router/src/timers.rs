//! Time limits that cost a request next to nothing: a timer is taken from a shelf, set when the request first has to wait, and put back.
//!
//! Setting a used timer to a later time is one atomic store in tokio; making and dropping one takes its lock twice. A timer on the
//! shelf may still go off: it wakes a task that finds nothing to do.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits;

/// Timers that nobody uses now. There are never more than were in use at once.
#[derive(Default)]
pub(crate) struct Timers(RefCell<Vec<Pin<Box<Sleep>>>>);

/// The time is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Over;

/// How long something may take, as a whole or between two signs of life.
pub(crate) struct Limit {
    timers: Rc<Timers>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether `sleep` is set to what the fields below say.
    set: bool,
    end: Option<Instant>,
    /// The last sign of life, where silence is limited. Both directions of a stream set it.
    last: Option<Rc<Cell<Instant>>>,
}

impl Limit {
    /// Until `end`.
    pub(crate) fn new(timers: &Rc<Timers>, end: Instant) -> Self {
        Self { timers: timers.clone(), sleep: None, set: false, end: Some(end), last: None }
    }

    /// From now on: until `end`.
    pub(crate) fn change(&mut self, end: Instant) {
        self.end = Some(end);
        self.set = false;
    }

    /// From now on: with no more than [`limits::STREAM_SILENCE`] between two signs of life, and until `end`, if there is one.
    pub(crate) fn limit_silence(&mut self, end: Option<Instant>) {
        self.end = end;
        let now = Instant::now();
        self.last.get_or_insert_with(|| Rc::new(Cell::new(now))).set(now);
        self.set = false;
    }

    /// When the time is over as things are.
    pub(crate) fn until(&self) -> Option<Instant> {
        let quiet = self.last.as_ref().map(|last| last.get() + limits::STREAM_SILENCE);
        self.end.into_iter().chain(quiet).min()
    }

    /// The end, where there is one.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// Whether anything had to wait yet.
    pub(crate) fn has_waited(&self) -> bool {
        self.sleep.is_some()
    }

    /// Whether silence is limited.
    pub(crate) fn is_for_silence(&self) -> bool {
        self.last.is_some()
    }

    /// Where signs of life are noted, if silence is limited.
    pub(crate) fn life(&self) -> Option<Rc<Cell<Instant>>> {
        self.last.clone()
    }

    /// Ready when the time is over. Polled only by who has to wait.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            let Some(until) = self.until() else { return Poll::Pending };
            let sleep = self.sleep.get_or_insert_with(|| {
                self.set = false;
                self.timers.0.borrow_mut().pop().unwrap_or_else(|| Box::pin(sleep_until(until)))
            });
            if !self.set {
                sleep.as_mut().reset(until);
                self.set = true;
            }
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= until {
                return Poll::Ready(Over);
            }
            // There was a sign of life since it was set.
            self.set = false;
        }
    }

    /// What `future` yields, if it does so in time. Pinned by the caller, so that a large one is not moved.
    pub(crate) async fn within<F: Future>(&mut self, mut future: Pin<&mut F>) -> Result<F::Output, Over> {
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_over(cx).map(Err),
        })
        .await
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if let Some(sleep) = self.sleep.take() {
            self.timers.0.borrow_mut().push(sleep);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_limit_holds_and_its_timer_is_used_again() {
        let timers = Rc::new(Timers::default());
        for _ in 0..3 {
            let begun = Instant::now();
            let mut limit = Limit::new(&timers, begun + 15 * SECOND);
            assert_eq!(limit.within(pin!(pending::<()>())).await, Err(Over));
            assert_eq!(begun.elapsed().as_secs(), 15);
            assert_eq!(limit.within(pin!(async { 1 })).await, Ok(1), "what is ready is taken, late as it is");
            drop(limit);
            assert_eq!(timers.0.borrow().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_move_the_limit_on_silence_and_not_the_end() {
        let timers = Rc::new(Timers::default());
        let begun = Instant::now();
        let silence = limits::STREAM_SILENCE;
        let mut limit = Limit::new(&timers, begun + SECOND);
        limit.limit_silence(Some(begun + 5 * silence / 2));
        for _ in 0..3 {
            assert_eq!(limit.within(pin!(tokio::time::sleep(silence - silence / 4))).await, Ok(()));
            limit.limit_silence(limit.end());
        }
        assert_eq!(limit.within(pin!(pending::<()>())).await, Err(Over));
        assert_eq!(begun.elapsed().as_secs(), (5 * silence / 2).as_secs());
        limit.limit_silence(None);
        assert_eq!(limit.within(pin!(pending::<()>())).await, Err(Over));
        assert_eq!(begun.elapsed().as_secs(), (7 * silence / 2).as_secs());
    }
}
