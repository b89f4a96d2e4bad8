//! What objects become, and what changes of them change.

use std::sync::Arc;

use catalog::model::Home;
use catalog::report::Listed;
use serde_json::{Value, json};

use crate::sources::kubernetes::config_maps::ConfigMaps;
use crate::sources::kubernetes::map::{Service, Slice, key};
use crate::sources::kubernetes::scope::Scope;
use crate::sources::kubernetes::view::{Part, Says, View};

pub(super) fn service(name: &str, spec: Value, more: Value) -> Service {
    let mut object = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    merge(&mut object["metadata"], more);
    Service::of(serde_json::from_value(object).unwrap(), &Scope::default())
}

pub(super) fn slice(service: &str, family: &str, ports: Value, endpoints: Value) -> Option<Slice> {
    let metadata = json!({"name": "x", "namespace": "shop", "labels": {"kubernetes.io/service-name": service}});
    let object = json!({"metadata": metadata, "addressType": family, "ports": ports, "endpoints": endpoints});
    Slice::of(serde_json::from_value(object).unwrap())
}

/// Endpoints that are ready.
pub(super) fn ready(addresses: &[&str]) -> Value {
    addresses.iter().map(|at| json!({"addresses": [at], "conditions": {"ready": true}})).collect()
}

fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    more.into_iter().for_each(|(key, value)| into[key] = value);
}

fn put<P: Part>(view: &mut View, key: &str, now: Option<P>) -> Vec<String> {
    P::put(now, &Arc::from(key), view);
    view.changed().iter().map(|key| key.to_string()).collect()
}

/// Names, with the protocol where it is known, and the endpoints that may be called and, in brackets, may not.
fn shown(listed: &[Listed]) -> Vec<String> {
    let endpoint = |e: &catalog::model::Endpoint| match e.health {
        catalog::model::Health::Healthy => e.address.to_string(),
        _ => format!("({})", e.address),
    };
    let one = |l: &Listed| {
        let protocol = l.spec.protocol.map(|p| format!(" {p:?}")).unwrap_or_default();
        let endpoints: Vec<_> = l.endpoints.iter().map(endpoint).collect();
        format!("{}{protocol}: {}", l.name, endpoints.join(" "))
    };
    listed.iter().map(one).collect()
}

#[test]
fn each_port_is_an_upstream_with_the_addresses_of_its_name() {
    let cart = service(
        "cart",
        json!({"ports": [{"name": "http-web", "port": 80}, {"name": "grpc", "port": 9000, "appProtocol": "kubernetes.io/h2c"},
                         {"name": "dns", "port": 53, "protocol": "UDP"}]}),
        json!({}),
    );
    let ports =
        json!([{"name": "http-web", "port": 8080}, {"name": "grpc", "port": 9001}, {"name": "dns", "port": 53}]);
    let ready = json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true}});
    let leaving =
        json!({"addresses": ["10.0.0.2"], "conditions": {"ready": false, "serving": true, "terminating": true}});
    let unknown = json!({"addresses": ["10.0.0.3"]});
    let slice = slice("cart", "IPv4", ports, json!([ready, leaving, unknown])).unwrap();
    assert_eq!(
        shown(&cart.listed(&[&slice], None)),
        [
            "shop-cart-80 Http: 10.0.0.1:8080 (10.0.0.2:8080) 10.0.0.3:8080",
            "shop-cart-9000 Http: 10.0.0.1:9001 (10.0.0.2:9001) 10.0.0.3:9001"
        ]
    );
    let left_out: Vec<_> = cart.left_out.into_iter().collect();
    assert_eq!(left_out, [("shop/cart:53/UDP".to_owned(), "UDP is not spoken here".to_owned())]);
}

#[test]
fn a_slice_without_anything_is_one_without_endpoints() {
    let cart = service("cart", json!({"ports": [{"port": 80}]}), json!({}));
    let empty = slice("cart", "IPv4", Value::Null, Value::Null).unwrap();
    assert_eq!(shown(&cart.listed(&[&empty], None)), ["shop-cart-80: "]);
    assert!(slice("cart", "FQDN", json!([]), json!([])).is_none());
}

