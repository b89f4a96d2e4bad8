use std::time::Duration;

use tokio::time::Instant;

use super::super::belief::{Belief, Missing};
use super::super::client::Answer;
use super::super::error::Cause;
use super::super::limits;
use super::super::wire::Services;

/// A list, how it is judged, and what comes out.
#[derive(Clone, Copy)]
struct Step {
    at: u64,
    index: u64,
    filtered: bool,
    services: &'static [&'static str],
    missing: (usize, usize),
    first: bool,
    wanted: Wanted,
}

#[derive(Clone, Copy)]
enum Wanted {
    Gone,
    /// Doubted until that second.
    Until(u64),
    Vanished,
}

/// Judges one list after the other.
fn check(steps: &[Step]) {
    let (start, mut belief) = (Instant::now(), Belief::default());
    for (at, step) in steps.iter().enumerate() {
        let body: Services = step.services.iter().map(|name| ((*name).to_owned(), None)).collect();
        let list = Answer { index: step.index, filtered: step.filtered, body };
        let verdict = belief.judge(&list, step.missing, step.first, start + Duration::from_secs(step.at));
        let wanted = match step.wanted {
            Wanted::Gone => Ok(Missing::Gone),
            Wanted::Until(second) => Ok(Missing::Doubted(start + Duration::from_secs(second))),
            Wanted::Vanished => Err(Cause::Vanished),
        };
        assert_eq!(verdict, wanted, "step {at}");
    }
}

const FIRST: Step = Step {
    at: 0,
    index: 10,
    filtered: false,
    services: &["consul", "a"],
    missing: (0, 0),
    first: true,
    wanted: Wanted::Gone,
};

#[test]
fn an_ordinary_list_is_believed() {
    check(&[FIRST, Step { at: 1, index: 11, services: &["consul"], missing: (1, 1), first: false, ..FIRST }]);
    check(&[FIRST, Step { at: 1, index: 11, services: &["consul", "a"], missing: (1, 2), first: true, ..FIRST }]);
}

#[test]
fn an_empty_list_is_an_error_for_five_minutes() {
    let empty =
        Step { at: 1, index: 10, services: &[], missing: (1, 1), first: false, wanted: Wanted::Vanished, ..FIRST };
    check(&[FIRST, empty]);
    check(&[Step { at: 0, ..empty }]);
    let (still, believed) = (Step { at: 300, ..empty }, Step { at: 301, wanted: Wanted::Gone, ..empty });
    check(&[FIRST, empty, still, believed]);
    let back = Step { at: 200, index: 12, ..FIRST };
    check(&[FIRST, empty, back, Step { at: 301, index: 12, ..empty }]);
}

#[test]
fn a_list_that_lost_consul_itself_is_no_list() {
    let less =
        Step { at: 1, index: 11, services: &["b"], missing: (1, 2), first: false, wanted: Wanted::Vanished, ..FIRST };
    check(&[FIRST, less]);
    // A token that never saw it need not see it.
    let narrow = Step { services: &["a"], ..FIRST };
    check(&[narrow, Step { at: 1, index: 11, services: &["b"], missing: (1, 2), ..narrow }]);
}

#[test]
fn what_a_loss_of_data_took_is_doubted_and_no_more() {
    let wiped = Step { at: 9, index: 4, services: &["consul"], missing: (1, 1), wanted: Wanted::Until(309), ..FIRST };
    let later = Step { at: 10, index: 5, first: false, wanted: Wanted::Gone, ..wiped };
    let again = Step { at: 11, index: 6, first: true, wanted: Wanted::Until(309), ..wiped };
    let over = Step { at: 309, index: 7, missing: (1, 3), first: true, wanted: Wanted::Gone, ..wiped };
    check(&[FIRST, wiped, later, again, over]);
    // More than half gone while nobody looked, though the index is later.
    check(&[FIRST, Step { at: 9, index: 40, ..wiped }]);
    // The data were replaced while we looked.
    check(&[FIRST, Step { first: false, missing: (1, 5), ..wiped }]);
}

#[test]
fn very_many_that_go_at_once_are_doubted_whatever_stays() {
    let most = limits::MASS + 1;
    let less =
        Step { at: 9, index: 11, missing: (most, 2 * most - 1), first: false, wanted: Wanted::Until(309), ..FIRST };
    let more = Step { at: 10, index: 12, missing: (1, most - 1), wanted: Wanted::Gone, ..less };
    check(&[FIRST, less, more, Step { at: 309, index: 13, first: true, missing: (most, 2 * most - 1), ..more }]);
    // Half of them, or ten.
    check(&[FIRST, Step { missing: (most, 2 * most), wanted: Wanted::Gone, ..less }]);
    check(&[FIRST, Step { missing: (limits::MASS, limits::MASS), wanted: Wanted::Gone, ..less }]);
}

#[test]
fn what_the_token_hides_is_doubted_however_little_it_is() {
    // Nothing has changed since the last list.
    let hidden = Step { at: 1, missing: (1, 9), first: false, wanted: Wanted::Until(301), ..FIRST };
    let still = Step { at: 31, missing: (0, 8), wanted: Wanted::Gone, ..hidden };
    let again = Step { at: 40, first: true, ..hidden };
    check(&[FIRST, hidden, still, again, Step { at: 301, index: 11, wanted: Wanted::Gone, ..again }]);
    // It hid nothing before.
    let begins = Step { index: 11, filtered: true, ..hidden };
    check(&[FIRST, begins, Step { at: 2, index: 12, wanted: Wanted::Gone, ..begins }]);
    check(&[FIRST, Step { first: true, ..begins }]);
    // It may always have.
    check(&[Step { first: true, wanted: Wanted::Gone, ..begins }]);
}

#[test]
fn what_consul_says_it_hid_is_told_at_once() {
    let list = Answer { index: 1, filtered: true, body: Services::new() };
    let now = Instant::now();
    assert_eq!(Belief::default().judge(&list, (0, 0), true, now), Err(Cause::Hidden));
    assert_eq!(Belief::default().judge(&list, (0, 0), true, now + limits::DISBELIEF), Err(Cause::Hidden));
}
