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
use crate::sources::kubernetes::config_maps::ConfigMaps;
use crate::sources::kubernetes::knative::{self, Function};
use crate::sources::kubernetes::scope::Scope;
use crate::sources::kubernetes::steady;
use crate::sources::kubernetes::view::{Part, View};
use crate::sources::kubernetes::watch::Said;
use crate::testing::pass;

const LIST: &str =
    r#"{"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "cart", "namespace": "shop"}}]}"#;

/// A server that counts what it is asked, and its client. `answers` is told a request's target, and says the status and the body; where
/// it says nothing, nothing is ever answered.
async fn server(
    answers: impl Fn(&str) -> Option<(u16, &'static str)> + Send + Sync + 'static,
) -> (Server, Client, Arc<AtomicUsize>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, answers) = (asked.clone(), Arc::new(answers));
    let server = Server::start(move |mut stream| {
        let (count, answers) = (count.clone(), answers.clone());
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
    // A wait of 5 s on the average would be 120; each second would be 600.
    let asked = asked.load(Ordering::Relaxed);
    assert!((60..=240).contains(&asked), "{asked}");
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

#[tokio::test(start_paused = true)]
async fn a_kind_of_functions_that_is_removed_is_taken_away_and_awaited_again() {
    const KNOWN: &str = r#"{"kind": "APIResourceList", "groupVersion": "serving.knative.dev/v1", "resources": [
        {"name": "services", "kind": "Service", "namespaced": true, "singularName": "", "verbs": ["list", "watch"]}]}"#;
    const MISSING: &str =
        r#"{"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "no such page", "code": 404}"#;
    // The kind is there at first, is gone when it is watched, and is there again the third time that it is asked for.
    let asked_for = AtomicUsize::new(0);
    let (_server, client, _) = server(move |target| {
        if target.contains("watch=true") {
            return Some((404, MISSING));
        }
        match target.contains("/services") {
            true => Some((200, LIST)),
            false if asked_for.fetch_add(1, Ordering::Relaxed) == 1 => Some((404, MISSING)),
            false => Some((200, KNOWN)),
        }
    })
    .await;
    let read = |object| Function::of(object, &Scope::default(), true);
    let said = knative::watch("functions".into(), &client, None, Config::default(), read);
    let mut view = View::new(&Scope::default(), ConfigMaps::default(), "s".into());
    let after = said.map(|(_, said)| {
        match said {
            Said::Change(change) | Said::Listed(change) => change(&mut view),
            Said::Failed(cause) => panic!("{cause}"),
        }
        Function::keys(&view).len()
    });
    // It is there and all is told; it is gone; it is still gone; and again from the start.
    assert_eq!(after.take(6).collect::<Vec<_>>().await, [1, 1, 0, 0, 1, 1]);
}