#[test]
fn of_two_families_the_service_s_first_is_called() {
    let endpoints = |address: &str| json!([{"addresses": [address]}]);
    let ports = json!([{"name": "", "port": 8080}]);
    let four = slice("cart", "IPv4", ports.clone(), endpoints("10.0.0.1")).unwrap();
    let six = slice("cart", "IPv6", ports, endpoints("fd00::1")).unwrap();
    let check = |families: Value, slices: &[&Slice], wanted: &str| {
        let cart = service("cart", json!({"ports": [{"port": 80}], "ipFamilies": families}), json!({}));
        assert_eq!(shown(&cart.listed(slices, None)), [wanted]);
    };
    check(json!(["IPv4", "IPv6"]), &[&six, &four], "shop-cart-80: 10.0.0.1:8080");
    check(json!(["IPv6", "IPv4"]), &[&four, &six], "shop-cart-80: [fd00::1]:8080");
    check(json!(["IPv6", "IPv4"]), &[&four], "shop-cart-80: 10.0.0.1:8080");
    check(Value::Null, &[&six, &four], "shop-cart-80: 10.0.0.1:8080");
}

#[test]
fn an_external_name_is_called_where_a_setting_lists_it() {
    let scope: Scope = serde_json::from_value(json!({"externalNames": ["*.example.com"]})).unwrap();
    let of = |host: &str, ports: Value| {
        let spec = json!({"type": "ExternalName", "externalName": host, "ports": ports});
        let object = json!({"metadata": {"name": "away", "namespace": "shop"}, "spec": spec});
        Service::of(serde_json::from_value(object).unwrap(), &scope)
    };
    let reason = |service: &Service| service.left_out["shop/away"].clone();
    let ports = json!([{"name": "https", "port": 443}]);
    assert!(reason(&of("localhost", ports.clone())).ends_with("externalNames does not list localhost"));
    assert!(reason(&of("api.example.com", Value::Null)).contains("has no port"));

    let mut view = View::new(&scope, ConfigMaps::default(), "s".into());
    let (service, host): (&str, Arc<str>) = ("shop/away", "api.example.com".into());
    put(&mut view, service, Some(of("API.example.com.", ports.clone())));
    assert!(view.hosts_anew().unwrap().eq([host.clone()]));
    assert!(shown(&view.listed(service)) == ["shop-away-443 Https: "] && !view.is_resolved(&host));
    assert_eq!(view.listed(service)[0].spec.host.as_deref(), Some("api.example.com"));
    view.resolved(&host, &["192.0.2.1".parse().unwrap(), "127.0.0.1".parse().unwrap()].into());
    assert_eq!(view.changed().len(), 1);
    assert_eq!(shown(&view.listed(service)), ["shop-away-443 Https: 192.0.2.1:443"]);
    assert!(view.left_out().any(|(what, _)| what == "api.example.com at 127.0.0.1"));
    // It may come back into the cluster.
    put(&mut view, service, Some(self::service("away", json!({"ports": [{"port": 443}]}), json!({}))));
    assert_eq!(view.hosts_anew().unwrap().count(), 0);
    assert_eq!(shown(&view.listed(service)), ["shop-away-443: "]);
}

#[test]
fn hints_and_labels_are_read_and_what_is_wrong_with_them_is_said() {
    let more = json!({
        "labels": {"app": "cart", "discovery.solo.io/function_discovery": "maybe"},
        "annotations": {"portolan.dev/openapi": "/api.json", "portolan.dev/protocol": "grpcs", "portolan.dev/colour": "red"},
    });
    let cart = service("cart", json!({"ports": [{"name": "http", "port": 80}]}), more);
    let listed = &cart.listed(&[], Some(true))[0];
    assert_eq!(listed.spec.labels["app"], "cart");
    assert_eq!(listed.spec.host.as_deref(), Some("cart.shop.svc"));
    assert_eq!(listed.spec.hints.openapi.as_deref(), Some("/api.json"));
    assert_eq!(listed.spec.home, Some(Home { namespace: "shop".into(), discovery: Some(true) }));
    assert_eq!(shown(std::slice::from_ref(listed)), ["shop-cart-80 Grpcs: "]);
    let faults: Vec<_> = cart.left_out.keys().cloned().collect();
    assert_eq!(
        faults,
        ["shop/cart, annotation portolan.dev/colour", "shop/cart, label discovery.solo.io/function_discovery"]
    );
}

