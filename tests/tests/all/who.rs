//! Who may ask: pages of other sites may not, function URLs are closed off loopback, and the admin address has tokens.

use harness::command;
use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::echo::Echo;
use harness::http::{self, Answer, client};
use harness::{port, process};
use serde_json::{Value, json};
use tokio::net::TcpListener;

async fn asked(url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    http::answer(request).await.unwrap()
}

#[tokio::test]
async fn pages_of_other_sites_may_not_ask() {
    let ship = Described::start("ship", document(&["sail"])).await;
    let daemon = Daemon::start([format!("--upstream=ship={}", ship.url(""))]).await;
    daemon.until_functions("ship", ["sail"]).await;
    let urls =
        [daemon.url("ship", "sail"), format!("{}/api/v1/upstreams", daemon.admin), format!("{}/metrics", daemon.admin)];
    for url in &urls {
        let own = url.split('/').nth(2).unwrap();
        let (port, origin) = (own.rsplit(':').next().unwrap(), format!("http://{own}"));
        let rebound = format!("harbour.example:{port}");
        for (headers, allowed) in [
            (vec![], true),
            (vec![("origin", &*origin)], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("host", &*rebound)], false),
            (vec![("origin", "http://harbour.example")], false),
            (vec![("origin", "null")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
        ] {
            let answer = asked(url, &headers).await;
            let wanted = if allowed { (200, "") } else { (403, "foreign-origin") };
            assert_eq!((answer.status, &*answer.reason()), wanted, "{url} {headers:?}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_site_that_the_configuration_names_may_ask() {
    let ship = Described::start("ship", document(&["sail"])).await;
    let cors = json!({"allowOrigins": ["https://app.example.com"]});
    let (_folder, config) =
        configuration(&json!({"functionUrls": {"cors": cors, "hostnames": ["gateway.example.com"]}}));
    let daemon = Daemon::start([format!("--upstream=ship={}", ship.url("")), config]).await;
    daemon.until_functions("ship", ["sail"]).await;
    let url = daemon.url("ship", "sail");
    let page =
        [("host", "gateway.example.com"), ("origin", "https://app.example.com"), ("sec-fetch-site", "cross-site")];
    let answer = asked(&url, &page).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "https://app.example.com"));
    assert_eq!(asked(&url, &[("origin", "https://other.example.com")]).await.status, 403);
    let mut preflight = client().request(http_method("OPTIONS"), &url).header("access-control-request-method", "POST");
    for (name, value) in page {
        preflight = preflight.header(name, value);
    }
    let answer = http::answer(preflight).await.unwrap();
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "https://app.example.com"));
    assert!(answer.header("access-control-allow-methods").contains("POST"), "{answer:?}");
}

fn http_method(name: &str) -> reqwest::Method {
    name.parse().unwrap()
}

/// A configuration file and the flag that names it.
fn configuration(content: &Value) -> (tempfile::TempDir, String) {
    let folder = process::folder("configuration");
    let file = folder.path().join("portolan.yaml");
    std::fs::write(&file, content.to_string()).unwrap();
    (folder, format!("--config={}", file.display()))
}

fn off_loopback() -> Options {
    Options { gateway_ip: "0.0.0.0".to_owned(), ..Options::default() }
}

