//! Consul gone and back, wiped and back, its token's rights taken away and given back: no function is lost meanwhile, and none
//! is stale after.

use std::collections::BTreeSet;
use std::time::Duration;

use harness::consul::{Consul, Options, Token};
use harness::daemon::{self, Daemon};
use harness::described::{Described, document};
use harness::events::Events;
use harness::wait;
use serde_json::{Value, json};

/// More than ten, so that a list without them all is held back.
const SERVICES: usize = 12;

const RULES: &str = r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#;

/// All services are this one, which has two functions.
async fn ship() -> Described {
    Described::start("ship", document(&["sail", "moor"])).await
}

async fn register_all(consul: &Consul, ship: &Described) {
    for number in 0..SERVICES {
        let service = json!({"Name": format!("ship-{number}"), "Address": "127.0.0.1", "Port": ship.address().port()});
        consul.register(service).await;
    }
}

fn all() -> BTreeSet<String> {
    (0..SERVICES).flat_map(|number| ["moor", "sail"].map(|name| format!("ship-{number}/{name}"))).collect()
}

/// What the catalog has, as `upstream/function`; those that are stale apart.
async fn functions(daemon: &Daemon) -> Result<(BTreeSet<String>, BTreeSet<String>), String> {
    let name = |function: &Value| {
        let part = |field: &str| function[field].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", part("upstream"), part("name"))
    };
    let list = daemon.list("/api/v1/functions?source=consul").await?;
    let (stale, fresh): (Vec<_>, Vec<_>) = list.iter().partition(|function| function["stale"] == true);
    Ok((fresh.into_iter().map(name).collect(), stale.into_iter().map(name).collect()))
}

async fn until_all_are(daemon: &Daemon, stale: bool) {
    let what = if stale { "all are there, stale" } else { "all are there, and none is stale" };
    let nobody = BTreeSet::new();
    let are = || async {
        let found = functions(daemon).await?;
        let wanted = if stale { (nobody.clone(), all()) } else { (all(), nobody.clone()) };
        if found == wanted { Ok(()) } else { Err(format!("fresh {:?}, stale {:?}", found.0, found.1)) }
    };
    daemon.process.until(what, are).await;
}

async fn called(daemon: &Daemon) {
    let answer = daemon.call("ship-11", "sail", &json!({})).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"service": "ship", "path": "/sail"})));
}

async fn source(daemon: &Daemon) -> Value {
    let sources = daemon.admin("/api/v1/sources").await;
    let consul = |one: &&Value| one["name"].as_str().is_some_and(|name| name.starts_with("consul"));
    sources["items"].as_array().into_iter().flatten().find(consul).cloned().unwrap_or_default()
}

async fn until_source(daemon: &Daemon, what: &str, is: impl Fn(&Value) -> bool) {
    let fact = || async {
        let source = source(daemon).await;
        if is(&source) { Ok(()) } else { Err(source.to_string()) }
    };
    daemon.process.until(what, fact).await;
}

fn arguments(consul: &Consul) -> [String; 2] {
    [format!("--source=consul={}", consul.address()), "--workers=1".to_owned()]
}

#[tokio::test]
async fn gone_and_back() {
    let (ship, mut consul) = (ship().await, Consul::with(Options { kept: true, ..Options::default() }).await);
    register_all(&consul, &ship).await;
    let mut daemon = Daemon::start(arguments(&consul)).await;
    until_all_are(&daemon, false).await;
    let events = Events::follow(&daemon).await;
    consul.process.kill();
    until_source(&daemon, "the source fails", |source| source["state"] == "failing").await;
    until_all_are(&daemon, true).await;
    called(&daemon).await;

    assert_eq!(events.removed(), [""; 0]);
    daemon.restart().await;
    let (fresh, stale) = functions(&daemon).await.unwrap();
    assert_eq!(&fresh | &stale, all(), "its last catalog, as soon as it is ready");
    called(&daemon).await;
    until_all_are(&daemon, true).await;

    let events = Events::follow(&daemon).await;
    consul.restart().await;
    until_all_are(&daemon, false).await;
    called(&daemon).await;
    marked(&consul, &ship, &events).await;
    assert_eq!(events.removed(), [""; 0]);
}