#[test]
fn a_change_is_of_the_services_that_it_touches() {
    let mut view = View::default();
    let of = |name: &str| service(name, json!({"ports": [{"port": 80}]}), json!({}));
    let at = |service: &str, address: &str| {
        slice(service, "IPv4", json!([{"name": "", "port": 1}]), json!([{"addresses": [address]}]))
    };
    let none: [&str; 0] = [];
    // A slice may come before its Service, and both may come again as they were.
    assert_eq!(put(&mut view, "shop/s", at("a", "10.0.0.1")), ["shop/a"]);
    assert_eq!(shown(&view.listed("shop/a")), none);
    assert_eq!(put(&mut view, "shop/a", Some(of("a"))), ["shop/a"]);
    assert_eq!(shown(&view.listed("shop/a")), ["shop-a-80: 10.0.0.1:1"]);
    assert_eq!(put(&mut view, "shop/a", Some(of("a"))), none);
    assert_eq!(put(&mut view, "shop/s", at("a", "10.0.0.1")), none);
    // It may become another's, and go.
    assert_eq!(put(&mut view, "shop/s", at("b", "10.0.0.1")), ["shop/a", "shop/b"]);
    assert_eq!(shown(&view.listed("shop/a")), ["shop-a-80: "]);
    assert_eq!(put::<Slice>(&mut view, "shop/s", None), ["shop/b"]);
    assert_eq!(put::<Slice>(&mut view, "shop/s", None), none);
    // A Namespace speaks for all in it, and for no other.
    put(&mut view, "shop/c", Some(of("c")));
    let says = |value: &str| {
        let labels = json!({"discovery.solo.io/function_discovery": value});
        Says::of(
            &serde_json::from_value(json!({"metadata": {"name": "n", "labels": labels}})).unwrap(),
            &Scope::default(),
        )
    };
    assert_eq!(put(&mut view, "shop", says("disabled")), ["shop/a", "shop/c"]);
    assert_eq!(put(&mut view, "shop", says("disabled")), none);
    assert_eq!(put(&mut view, "sho", says("disabled")), none);
    assert_eq!(put(&mut view, "shop", says("maybe")), ["shop/a", "shop/c"]);
    assert_eq!(put::<Service>(&mut view, "shop/a", None), ["shop/a"]);
    assert_eq!(Service::keys(&view), [key(Some("shop"), Some("c"))]);
}

#[test]
fn services_and_namespaces_are_selected_by_their_labels() {
    let scope = Scope {
        service_selector: "tier=web".parse().unwrap(),
        namespace_selector: "team".parse().unwrap(),
        ..Scope::default()
    };
    let of = |name: &str, labels: Value, annotations: Value| {
        let metadata = json!({"name": name, "namespace": "shop", "labels": labels, "annotations": annotations});
        let object = json!({"metadata": metadata, "spec": {"ports": [{"port": 80}]}});
        Service::of(serde_json::from_value(object).unwrap(), &scope)
    };
    let mut view = View::new(&scope, ConfigMaps::default(), "s".into());
    put(&mut view, "shop/web", Some(of("web", json!({"tier": "web"}), json!({}))));
    put(&mut view, "shop/db", Some(of("db", json!({"tier": "db"}), json!({}))));
    put(&mut view, "shop/asks", Some(of("asks", json!({}), json!({"gloo.solo.io/discover": "true"}))));
    let names = |view: &View| -> Vec<_> {
        ["shop/web", "shop/db", "shop/asks"].iter().flat_map(|service| shown(&view.listed(service))).collect()
    };
    let left_out = |view: &View| -> Vec<_> { view.left_out().map(|(what, why)| format!("{what}: {why}")).collect() };
    // A Namespace that is not known yet is not selected.
    assert_eq!(names(&view), Vec::<String>::new());
    let labelled = |labels: Value| {
        Says::of(&serde_json::from_value(json!({"metadata": {"name": "shop", "labels": labels}})).unwrap(), &scope)
    };
    view.leaves_out_anew();
    assert_eq!(put(&mut view, "shop", labelled(json!({"team": "a"}))).len(), 3);
    assert!(view.leaves_out_anew());
    assert_eq!(names(&view), ["shop-web-80: ", "shop-asks-80: "]);
    assert_eq!(left_out(&view), ["shop/db: kubernetes.serviceSelector, tier=web, does not select it"]);
    assert_eq!(put(&mut view, "shop", labelled(json!({}))).len(), 3);
    assert_eq!(names(&view), Vec::<String>::new());
    assert!(left_out(&view).contains(&"shop/web: kubernetes.namespaceSelector does not select its namespace".into()));
}
