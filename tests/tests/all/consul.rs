//! Consul in good health: an instance whose check fails gets no requests, one that is gone is gone, and what stands at the
//! service's registration is in the catalog.

use std::collections::BTreeSet;

use harness::consul::Consul;
use harness::daemon::Daemon;
use harness::described::{Described, document};
use harness::{http, wait};
use serde_json::{Value, json};

fn instance(id: &str, ship: &Described) -> Value {
    json!({
        "Name": "ship", "ID": id, "Address": "127.0.0.1", "Port": ship.address().port(),
        "Tags": ["fast", "line=east", "portolan-validation=off"], "Meta": {"home": "Brno"},
        "Check": {"CheckID": format!("service:{id}"), "TTL": "1h", "Status": "passing"},
    })
}

/// Who answers, in so many calls one after the other.
async fn answering(daemon: &Daemon, calls: usize) -> Result<BTreeSet<String>, String> {
    let mut seen = BTreeSet::new();
    for _ in 0..calls {
        let answer = http::get(&daemon.url("ship", "sail")).await?;
        seen.extend(answer["service"].as_str().map(str::to_owned));
    }
    Ok(seen)
}

async fn until_answering(daemon: &Daemon, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    wait::until(&format!("{wanted:?} answer, and nobody else"), wait::SOON, || async {
        let seen = answering(daemon, 4).await?;
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

#[tokio::test]
async fn only_instances_that_pass_are_called() {
    let consul = Consul::start().await;
    let (argo, fram) =
        (Described::start("argo", document(&["sail"])).await, Described::start("fram", document(&["sail"])).await);
    consul.register(instance("argo", &argo)).await;
    consul.register(instance("fram", &fram)).await;
    let daemon = Daemon::start([format!("--source=consul={}", consul.address()), "--workers=1".to_owned()]).await;
    daemon.until_functions("ship", ["sail"]).await;
    until_answering(&daemon, &["argo", "fram"]).await;

    let upstream = daemon.upstream("ship").await.unwrap();
    assert_eq!(upstream["source"], "consul");
    assert_eq!((&upstream["labels"]["fast"], &upstream["labels"]["line"]), (&json!(""), &json!("east")), "{upstream}");
    assert_eq!(upstream["labels"]["home"], "Brno", "{upstream}");

    consul.report("service:argo", "critical").await;
    until_answering(&daemon, &["fram"]).await;
    consul.report("service:fram", "critical").await;
    wait::until("nobody is called", wait::SOON, || async {
        let answer = daemon.call("ship", "sail", &json!({})).await;
        if (answer.status, &*answer.reason()) == (503, "no-endpoint") { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    assert_eq!(daemon.functions("ship").await.unwrap().len(), 1, "what cannot be called now is not gone");
    consul.report("service:argo", "passing").await;
    until_answering(&daemon, &["argo"]).await;

    consul.deregister("fram").await;
    consul.deregister("argo").await;
    wait::until("the upstream is gone", wait::SOON, || async {
        let answer = daemon.call("ship", "sail", &json!({})).await;
        if answer.reason() == "unknown-upstream" { Ok(()) } else { Err(answer.text()) }
    })
    .await;
}