#[tokio::test]
async fn function_urls_are_closed_off_loopback_until_they_are_opened() {
    let echo = Echo::start().await;
    let ship = Described::start("ship", document(&["sail"])).await;
    let upstreams = [format!("--upstream=ship={}", ship.url("")), format!("--upstream=echo={}", echo.url(""))];
    let with = async |access: Value| {
        let (_folder, config) = configuration(&json!({"functionUrls": access}));
        let daemon = Daemon::launch(off_loopback(), [&upstreams[..], &[config]].concat());
        daemon.ready().await;
        daemon.until_functions("ship", ["sail"]).await;
        daemon
    };
    let closed = with(json!({})).await;
    let answer = asked(&closed.url("ship", "sail"), &[]).await;
    assert_eq!((answer.status, &*answer.reason()), (403, "functions-closed"));
    assert!(answer.text().contains("functionUrls.access"), "it names the setting: {}", answer.text());

    let open = with(json!({"access": "open"})).await;
    assert_eq!(asked(&open.url("ship", "sail"), &[]).await.status, 200);

    let folder = process::folder("token");
    let file = folder.path().join("token");
    std::fs::write(&file, "swordfish\n").unwrap();
    let guarded = with(json!({"access": "token", "tokenFile": file})).await;
    let url = guarded.url("ship", "sail");
    for (headers, wanted) in [
        (vec![], (401, "unauthorized")),
        (vec![("portolan-token", "wrong")], (401, "unauthorized")),
        (vec![("authorization", "Bearer swordfish")], (401, "unauthorized")),
        (vec![("portolan-token", "swordfish")], (200, "")),
    ] {
        let answer = asked(&url, &headers).await;
        assert_eq!((answer.status, &*answer.reason()), wanted, "{headers:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_admin_address_asks_for_its_tokens() {
    let folder = process::folder("tokens");
    let flag = |name: &str, flag: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{name}-secret\n")).unwrap();
        format!("{flag}={}", file.display())
    };
    let flags = [flag("write", "--admin-token-file"), flag("read", "--admin-read-token-file")];
    let daemon = Daemon::launch(Options { admin_ip: "0.0.0.0".to_owned(), ..Options::default() }, &flags);
    daemon.ready().await;
    for (method, path, token, wanted) in [
        ("GET", "/healthz", "", 200),
        ("GET", "/readyz", "", 200),
        ("GET", "/metrics", "", 401),
        ("GET", "/metrics", "read-secret", 200),
        ("GET", "/api/v1/upstreams", "", 401),
        ("GET", "/api/v1/upstreams", "wrong", 401),
        ("GET", "/api/v1/upstreams", "read-secret", 200),
        ("GET", "/api/v1/upstreams", "write-secret", 200),
        ("GET", "/openapi.json", "", 401),
        ("DELETE", "/api/v1/upstreams/none", "", 401),
        ("DELETE", "/api/v1/upstreams/none", "read-secret", 403),
        ("DELETE", "/api/v1/upstreams/none", "write-secret", 404),
        ("POST", "/api/v1/backup", "read-secret", 403),
    ] {
        let mut request = client().request(http_method(method), format!("{}{path}", daemon.admin));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let answer = http::answer(request).await.unwrap();
        assert_eq!(answer.status, wanted, "{method} {path} with {token:?}: {}", answer.text());
        assert_eq!(answer.headers.contains_key("www-authenticate"), wanted == 401, "{method} {path}");
    }
    let token = folder.path().join("read").display().to_string();
    let ended = daemon.run(&["get", "upstreams", "--token-file", &token]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(daemon.run(&["get", "upstreams"]).await.code, 1, "without a token");
    assert!(!daemon.process.output().contains("-secret"), "a token is in no log line");
}

#[tokio::test]
async fn a_start_that_cannot_be_meant_is_refused() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let (free, other) = (format!("127.0.0.1:{}", port::free()), format!("0.0.0.0:{}", port::free()));
    let folder = process::folder("refused");
    let data = format!("--data-dir={}", folder.path().display());
    for (gateway, admin, named) in
        [(&free, &other, "--admin-token-file"), (&taken, &free, "--gateway"), (&free, &taken, "--admin")]
    {
        let flags =
            [format!("--gateway={gateway}"), format!("--admin={admin}"), data.clone(), "--source=none".to_owned()];
        let ended = command::run(["serve".to_owned()].into_iter().chain(flags)).await;
        assert_eq!(ended.code, 1, "{gateway} {admin}: {ended:?}");
        assert!(ended.err.contains(named), "{gateway} {admin}: {named} is not in {}", ended.err);
    }
}

#[tokio::test]
async fn tokens_are_read_again_at_sighup() {
    let ship = Described::start("ship", document(&["sail"])).await;
    let (folder, config) = configuration(&json!({}));
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let access = json!({"access": "token", "tokenFile": file("call", "old-call")});
    let text = json!({"functionUrls": access, "adminTokenFile": file("admin", "old-admin")});
    std::fs::write(folder.path().join("portolan.yaml"), text.to_string()).unwrap();
    let daemon = Daemon::start([format!("--upstream=ship={}", ship.url("")), config]).await;
    let upstreams = format!("{}/api/v1/upstreams", daemon.admin);
    let admin = |token: &'static str| {
        let upstreams = upstreams.clone();
        async move { asked(&upstreams, &[("authorization", token)]).await.status }
    };
    let url = daemon.url("ship", "none");
    assert_eq!(
        (admin("Bearer old-admin").await, asked(&url, &[("portolan-token", "old-call")]).await.status),
        (200, 404)
    );
    file("call", "");
    file("admin", "new-admin");
    daemon.process.signal("HUP");
    let failed =
        || async { daemon.process.output().contains("daemon.reload_failed").then_some(()).ok_or("not yet".to_owned()) };
    daemon.process.until("one that is empty keeps all", failed).await;
    assert_eq!(admin("Bearer old-admin").await, 200);
    file("call", "new-call");
    daemon.process.signal("HUP");
    daemon
        .process
        .until("the new tokens hold", || async {
            let statuses =
                (admin("Bearer new-admin").await, asked(&url, &[("portolan-token", "new-call")]).await.status);
            if statuses == (200, 404) { Ok(()) } else { Err(format!("{statuses:?}")) }
        })
        .await;
    assert_eq!(
        (admin("Bearer old-admin").await, asked(&url, &[("portolan-token", "old-call")]).await.status),
        (401, 401)
    );
}