#[tokio::test]
async fn wiped_and_back() {
    // An agent that keeps nothing has lost all services when it starts again, and counts its index from the beginning.
    let (ship, mut consul) = (ship().await, Consul::start().await);
    register_all(&consul, &ship).await;
    let daemon = Daemon::start(arguments(&consul)).await;
    until_all_are(&daemon, false).await;
    let events = Events::follow(&daemon).await;
    consul.restart().await;
    // What is registered now shows that the list without all the others was read.
    marked(&consul, &ship, &events).await;
    until_source(&daemon, "its list is held back", |source| source["heldBack"].is_string()).await;
    let (_, stale) = functions(&daemon).await.unwrap();
    assert_eq!(stale, all());
    called(&daemon).await;

    register_all(&consul, &ship).await;
    consul.deregister("mark").await;
    until_all_are(&daemon, false).await;
    until_source(&daemon, "nothing is held back", |source| source["heldBack"].is_null() && source["state"] == "ok")
        .await;
    called(&daemon).await;
    let mark = |name: &String| name.starts_with("mark");
    assert!(events.removed().iter().all(mark), "{:?}", events.removed());
}

/// A daemon that sees all services by its token.
struct Allowed {
    ship: Described,
    consul: Consul,
    token: Token,
    daemon: Daemon,
    /// What happens from now on.
    events: Events,
}

async fn allowed() -> Allowed {
    let (ship, consul) = (ship().await, Consul::with(Options { acl: true, ..Options::default() }).await);
    register_all(&consul, &ship).await;
    let token = consul.new_token(RULES).await;
    let environment = vec![("CONSUL_HTTP_TOKEN".to_owned(), token.secret.clone())];
    let daemon = Daemon::launch(daemon::Options { environment, ..Default::default() }, arguments(&consul));
    daemon.ready().await;
    until_all_are(&daemon, false).await;
    let events = Events::follow(&daemon).await;
    Allowed { ship, consul, token, daemon, events }
}

#[tokio::test]
async fn rights_taken_away_and_given_back() {
    let Allowed { ship, consul, token, daemon, events } = allowed().await;
    // Consul answers 200 and an empty list then, to a question that waits already when something happens.
    consul.allow(&token, "").await;
    consul.register(json!({"Name": "unseen"})).await;
    until_source(&daemon, "the empty list is not believed", |source| source["state"] == "failing").await;
    until_all_are(&daemon, true).await;
    called(&daemon).await;

    consul.deregister("unseen").await;
    consul.allow(&token, RULES).await;
    until_all_are(&daemon, false).await;
    called(&daemon).await;
    marked(&consul, &ship, &events).await;
    assert_eq!(events.removed(), [""; 0]);
}

/// Longer than the source waits before it asks a quiet Consul again.
const QUIET: Duration = Duration::from_secs(45);

#[tokio::test]
async fn a_part_of_the_rights_taken_away_in_a_quiet_consul() {
    let Allowed { ship, consul, token, daemon, events } = allowed().await;
    let part = r#"service "consul" { policy = "read" } service "ship-0" { policy = "read" } node_prefix "" { policy = "read" }"#;
    consul.allow(&token, part).await;
    wait::until("what it may not see any more is held back", QUIET, || async {
        let source = source(&daemon).await;
        if source["heldBack"].is_string() { Ok(()) } else { Err(source.to_string()) }
    })
    .await;
    let (fresh, stale) = functions(&daemon).await.unwrap();
    let seen = BTreeSet::from(["ship-0/moor".to_owned(), "ship-0/sail".to_owned()]);
    assert_eq!((&fresh, stale), (&seen, &all() - &seen));
    called(&daemon).await;

    consul.allow(&token, RULES).await;
    // What happens next is what tells of them.
    marked(&consul, &ship, &events).await;
    consul.deregister("mark").await;
    until_all_are(&daemon, false).await;
    let mark = |name: &String| name.starts_with("mark");
    assert!(events.removed().iter().all(mark), "{:?}", events.removed());
}

/// Adds a service and waits for its events: those of all that was before are there too.
async fn marked(consul: &Consul, ship: &Described, events: &Events) {
    consul.register(json!({"Name": "mark", "Address": "127.0.0.1", "Port": ship.address().port()})).await;
    events.until("added", "mark").await;
}
