//! Calls through a worker, between a caller and an upstream that are both real.

mod answers;
mod bodies;
mod deadlines;
mod endpoints;
mod headers;
mod plans;
mod refusals;

/// Every request carries its whole future, and moves it twice. What is large and seldom belongs on the heap.
#[test]
fn a_request_is_not_large() {
    fn size<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        std::mem::size_of::<F>()
    }
    assert!(size(super::answer) <= 3072, "{}", size(super::answer));
}
