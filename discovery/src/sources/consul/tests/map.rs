use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use catalog::model::{Health, Protocol};
use catalog::report::Listed;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::map::{Part, Reading, merge};
use super::super::wire::Entry;

fn part(entries: Value) -> Part {
    let entries: Vec<Entry> = serde_json::from_value(entries).unwrap();
    let addresses: BTreeMap<String, Vec<IpAddr>> =
        [("two.test".to_owned(), vec!["10.9.0.1".parse().unwrap(), "10.9.0.2".parse().unwrap()])].into();
    Reading::of(entries).resolved(&addresses)
}

fn listed(parts: &[Part]) -> Option<Listed> {
    merge(&Arc::from("web"), parts.iter().map(Some))
}

/// An instance as Consul writes it.
fn entry(id: &str, address: &str, port: i64, tags: &[&str], meta: Value, checks: &[&str]) -> Value {
    let checks: Vec<_> = checks.iter().map(|status| json!({"CheckID": "c", "Status": status})).collect();
    json!({
        "Node": {"Node": format!("node-{id}"), "Address": "10.0.0.99", "Datacenter": "dc1", "Meta": null},
        "Service": {"ID": id, "Service": "web", "Address": address, "Port": port, "Tags": tags, "Meta": meta,
                    "Weights": {"Passing": 3, "Warning": 1}, "Connect": {}},
        "Checks": checks,
    })
}

#[test]
fn an_answer_becomes_an_upstream() {
    let one = part(json!([
        entry("1", "10.0.0.1", 80, &["v=1", "canary", "portolan-openapi=/spec.json"], json!({"zone": "a"}), &["passing", "passing"]),
        entry("2", "", 81, &["v=2"], json!({"zone": "b", "portolan-validation": "report"}), &["passing", "warning"]),
        entry("3", "::1", 82, &[], Value::Null, &["critical"]),
        entry("4", "two.test", 83, &[], json!({}), &[]),
        entry("5", "10.0.0.5", 0, &[], json!({}), &["passing"]),
        entry("6", "10.0.0.6", 70_000, &[], json!({}), &["passing"]),
        entry("7", "nowhere.test", 80, &["portolan-protocol=carrier pigeon"], json!({}), &["passing"]),
        {"Node": null, "Service": {"ID": "proxy", "Kind": "connect-proxy", "Port": 90}, "Checks": null},
        {"Service": {"ID": "bare", "Port": 91, "Address": "10.0.0.8", "Weights": null, "Tags": null}},
    ]));
    insta::assert_debug_snapshot!((&one.notes, listed(std::slice::from_ref(&one))));
}

#[test]
fn a_service_of_proxies_alone_is_none() {
    let proxies = part(json!([{"Node": {"Node": "n"}, "Service": {"Kind": "connect-proxy", "Port": 1}}]));
    assert_eq!(listed(&[proxies]), None);
    assert_eq!(listed(&[]), None);
    let nothing_to_call = part(json!([entry("1", "10.0.0.1", 0, &[], json!({}), &[])]));
    assert_eq!(listed(&[nothing_to_call]).unwrap().endpoints, []);
}

#[test]
fn an_instance_passes_when_all_its_checks_do() {
    let check = |checks: &[&str], healthy: bool| {
        let listed = listed(&[part(json!([entry("1", "10.0.0.1", 80, &[], json!({}), checks)]))]).unwrap();
        assert_eq!(listed.endpoints[0].health == Health::Healthy, healthy, "{checks:?}");
    };
    check(&[], true);
    check(&["passing", "passing"], true);
    check(&["passing", "warning"], false);
    check(&["critical"], false);
    check(&["something new"], false);
}

#[test]
fn the_protocol_is_what_tags_and_meta_say() {
    let check = |tags: &[&str], meta: Value, wanted: Option<Protocol>| {
        let listed = listed(&[part(json!([entry("1", "10.0.0.1", 80, tags, meta, &[])]))]).unwrap();
        assert_eq!(listed.spec.protocol, wanted, "{tags:?}");
    };
    check(&[], json!({}), None);
    check(&["grpc"], json!({}), Some(Protocol::Grpc));
    check(&["h2c", "grpc"], json!({}), Some(Protocol::Http));
    check(&["grpc", "https", "http"], json!({}), Some(Protocol::Https));
    check(&["grpc=yes"], json!({}), None);
    check(&["grpc"], json!({"protocol": "HTTP2"}), Some(Protocol::Http));
    check(&["protocol=grpcs"], json!({}), Some(Protocol::Grpcs));
    check(&["protocol=grpcs"], json!({"portolan-protocol": "http"}), Some(Protocol::Http));
    check(&["https", "portolan-protocol=grpc"], json!({"protocol": "tcp"}), Some(Protocol::Grpc));
}

#[test]
fn a_host_that_all_share_is_the_upstreams() {
    let named = |port| entry("1", "two.test", port, &[], json!({}), &[]);
    let plain = entry("2", "10.0.0.1", 80, &[], json!({}), &[]);
    assert_eq!(listed(&[part(json!([named(80), named(81)]))]).unwrap().spec.host.as_deref(), Some("two.test"));
    assert_eq!(listed(&[part(json!([named(80), plain]))]).unwrap().spec.host, None);
    assert_eq!(listed(&[part(json!([named(80)])), part(json!([plain]))]).unwrap().spec.host, None);
}

