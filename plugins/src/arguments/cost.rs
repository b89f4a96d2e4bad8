//! What it costs to check one value, told before anybody checks it: how often its nodes are looked at, at most ([`looks`](super::looks)).

use serde_json::Value;

use super::looks::{Table, tables};

/// The most looks to say whether a value fits, beside those that are free: about ten milliseconds.
const MAX_VERDICT: u64 = 500_000;

/// The most looks and copies of nodes to say what is wrong with one, beside those that are free: tens of milliseconds.
const MAX_FAULTS: u64 = 100_000;

/// The looks at each node that are free: what has no more is checked however large it is.
const FREE_LOOKS: u64 = 16;

/// The bytes of a text that cost as much as another node.
const TEXT: usize = 64;

/// What checking a value against one schema costs.
#[derive(Debug)]
pub(super) struct Cost {
    verdict: Price,
    faults: Price,
}

impl Cost {
    /// Of checking against `schema`.
    pub(super) fn of(schema: &Value) -> Self {
        let tables = tables(schema);
        let priced = |table: Table| table.into_iter().map(|looks| looks.saturating_sub(FREE_LOOKS));
        // A node is copied with each fault that is kept of it or of what it is in.
        let copies = tables.kept.into_iter().scan(0, |copies: &mut u64, kept| {
            *copies = copies.saturating_add(kept);
            Some(*copies)
        });
        let faults = priced(tables.faults).zip(copies).map(|(looks, copies)| looks.saturating_add(copies));
        Self { verdict: Price::new(priced(tables.verdict)), faults: Price::new(faults) }
    }

    /// Whether it takes reasonable time to say if `value` fits.
    pub(super) fn allows_verdict(&self, value: &Value) -> bool {
        self.verdict.is_within(MAX_VERDICT, value)
    }

    /// Whether it takes reasonable time to say what is wrong with `value`.
    pub(super) fn allows_faults(&self, value: &Value) -> bool {
        self.faults.is_within(MAX_FAULTS, value)
    }
}

/// What each node costs, by its depth; there is no entry where it and all that is deeper are free.
#[derive(Debug)]
struct Price(Box<[u64]>);

impl Price {
    fn new(table: impl Iterator<Item = u64>) -> Self {
        let mut table: Vec<u64> = table.collect();
        table.truncate(table.iter().rposition(|price| *price > 0).map_or(0, |last| last + 1));
        Self(table.into())
    }

    fn is_within(&self, mut limit: u64, value: &Value) -> bool {
        self.pay(value, 0, &mut limit)
    }

    /// Takes the price of `value` from `left`; false where it is not enough.
    fn pay(&self, value: &Value, depth: usize, left: &mut u64) -> bool {
        let Some(price) = self.0.get(depth) else { return true };
        let weight = value.as_str().map_or(1, |text| 1 + text.len() / TEXT);
        let Some(rest) = left.checked_sub(price.saturating_mul(weight as u64)) else { return false };
        *left = rest;
        match value {
            Value::Array(list) => list.iter().all(|value| self.pay(value, depth + 1, left)),
            Value::Object(map) => map.values().all(|value| self.pay(value, depth + 1, left)),
            _ => true,
        }
    }
}
