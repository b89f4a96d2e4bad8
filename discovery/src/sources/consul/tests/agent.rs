//! A whole run against an agent that is played: quiet, and with a token whose rights go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalog::model::SourceId;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::super::{Consul, InUse, limits};
use super::publish::Notebook;
use super::settings;
use crate::fetch::testing::{Server, head, reply};
use crate::sources::hosts::Lookup;
use crate::testing::pass;

/// What an agent says of its catalog, and what it was asked for.
struct Said {
    services: String,
    data_centres: String,
    asked: Vec<String>,
}

impl Said {
    fn of(services: String) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { services, data_centres: r#"["dc1"]"#.to_owned(), asked: Vec::new() }))
    }
}

/// An agent in which nothing ever happens but what changes in `said`. `ship` is at `ship.test`.
async fn quiet(said: &Arc<Mutex<Said>>) -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let said = said.clone();
    Server::start(move |mut stream| {
        let said = said.clone();
        async move {
            while let Some(head) = head(&mut stream).await {
                let path = head.split(' ').nth(1).unwrap_or_default();
                said.lock().unwrap().asked.push(path.to_owned());
                if path.contains("index=7") {
                    std::future::pending::<()>().await;
                }
                let path = path.split('?').next().unwrap_or_default().trim_start_matches("/v1/");
                let body = match path {
                    "agent/self" => r#"{"Config": {"Datacenter": "dc1"}}"#.into(),
                    "catalog/datacenters" => said.lock().unwrap().data_centres.clone(),
                    "catalog/services" => said.lock().unwrap().services.clone(),
                    "health/service/ship" => {
                        r#"[{"Node": {"Node": "n", "Address": "ship.test"}, "Service": {"Port": 80}}]"#.into()
                    }
                    path if path.starts_with("health/service/") => {
                        r#"[{"Node": {"Node": "n", "Address": "10.0.0.1"}, "Service": {"Port": 80}}]"#.into()
                    }
                    _ => "[]".into(),
                };
                let _ = stream.write_all(&reply(200, "X-Consul-Index: 7\r\n", body)).await;
            }
        }
    })
    .await
}

fn source(agent: &Server) -> Consul {
    let settings = settings(&agent.address.to_string(), &[]);
    Consul::new(SourceId::new("consul", ""), settings, watch::channel(InUse::default()).1)
}

