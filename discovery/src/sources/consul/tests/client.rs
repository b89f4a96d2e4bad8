use std::io::Write;

use http::StatusCode;

use super::super::client::Client;
use super::super::error::Cause;
use super::super::wire::Services;
use super::{Played, Reply, settings};

async fn cause(reply: Reply) -> Cause {
    let consul = Played::start([reply]).await;
    let client = consul.client(&[]).await;
    client.get::<Services>(&["catalog", "services"], None, None).await.unwrap_err().cause
}

#[tokio::test]
async fn a_request_says_what_it_must() {
    let consul = Played::start([Reply::ok(7, "{}")]).await;
    let client = consul.client(&[("CONSUL_HTTP_TOKEN", "t0ken"), ("CONSUL_HTTP_AUTH", "me:pass")]).await;
    let answer = client.get::<Services>(&["health", "service", "a b/c?d"], Some("dc 2"), Some(5)).await.unwrap();
    assert_eq!((answer.index, answer.filtered), (7, false));
    assert_eq!(consul.targets(), ["/v1/health/service/a%20b%2Fc%3Fd?dc=dc+2&index=5&wait=300s"]);
    let headers = consul.headers();
    assert_eq!(headers["x-consul-token"], "t0ken");
    assert_eq!(headers["authorization"], "Basic bWU6cGFzcw==");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("portolan/"));
    assert!(!format!("{client:?}").contains("t0ken"));
    let filtered = Reply::ok(7, "{}").with("X-Consul-Results-Filtered-By-ACLs", "true");
    let consul = Played::start([filtered]).await;
    assert!(consul.client(&[]).await.get::<Services>(&["catalog", "services"], None, None).await.unwrap().filtered);
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_apart() {
    assert!(
        matches!(cause(Reply::status(403, "ACL not found")).await, Cause::Forbidden(text) if text == "ACL not found")
    );
    let down = cause(Reply::status(500, "No cluster\n leader")).await;
    assert_eq!(down, Cause::Status { status: StatusCode::INTERNAL_SERVER_ERROR, text: "No cluster leader".into() });
    assert_eq!(cause(Reply::ok(1, "{}").with("X-Consul-KnownLeader", "false")).await, Cause::NoLeader);
    assert!(matches!(cause(Reply::ok(1, "<html>")).await, Cause::Unreadable(_)));
    let elsewhere = Reply::status(307, "").with("Location", "http://127.0.0.1:1/");
    assert!(matches!(cause(elsewhere).await, Cause::Status { status, .. } if status == StatusCode::TEMPORARY_REDIRECT));
}

#[tokio::test]
async fn a_token_file_goes_before_a_token_and_is_read_at_each_start() {
    let consul = Played::start([Reply::ok(1, "{}")]).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let variables = [("CONSUL_HTTP_TOKEN", "direct"), ("CONSUL_HTTP_TOKEN_FILE", &path)];
    for (written, sent) in [("", "direct"), ("first\n", "first"), ("second", "firstsecond")] {
        write!(file, "{}", written.trim()).unwrap();
        let client = consul.client(&variables).await;
        client.get::<Services>(&["catalog", "services"], None, None).await.unwrap();
        assert_eq!(consul.headers()["x-consul-token"], sent);
    }
    let gone = settings("127.0.0.1:1", &[("CONSUL_HTTP_TOKEN_FILE", "/nowhere/token")]);
    let error = Client::new(&gone).await.unwrap_err();
    assert!(matches!(&error.cause, Cause::Setting(text) if text.contains("/nowhere/token")), "{error}");
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_once_more() {
    let check = async |replies: Vec<Reply>, asked: usize, good: bool| {
        let consul = Played::start(replies).await;
        let answer = consul.client(&[]).await.read::<Services>(&["catalog", "services"], None).await;
        assert_eq!((consul.targets().len(), answer.is_ok()), (asked, good));
    };
    check(vec![Reply::status(500, ""), Reply::ok(1, "{}")], 2, true).await;
    check(vec![Reply::status(429, ""), Reply::ok(1, "{}")], 2, true).await;
    check(vec![Reply::status(500, ""), Reply::status(500, ""), Reply::ok(1, "{}")], 2, false).await;
    check(vec![Reply::status(403, ""), Reply::ok(1, "{}")], 1, false).await;
}
