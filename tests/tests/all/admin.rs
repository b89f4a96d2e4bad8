//! What is wrong with a request to the admin address is told as everywhere.

use harness::daemon::Daemon;
use harness::http::{self, client};
use reqwest::Method;

#[tokio::test]
async fn its_errors_are_problems() {
    let daemon = Daemon::start(["--workers=1"]).await;
    for (method, path, status, reason) in [
        (Method::GET, "/api/v1/upstreams/none", 404, "unknown-upstream"),
        (Method::GET, "/api/v1/upstreams/%ff", 400, "invalid-arguments"),
        (Method::POST, "/api/v1/sources/%ff/accept", 400, "invalid-arguments"),
        (Method::GET, "/api/v1/upstreams?colour=red", 400, "invalid-arguments"),
        (Method::GET, "/api/v1/sources?kind=rest", 400, "invalid-arguments"),
        (Method::GET, "/api/v1/why", 400, "invalid-arguments"),
        (Method::GET, "/api/v1/why?target=a&target=b", 400, "invalid-arguments"),
        (Method::GET, "/nothing", 404, "not-found"),
        (Method::PUT, "/api/v1/upstreams", 405, "method-not-allowed"),
    ] {
        let request = client().request(method, format!("{}{path}", daemon.admin)).header("x-request-id", "mine-1");
        let answer = http::answer(request).await.unwrap();
        assert_eq!((answer.status, &*answer.reason()), (status, reason), "{path}: {answer:?}");
        assert!(answer.header("proxy-status").starts_with("portolan; error="), "{path}: {answer:?}");
        assert_eq!(
            (answer.header("x-request-id"), &answer.json()["requestId"]),
            ("mine-1", &"mine-1".into()),
            "{path}"
        );
        assert_eq!(answer.header("allow").is_empty(), status != 405, "{path}: {answer:?}");
    }
    for path in ["/api/v1", "/api/v1/"] {
        let answer = http::answer(client().get(format!("{}{path}", daemon.admin))).await.unwrap();
        assert_eq!((answer.status, answer.header("x-request-id").len()), (200, 32), "{path}");
        assert_eq!(answer.json()["namespace"], "gloo-system", "{path}");
    }
}
