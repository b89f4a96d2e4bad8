//! A watch of a server that does not do what is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, Client};
use tokio::io::AsyncWriteExt;

use crate::fetch::testing::{Server, head, reply};
use crate::sources::kubernetes::steady;
use crate::testing::pass;

const LIST: &str =
    r#"{"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "cart", "namespace": "shop"}}]}"#;

/// What an API server answers to a request's target, with the status; nothing ever where there is none.
type Answers = fn(&str) -> Option<(u16, &'static str)>;

/// A server that counts what it is asked, and its client.
async fn server(answers: Answers) -> (Server, Client, Arc<AtomicUsize>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Server::start(move |mut stream| {
        let count = count.clone();
        async move {
            while let Some(head) = head(&mut stream).await {
                count.fetch_add(1, Ordering::Relaxed);
                let target = head.split(' ').nth(1).unwrap_or_default();
                let Some((status, body)) = answers(target) else { return std::future::pending().await };
                let answer = reply(status, "Content-Type: application/json\r\n", body);
                let _ = stream.write_all(&answer).await;
            }
        }
    })
    .await;
    let url = format!("http://{}", server.address).parse().unwrap();
    let client = Client::try_from(kube::Config::new(url)).unwrap();
    (server, client, asked)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_streams_no_lists_is_asked_for_pages() {
    let (_server, client, _) = server(|target| match target {
        streamed if streamed.contains("sendInitialEvents") => {
            Some((422, r#"{"kind": "Status", "status": "Failure", "reason": "Invalid", "message": "no", "code": 422}"#))
        }
        watched if watched.contains("watch=true") => None,
        _ => Some((200, LIST)),
    })
    .await;
    let events = steady::events(Api::<Service>::all(client), Config::default().streaming_lists());
    let told = events.filter_map(async |event| match event.expect("that is no failure") {
        Event::InitApply(service) => service.metadata.name,
        _ => None,
    });
    assert_eq!(std::pin::pin!(told).next().await.as_deref(), Some("cart"));
}

#[tokio::test(start_paused = true)]
async fn what_is_forbidden_is_asked_for_less_and_less() {
    let (_server, client, asked) = server(|_| {
        Some((403, r#"{"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "no", "code": 403}"#))
    })
    .await;
    let events = steady::events(Api::<Service>::all(client), Config::default());
    let failures = events.for_each(async |_| {});
    tokio::select! {
        () = failures => {}
        () = pass(Duration::from_secs(600)) => {}
    }
    // Twice a wait of 15 s on the average would be 40; each second would be 600.
    let asked = asked.load(Ordering::Relaxed);
    assert!((10..=120).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_listed_again() {
    let (_server, client, _) = server(|target| match target.contains("watch=true") {
        true => Some((200, r#"{"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "reason": "Expired", "message": "too old", "code": 410}}"#)),
        false => Some((200, LIST)),
    })
    .await;
    let events = steady::events(Api::<Service>::all(client), Config::default());
    let lists = events.filter_map(async |event| matches!(event, Ok(Event::InitDone)).then_some(()));
    assert_eq!(lists.take(3).count().await, 3);
}
