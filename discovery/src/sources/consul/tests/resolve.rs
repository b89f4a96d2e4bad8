use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::super::resolve::Resolver;
use crate::sources::hosts::{AT_ONCE, Lookup};

#[tokio::test(start_paused = true)]
async fn services_behind_one_dead_name_do_not_queue_up() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let lookup: Lookup = Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    });
    let (resolver, began) = (Resolver::new(lookup), Instant::now());
    let found = join_all((0..500).map(|_| resolver.addresses(["dead.test".to_owned()].into()))).await;
    assert!(found.iter().all(|found| found["dead.test"].is_empty()));
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
    assert!(asked.load(Ordering::Relaxed) <= AT_ONCE);
}