fn services(count: usize) -> String {
    let names: Vec<_> = (0..count).map(|n| format!(r#""s{n:02}": []"#)).collect();
    format!(r#"{{"consul": [], {}}}"#, names.join(", "))
}

#[tokio::test(start_paused = true)]
async fn a_quiet_consul_is_known_to_live_and_lost_rights_are_noticed() {
    let said = Said::of(services(2));
    let (agent, catalog) = (quiet(&said).await, Notebook::new(100));
    let source = source(&agent);
    let mut running = Box::pin(source.tell(&catalog));
    assert!(timeout(limits::AGAIN * 3, &mut running).await.is_err());
    assert_eq!(catalog.told(), ["full s00:1 s01:1"]);
    assert!(*catalog.alive.lock().unwrap() >= 2);
    said.lock().unwrap().services = "{}".into();
    let Err(error) = timeout(limits::AGAIN + Duration::from_secs(1), &mut running).await.expect("it breaks");
    assert!(error.to_string().contains("service:read"), "{error}");
    assert_eq!(catalog.told(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_part_of_the_rights_hides_is_doubted() {
    let said = Said::of(services(3));
    let (agent, catalog) = (quiet(&said).await, Notebook::new(100));
    let source = source(&agent);
    let mut running = Box::pin(source.tell(&catalog));
    assert!(timeout(Duration::from_secs(1), &mut running).await.is_err());
    catalog.told();
    said.lock().unwrap().services = services(1);
    assert!(timeout(limits::AGAIN + Duration::from_secs(1), &mut running).await.is_err());
    assert_eq!(catalog.told(), ["doubted s00:1"]);
    said.lock().unwrap().services = services(2);
    assert!(timeout(limits::AGAIN, &mut running).await.is_err());
    assert_eq!(catalog.told(), ["changed s01:1"]);
    assert!(timeout(limits::DISBELIEF, &mut running).await.is_err());
    assert_eq!(catalog.told(), ["removed s02"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_resolved_hides_no_other_service() {
    let agent = quiet(&Said::of(r#"{"ship": [], "s00": []}"#.to_owned())).await;
    let catalog = Notebook::new(100);
    let answers = Arc::new(Semaphore::new(0));
    let may = answers.clone();
    let lookup: Lookup = Arc::new(move |_| {
        let may = may.clone();
        Box::pin(async move {
            may.acquire().await.unwrap().forget();
            Ok(vec!["10.0.0.7".parse().unwrap()])
        })
    });
    let (id, in_use) = (SourceId::new("consul", ""), watch::channel(InUse::default()).1);
    let source = Consul::resolved_by(lookup, id, settings(&agent.address.to_string(), &[]), in_use);
    let mut running = Box::pin(source.tell(&catalog));
    assert!(timeout(Duration::from_secs(3), &mut running).await.is_err());
    assert_eq!(catalog.told(), ["full s00:1"]);
    answers.add_permits(1);
    assert!(timeout(Duration::from_secs(1), &mut running).await.is_err());
    assert_eq!(catalog.told(), ["changed ship:1"]);
}

#[tokio::test(start_paused = true)]
async fn hosts_of_a_service_in_use_are_resolved_again_and_again() {
    let agent = quiet(&Said::of(r#"{"ship": []}"#.to_owned())).await;
    let (catalog, found) = (Notebook::new(100), Arc::new(Mutex::new(vec!["10.0.0.7".parse().unwrap()])));
    let answers = found.clone();
    let lookup: Lookup = Arc::new(move |_| {
        let found = answers.lock().unwrap().clone();
        Box::pin(async move {
            pass(Duration::from_secs(3)).await;
            Ok(found)
        })
    });
    let (id, in_use) = (SourceId::new("consul", ""), watch::channel(["ship".into()].into()).1);
    let source = Consul::resolved_by(lookup, id, settings(&agent.address.to_string(), &[]), in_use);
    let mut running = Box::pin(source.tell(&catalog));
    assert!(timeout(Duration::from_secs(6), &mut running).await.is_err());
    assert_eq!(catalog.told(), ["full ", "changed ship:1"]);
    found.lock().unwrap().push("10.0.0.8".parse().unwrap());
    assert!(timeout(limits::AGAIN, &mut running).await.is_err());
    assert_eq!(catalog.told(), ["endpoints ship:2"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_in_use_that_was_doubted_is_asked_for_anew() {
    let said = Said::of(services(24));
    let (agent, catalog) = (quiet(&said).await, Notebook::new(100));
    let in_use: InUse = ["s09".into()].into();
    let (id, settings) = (SourceId::new("consul", ""), settings(&agent.address.to_string(), &[]));
    let source = Consul::new(id, settings, watch::channel(in_use).1);
    let mut running = Box::pin(source.tell(&catalog));
    assert!(timeout(Duration::from_secs(1), &mut running).await.is_err());
    said.lock().unwrap().services = services(1);
    assert!(timeout(limits::AGAIN, &mut running).await.is_err());
    said.lock().unwrap().asked.clear();
    said.lock().unwrap().services = services(24);
    assert!(timeout(limits::AGAIN, &mut running).await.is_err());
    let asked = &said.lock().unwrap().asked;
    assert!(asked.iter().any(|path| path.contains("/s09?") && path.contains("index=7")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn data_centres_that_are_gone_are_left_alone_and_make_room() {
    let said = Said::of(services(1));
    let list = |others: &[&str]| {
        let names = (1..limits::DATA_CENTRES - 1).map(|n| format!("dc{n}"));
        serde_json::to_string(&names.chain(others.iter().map(|&name| name.to_owned())).collect::<Vec<_>>()).unwrap()
    };
    said.lock().unwrap().data_centres = list(&["one", "two"]);
    let (agent, catalog) = (quiet(&said).await, Notebook::new(100));
    let source = source(&agent);
    let mut running = Box::pin(source.tell(&catalog));
    assert!(timeout(Duration::from_secs(1), &mut running).await.is_err());
    said.lock().unwrap().data_centres = list(&["new"]);
    let asked = || {
        let asked = std::mem::take(&mut said.lock().unwrap().asked);
        ["one", "two", "new"].map(|name| asked.iter().any(|path| path.contains(&format!("dc={name}"))))
    };
    assert!(timeout(limits::DISBELIEF, &mut running).await.is_err());
    assert_eq!(asked(), [true, true, false]);
    assert!(timeout(limits::DATA_CENTRES_EVERY * 3, &mut running).await.is_err());
    assert!(asked()[2]);
    assert!(timeout(limits::AGAIN * 2, &mut running).await.is_err());
    assert_eq!(asked(), [false, false, true]);
}