#[test]
fn data_centres_are_one_upstream_and_the_local_one_goes_first() {
    let local = part(json!([
        entry("1", "10.0.0.1", 80, &["v=1"], json!({"portolan-openapi": "/local"}), &["critical"]),
        entry("2", "10.0.0.2", 80, &[], json!({}), &["critical"]),
    ]));
    let other = part(json!([
        entry("1", "10.0.0.1", 80, &["v=2", "far"], json!({"portolan-openapi": "/other"}), &["passing"]),
        entry("3", "10.0.0.3", 80, &["grpc"], json!({}), &["passing"]),
    ]));
    let both = merge(&Arc::from("web"), [Some(&local), None, Some(&other)]).unwrap();
    assert_eq!(both.spec.hints.openapi.as_deref(), Some("/local"));
    assert_eq!(both.spec.protocol, Some(Protocol::Grpc));
    assert_eq!(both.spec.labels, [("v", "1"), ("far", ""), ("grpc", "")].map(|(k, v)| (k.into(), v.into())).into());
    let places: Vec<_> = both.endpoints.iter().map(|e| (e.address.to_string(), e.priority, e.health.clone())).collect();
    let place = |address: &str, priority, health| (address.to_owned(), priority, health);
    // One address that is registered twice: the registration that passes counts.
    assert_eq!(
        places,
        [
            place("10.0.0.1:80", 2, Health::Healthy),
            place("10.0.0.2:80", 0, Health::Unhealthy),
            place("10.0.0.3:80", 2, Health::Healthy)
        ]
    );
}

#[test]
fn what_the_catalog_held_is_given_back_as_it_was() {
    let local = part(json!([entry("1", "10.0.0.1", 80, &["v=1"], json!({}), &["passing"])]));
    let other = part(json!([entry("2", "10.0.0.2", 80, &["far"], json!({}), &["passing"])]));
    for parts in [[Some(&local), Some(&other)], [None, Some(&other)], [Some(&local), None]] {
        let before = merge(&Arc::from("web"), parts).unwrap();
        let held: Vec<_> = (0..2).map(|at| Part::held(&before, at, 2)).collect();
        let after = merge(&before.key, held.iter().map(Option::as_ref)).unwrap();
        assert_eq!(after, before);
    }
    // A data centre that is not known any more: what was there is now the farthest one's.
    let far = merge(&Arc::from("web"), [None, None, Some(&other)]).unwrap();
    assert_eq!(Part::held(&far, 0, 2), None);
    assert_eq!(merge(&far.key, [None, Part::held(&far, 1, 2).as_ref()]).unwrap().endpoints[0].priority, 1);
}

fn any_entry() -> impl Strategy<Value = Value> {
    let address = prop_oneof![Just(""), Just("10.0.0.1"), Just("10.0.0.2"), Just("two.test"), Just("::1")];
    let tags =
        proptest::sample::subsequence(vec!["v=1", "v=2", "grpc", "portolan-openapi=/a", "portolan-openapi=/b"], 0..5);
    let checks = proptest::sample::subsequence(vec!["passing", "warning", "critical"], 0..3);
    ("[a-c]", address, 0i64..4, tags, checks)
        .prop_map(|(id, address, port, tags, checks)| entry(&id, address, port, &tags, json!({}), &checks))
}

proptest! {
    /// The order of Consul's answer does not matter, and no address stands in the list twice; one may be called if, and only if,
    /// an instance there passes all its checks.
    #[test]
    fn the_order_of_an_answer_does_not_matter(entries in proptest::collection::vec(any_entry(), 0..8), turn in 0usize..8) {
        let mut turned = entries.clone();
        turned.rotate_left(turn.min(entries.len()));
        let one = listed(&[part(json!(entries))]);
        prop_assert_eq!(&one, &listed(&[part(json!(turned))]));
        let mut callable = BTreeSet::new();
        for entry in &entries {
            let passes = entry["Checks"].as_array().unwrap().iter().all(|check| check["Status"] == "passing");
            let port = entry["Service"]["Port"].as_i64().unwrap();
            let hosts: &[&str] = match entry["Service"]["Address"].as_str().unwrap() {
                "" => &["10.0.0.99"],
                "two.test" => &["10.9.0.1", "10.9.0.2"],
                "::1" => &["[::1]"],
                "10.0.0.1" => &["10.0.0.1"],
                _ => &["10.0.0.2"],
            };
            callable.extend(hosts.iter().filter(|_| passes && port > 0).map(|host| format!("{host}:{port}")));
        }
        let endpoints = one.map(|listed| listed.endpoints).unwrap_or_default();
        let found: Vec<_> = endpoints.iter().filter(|e| e.health == Health::Healthy).map(|e| e.address.to_string()).collect();
        prop_assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), callable);
        prop_assert_eq!(endpoints.iter().map(|e| e.address).collect::<BTreeSet<_>>().len(), endpoints.len());
    }
}
