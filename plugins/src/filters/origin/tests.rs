use http::{Method, StatusCode};

use super::*;

const LOCAL: &str = "127.0.0.1:8080";

fn ask(config: &Config, local: &str, method: Method, target: &str, headers: &[(&str, &str)]) -> Verdict {
    let exchange = Exchange { peer: "127.0.0.1:4711".parse().unwrap(), local: local.parse().unwrap(), tls: false };
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut head, ()) = request.body(()).unwrap().into_parts();
    Origin::new(config.clone()).request(&exchange, &mut head)
}

/// Whether a plain request passes.
fn passes(config: &Config, local: &str, target: &str, headers: &[(&str, &str)]) -> bool {
    match ask(config, local, Method::POST, target, headers) {
        Verdict::Continue | Verdict::Follow(_) => true,
        Verdict::Refuse(problem) if problem.reason == Reason::ForeignOrigin => false,
        other => panic!("{other:?}"),
    }
}

fn cors(yaml: &str) -> Config {
    Config { names: Vec::new(), cors: Some(serde_json::from_str(yaml).unwrap()) }
}

#[test]
fn a_host_is_an_address_or_a_name_of_the_listener() {
    let named = Config { names: vec!["gw.example".into()], cors: None };
    for (host, local, expected) in [
        ("127.0.0.1:8080", LOCAL, true),
        ("127.0.0.1", LOCAL, true),
        ("[::1]:8080", LOCAL, true),
        ("192.0.2.1:99", LOCAL, true),
        ("localhost:8080", LOCAL, true),
        ("LOCALHOST.:8080", LOCAL, true),
        ("localhost:8080", "0.0.0.0:8080", true),
        ("localhost:8080", "192.0.2.1:8080", false),
        ("gw.example", LOCAL, true),
        ("GW.example.:8080", LOCAL, true),
        ("rebound.evil.example:8080", LOCAL, false),
        ("127.0.0.1.evil.example", LOCAL, false),
        ("localhost.evil.example", LOCAL, false),
        ("not a host", LOCAL, false),
        ("", LOCAL, false),
    ] {
        assert_eq!(passes(&named, local, "/fn/a/b", &[("host", host)]), expected, "{host} on {local}");
    }
    assert!(passes(&named, LOCAL, "/fn/a/b", &[]), "HTTP/1.0 without Host");
    assert!(!passes(&named, LOCAL, "/fn/a/b", &[("host", "localhost"), ("host", "localhost")]), "two hosts");
    assert!(
        !passes(&named, LOCAL, "http://evil.example/fn/a/b", &[("host", "localhost")]),
        "the absolute form goes first"
    );
    assert!(
        passes(&named, LOCAL, "http://localhost:8080/fn/a/b", &[("host", "evil.example")]),
        "the absolute form goes first"
    );
}

#[test]
fn a_page_of_another_site_may_not_ask() {
    for (headers, expected) in [
        (&[("origin", "http://localhost:8080")][..], true),
        (&[("origin", "http://LOCALHOST:8080")], true),
        (&[("origin", "http://localhost:3000")], false),
        (&[("origin", "http://localhost")], false),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", "null")], false),
        (&[("origin", "")], false),
        (&[("origin", "http://localhost:8080"), ("origin", "https://evil.example")], false),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("origin", "http://localhost:8080"), ("sec-fetch-site", "cross-site")], false),
    ] {
        let all = [&[("host", "localhost:8080")], headers].concat();
        assert_eq!(passes(&Config::default(), LOCAL, "/fn/a/b", &all), expected, "{headers:?}");
    }
}

#[test]
fn default_ports_go_without_saying() {
    let named = Config { names: vec!["gw.example".into()], cors: None };
    for (host, origin, expected) in [
        ("gw.example", "https://gw.example", true),
        ("gw.example:443", "https://gw.example", true),
        ("gw.example:8443", "https://gw.example", false),
        ("gw.example:80", "http://gw.example", true),
    ] {
        let headers = [("host", host), ("origin", origin)];
        assert_eq!(passes(&named, LOCAL, "/fn/a/b", &headers), expected, "{host} {origin}");
    }
}

#[test]
fn a_named_site_is_told_what_it_may_do() {
    let config = cors(
        r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true, "exposeHeaders": ["X-Request-Id"]}"#,
    );
    let page = [("host", "localhost:8080"), ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];

    let preflight =
        [&page[..], &[("access-control-request-method", "POST"), ("access-control-request-headers", "content-type")]]
            .concat();
    let Verdict::Answer(answer) = ask(&config, LOCAL, Method::OPTIONS, "/fn/a/b", &preflight) else { panic!() };
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let header = |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap());
    assert_eq!(header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(header("access-control-allow-methods"), Some("GET, HEAD, POST"));
    assert_eq!(header("access-control-allow-headers"), Some("content-type"));
    assert_eq!(header("access-control-allow-credentials"), Some("true"));
    assert_eq!(header("vary"), Some("origin"));

    let Verdict::Follow(mark) = ask(&config, LOCAL, Method::POST, "/fn/a/b", &page) else { panic!() };
    let upstream = http::Response::builder().header("access-control-allow-origin", "*");
    let (mut head, ()) = upstream.body(()).unwrap().into_parts();
    mark(&mut head);
    assert_eq!(head.headers["access-control-allow-origin"], "https://app.example");
    assert_eq!(head.headers["access-control-expose-headers"], "X-Request-Id");
}

#[test]
fn a_named_site_opens_nothing_else() {
    let config = cors(r#"{"allowOrigins": ["https://app.example"]}"#);
    for headers in [
        &[("host", "localhost:8080"), ("origin", "https://other.example")][..],
        &[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")],
        &[("host", "evil.example"), ("origin", "https://app.example")],
    ] {
        assert!(!passes(&config, LOCAL, "/fn/a/b", headers), "{headers:?}");
    }
    assert!(passes(&config, LOCAL, "/fn/a/b", &[("host", "localhost:8080")]));
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    for (json, expected) in [
        (r#"{"allowOrigins": ["*"], "allowCredentials": true}"#, "allowCredentials needs"),
        (r#"{"allowOrigins": ["app.example"]}"#, "not `*` nor like"),
        (r#"{"allowOrigins": ["https://app.example/path"]}"#, "not `*` nor like"),
        (r#"{"allowOrigins": [], "allowMethods": ["GE T"]}"#, "allowMethods"),
        (r#"{"allowOrigins": [], "allowHeaders": ["a b"]}"#, "allowHeaders"),
        (r#"{"allowOrigins": [], "alowHeaders": []}"#, "unknown field"),
    ] {
        let error = serde_json::from_str::<Cors>(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }
}
