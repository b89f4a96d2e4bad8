use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::super::limits;
use super::super::watch::{Index, Pace, follow};
use super::super::wire::Services;
use super::{Played, Reply};

#[test]
fn an_index_follows_the_rules() {
    for (before, answered, after) in [(0, 7, 7), (7, 9, 9), (7, 7, 7), (7, 6, 0), (7, 0, 0), (0, 0, 1)] {
        assert_eq!(Index(before).after(answered), Index(after), "{before} was answered with {answered}");
    }
}

#[tokio::test]
async fn a_watch_asks_for_what_is_later_and_anew_after_a_step_back() {
    let replies =
        [Reply::ok(7, "{}"), Reply::ok(9, "{}"), Reply::ok(3, "{}"), Reply::ok(3, "{}"), Reply::status(500, "")];
    let consul = Played::start(replies).await;
    let client = consul.client(&[]).await;
    let mut watch = follow::<Services>(&client, vec!["catalog".into(), "services".into()], "dc1".into(), 0);
    let mut indexes = Vec::new();
    for _ in 0..4 {
        indexes.push(watch.next().await.unwrap().unwrap().index);
    }
    assert_eq!(indexes, [7, 9, 3, 3]);
    // One failure is tried again at once, two are told.
    assert!(watch.next().await.unwrap().is_err());
    let asked: Vec<String> = consul.targets().iter().map(|t| t.replace("/v1/catalog/services?dc=dc1", "")).collect();
    let wait = |index| format!("&index={index}&wait=300s");
    assert_eq!(asked, [String::new(), wait(7), wait(9), String::new(), wait(3), wait(3)]);
}

#[tokio::test]
async fn a_watch_does_not_run_hot() {
    tokio::time::pause();
    let (mut pace, began) = (Pace::default(), Instant::now());
    let mut waits = |count: usize| -> Vec<Duration> {
        let mut waits = Vec::new();
        for _ in 0..count {
            waits.push(pace.rest(Instant::now()));
        }
        waits
    };
    let burst = usize::try_from(limits::BURST).unwrap();
    assert!(waits(burst).iter().all(Duration::is_zero));
    assert_eq!(waits(2), [limits::PACE; 2]);
    tokio::time::advance(limits::PACE).await;
    assert_eq!(waits(2), [Duration::ZERO, limits::PACE]);
    tokio::time::advance(limits::PACE * 1_000).await;
    assert_eq!(waits(burst + 1).iter().filter(|wait| wait.is_zero()).count(), burst);
    assert!(began.elapsed() > limits::PACE);
}
