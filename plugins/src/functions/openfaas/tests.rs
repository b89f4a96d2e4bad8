//! Gateways that are tables of answers, as OpenFaaS's API describes them.

use std::collections::HashMap;

use catalog::model::{UpstreamId, UpstreamSpec};
use catalog::report::Finding;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use tonic::body::Body;
use url::Url;

use super::OpenFaas;
use crate::fetch::{Fetch, FetchError, Fetched, Get};
use crate::probe::{Probe, ProbeError, Target};

/// What a gateway answers where; everywhere else 404.
struct Gateway(HashMap<&'static str, (u16, Value)>);

impl Fetch for Gateway {
    fn tls(&self) -> BoxFuture<'_, Result<bool, FetchError>> {
        ready(Ok(false)).boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let (status, body) = self.0.get(get.location).cloned().unwrap_or((404, Value::Null));
        let url = Url::parse("http://gateway.openfaas:8080/").unwrap();
        let (status, body) = (StatusCode::from_u16(status).unwrap(), body.to_string().into());
        ready(Ok(Fetched { url, status, headers: HeaderMap::new(), body })).boxed()
    }

    fn exchange(&self, _: http::Request<Body>) -> BoxFuture<'_, Result<Response<Body>, FetchError>> {
        unreachable!("a gateway is asked for documents")
    }
}

fn look(answers: &[(&'static str, u16, Value)]) -> Result<Finding, ProbeError> {
    let gateway = Gateway(answers.iter().map(|(path, status, body)| (*path, (*status, body.clone()))).collect());
    let target = Target {
        id: UpstreamId::from("openfaas-gateway-8080"),
        spec: UpstreamSpec::default().into(),
        known: None,
        document_paths: [].into(),
    };
    OpenFaas.probe(&target, &gateway).now_or_never().expect("everything is ready at once")
}

#[test]
fn the_functions_of_all_namespaces_are_found() {
    let own = json!([
        {"name": "figlet", "namespace": "openfaas-fn", "image": "f:1", "invocationCount": 7, "replicas": 1,
         "labels": {}, "annotations": {"description": "writes large"}},
        {"name": "env", "namespace": "openfaas-fn", "labels": null, "annotations": null},
        {"name": "../system"},
    ]);
    let dev = json!([{"name": "figlet", "namespace": "dev"}]);
    let found = look(&[
        ("/system/functions", 200, own.clone()),
        ("/system/namespaces", 200, json!(["openfaas-fn", "dev", "a&b"])),
        ("/system/functions?namespace=dev", 200, dev),
    ]);
    let Ok(Finding::Found { description, .. }) = found else { panic!("{found:?}") };
    let shown: Vec<_> = description.functions.iter().map(|f| format!("{} {}", f.name, f.binding["path"])).collect();
    let wanted = ["env \"/function/env\"", "figlet \"/function/figlet\"", "figlet.dev \"/function/figlet.dev\""];
    assert_eq!(shown, wanted);
    assert_eq!(description.functions[1].description.as_deref(), Some("writes large"));
    assert_eq!(description.functions[1].binding["asyncPath"], "/async-function/figlet");
    assert_eq!(description.complaints, ["\"../system\" is not the name of a function"]);
    // What is counted with every call changes nothing.
    let digest =
        |count: u32| match look(&[("/system/functions", 200, json!([{"name": "a", "invocationCount": count}]))]) {
            Ok(Finding::Found { digest, .. }) => digest,
            other => panic!("{other:?}"),
        };
    assert_eq!(digest(1), digest(2));
}

#[test]
fn what_is_no_gateway_is_told_from_one_that_asks_for_credentials() {
    let check = |status: u16, body: Value| look(&[("/system/functions", status, body)]);
    assert!(matches!(check(404, Value::Null), Ok(Finding::NotThis)));
    assert!(matches!(check(200, json!({"functions": 1})), Ok(Finding::NotThis)));
    assert!(check(401, Value::Null).unwrap_err().to_string().contains("asks for credentials"));
    assert!(check(503, Value::Null).unwrap_err().to_string().contains("answers 503"));
}

#[test]
fn only_what_is_called_a_gateway_is_asked() {
    let check = |host: Option<&str>, labels: &[(&str, &str)], wanted: bool| {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let spec = UpstreamSpec { host: host.map(str::to_owned), labels, ..UpstreamSpec::default() };
        assert_eq!(OpenFaas.looks_at(&spec), wanted, "{host:?}");
    };
    check(Some("gateway.openfaas.svc"), &[], true);
    check(Some("gateway.openfaas"), &[], true);
    check(Some("faas.example.com"), &[("app", "openfaas"), ("component", "gateway")], true);
    check(Some("gateway.shop.svc"), &[("app", "openfaas")], false);
    check(Some("gateway.openfaasx"), &[], false);
    check(None, &[], false);
}
