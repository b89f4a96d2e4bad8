use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;

fn text(metrics: &Arc<Metrics>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics.clone()));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

#[test]
fn workers_are_added_up() {
    let metrics = Arc::new(Metrics::new(2));
    let (upstream, function) = ("pets".into(), "getPet".into());
    for worker in [0, 1, 1] {
        let tally = metrics.tally(worker, &upstream, &function);
        tally.count(200, Duration::from_millis(2));
        tally.count(404, Duration::from_secs(20));
        tally.count_unchecked();
    }
    metrics.none(0).count(404, Duration::from_micros(10));
    metrics.count_problem(Reason::UnknownFunction);
    insta::assert_snapshot!(text(&metrics));
}

#[test]
fn labels_are_bounded() {
    let metrics = Arc::new(Metrics::new(1));
    for upstream in 0..3 * limits::SERIES {
        for function in 0..3 {
            let tally = metrics.tally(0, &format!("u{upstream}").into(), &format!("f{function}").into());
            tally.count(200, Duration::ZERO);
        }
    }
    let sums = metrics.sums();
    assert!(sums.len() <= 2 * limits::SERIES + 1, "{}", sums.len());
    assert_eq!(sums.iter().map(|(_, sum)| sum.count()).sum::<u64>(), 9 * limits::SERIES as u64, "nothing is lost");
    let known = metrics.tally(0, &"u0".into(), &"f0".into());
    assert!(Arc::ptr_eq(&known, &metrics.tally(0, &"u0".into(), &"f0".into())), "who has a series keeps it");
    assert!(sums.iter().any(|((upstream, function), _)| **upstream == *OTHER && **function == *OTHER));
}

#[test]
fn statuses_are_bounded() {
    let tally = Arc::new(Tally::default());
    for status in 200..220 {
        tally.count(status, Duration::ZERO);
        tally.count(status, Duration::ZERO);
    }
    let sum = tally::Sum::of(&[tally]);
    assert_eq!(sum.statuses.len(), 13);
    assert_eq!(sum.statuses[&0], 16);
    assert_eq!(sum.statuses.values().sum::<u64>(), 40);
}
