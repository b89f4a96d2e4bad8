//! Which calls AWS refuses, and of which functions. A policy may name single functions, so that one that is refused says nothing of
//! the next; only after several in a row is a call given up, and only for a round.

use std::collections::BTreeMap;

use super::limits;

/// What is refused in one place.
#[derive(Default)]
pub(super) struct Refusals {
    calls: BTreeMap<&'static str, Call>,
    round: u64,
}

#[derive(Default)]
struct Call {
    /// The functions that have no answer, each with the round in which AWS refused it; `None` was not asked, as others were refused.
    functions: BTreeMap<String, Option<u64>>,
    /// How many were refused since the last answer, in this round.
    in_a_row: u32,
}

impl Refusals {
    /// Another round begins: all may be asked again.
    pub(super) fn begin_round(&mut self) {
        self.round += 1;
        self.calls.values_mut().for_each(|call| call.in_a_row = 0);
    }

    /// Whether to ask now.
    pub(super) fn may_ask(&self, action: &str, function: &str) -> bool {
        self.calls.get(action).is_none_or(|call| {
            call.in_a_row < limits::REFUSED_IN_A_ROW && call.functions.get(function) != Some(&Some(self.round))
        })
    }

    /// AWS refuses it.
    pub(super) fn refuse(&mut self, action: &'static str, function: &str) {
        let call = self.calls.entry(action).or_default();
        call.functions.insert(function.to_owned(), Some(self.round));
        call.in_a_row += 1;
    }

    /// It was not asked.
    pub(super) fn pass_over(&mut self, action: &'static str, function: &str) {
        self.calls.entry(action).or_default().functions.entry(function.to_owned()).or_default();
    }

    /// AWS has answered.
    pub(super) fn allow(&mut self, action: &str, function: &str) {
        if let Some(call) = self.calls.get_mut(action) {
            call.functions.remove(function);
            call.in_a_row = 0;
        }
    }

    /// Whether a function has no answer.
    pub(super) fn is_refused(&self, action: &str, function: &str) -> bool {
        self.calls.get(action).is_some_and(|call| call.functions.contains_key(function))
    }

    /// Whether any has none.
    pub(super) fn is_any(&self, action: &str) -> bool {
        self.calls.get(action).is_some_and(|call| !call.functions.is_empty())
    }

    /// The last round in which a function was refused. Rounds begin with those where that is longest ago, so that the same few never
    /// keep all others from being asked.
    pub(super) fn last(&self, function: &str) -> Option<u64> {
        self.calls.values().filter_map(|call| *call.functions.get(function)?).max()
    }

    /// A call is needed no more.
    pub(super) fn forget(&mut self, action: &str) {
        self.calls.remove(action);
    }

    /// Only these functions are there.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.calls.values_mut().for_each(|call| call.functions.retain(|name, _| is_there(name)));
    }
}
