//! What is read, and in which order.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::checks::{Affected, Checks};
use super::super::limits;
use super::super::queue::{Queue, Rank, round};
use super::super::wire::Check;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_change_of_checks_names_whom_it_concerns() {
    let mut checks = Checks::default();
    let mut check = |list: &[(&str, &str, &str, u64)], services: &[&str], nodes: &[&str]| {
        let list = list.iter().map(|(node, id, service, index)| Check {
            node: (*node).to_owned(),
            check_id: (*id).to_owned(),
            service_name: (*service).to_owned(),
            modify_index: *index,
        });
        let wanted = Affected { services: names(services), nodes: names(nodes) };
        assert_eq!(checks.replace(list.collect()), wanted);
    };
    check(&[], &[], &[]);
    check(&[("n1", "c", "web", 5)], &["web"], &[]);
    check(&[("n1", "c", "web", 5)], &[], &[]);
    // It passed and failed again between two looks.
    check(&[("n1", "c", "web", 7)], &["web"], &[]);
    check(&[("n1", "c", "web", 7), ("n2", "c", "db", 8), ("n2", "serf", "", 9)], &["db"], &["n2"]);
    // The same check of another service.
    check(&[("n1", "c", "shop", 10)], &["web", "shop", "db"], &["n2"]);
    check(&[], &["shop"], &[]);
}

#[test]
fn the_queue_keeps_its_order_and_its_promises() {
    let [a, b, c]: [Arc<str>; 3] = ["a", "b", "c"].map(Arc::from);
    let mut queue = Queue::default();
    for name in [&a, &b, &c, &a] {
        queue.ask(name, Rank::Round);
    }
    queue.ask(&c, Rank::Urgent);
    assert_eq!(queue.next().as_ref(), Some(&c));
    assert_eq!(queue.next().as_ref(), Some(&a));
    // Asked for while it is read: once more after, and not at the same time.
    queue.ask(&a, Rank::Round);
    queue.ask(&a, Rank::Urgent);
    assert_eq!(queue.next().as_ref(), Some(&b));
    assert_eq!(queue.next(), None);
    assert!(queue.round_is_over());
    queue.done(&a);
    assert_eq!(queue.next().as_ref(), Some(&a));
    for name in [&a, &b, &c] {
        queue.done(name);
    }
    assert_eq!(queue.next(), None);
}

proptest! {
    /// Whatever is asked for in whatever order: what was asked for last is read after that, and nothing twice at a time.
    #[test]
    fn nothing_asked_for_is_lost(steps in proptest::collection::vec((0usize..4, 0u8..4), 0..60)) {
        let all: Vec<Arc<str>> = ["a", "b", "c", "d"].map(Arc::from).into();
        let mut queue = Queue::default();
        let (mut owed, mut reading) = (BTreeSet::new(), BTreeSet::new());
        for (name, act) in steps {
            match act {
                0 => { queue.ask(&all[name], Rank::Round); owed.insert(all[name].clone()); }
                1 => { queue.ask(&all[name], Rank::Urgent); owed.insert(all[name].clone()); }
                2 => if let Some(next) = queue.next() {
                    prop_assert!(owed.remove(&next), "{next} was not asked for");
                    prop_assert!(reading.insert(next));
                },
                _ => if let Some(done) = reading.pop_first() { queue.done(&done); },
            }
        }
        for done in reading { queue.done(&done); }
        while let Some(next) = queue.next() {
            prop_assert!(owed.remove(&next));
        }
        prop_assert!(owed.is_empty());
    }
}

#[test]
fn a_round_begins_with_what_changed_last() {
    let all = [("a", 0), ("b", 7), ("c", 9), ("d", 7)].map(|(name, changed)| (Arc::from(name), changed));
    assert_eq!(round(all.into_iter()).iter().map(|name| &**name).collect::<Vec<_>>(), ["c", "b", "d", "a"]);
}

#[test]
fn connections_are_shared_out() {
    assert_eq!(limits::warm(1), limits::WARM);
    for centres in 1..=limits::DATA_CENTRES {
        let own = limits::WATCHES + limits::LOCAL_READS + limits::warm(centres);
        let others = (centres - 1) * (limits::WATCHES + limits::REMOTE_READS);
        assert!(limits::IDLE + limits::SPARE + 1 + own + others <= limits::CONNECTIONS);
        assert!(limits::warm(centres) >= 50);
    }
}
