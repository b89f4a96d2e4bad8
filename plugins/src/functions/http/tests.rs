//! What reaches an HTTP function, and how it is found.

use catalog::model::UpstreamSpec;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Response};

use super::Binding;
use super::call::Call;
use crate::call::{Arguments, BoundCall, Caller, Content, Intake, OutgoingBody, Reply};

fn call() -> Call {
    let binding =
        Binding { path: "/function/echo".into(), async_path: Some("/async-function/echo".into()), timeout: Some(300) };
    Call::new(&binding, &UpstreamSpec { base_path: "/base".into(), ..UpstreamSpec::default() }).unwrap()
}

fn headers(prefer: &[&str]) -> HeaderMap {
    prefer.iter().map(|value| (http::HeaderName::from_static("prefer"), value.parse().unwrap())).collect()
}

#[test]
fn whatever_is_posted_goes_through() {
    let call = call();
    assert_eq!(call.intake(&Method::POST, &HeaderMap::new(), true).unwrap(), Intake::Stream);
    assert_eq!(call.intake(&Method::POST, &HeaderMap::new(), false).unwrap(), Intake::None);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(call.intake(&method, &HeaderMap::new(), false).unwrap_err().reason.row().status, 405);
    }
    assert_eq!(call.timeout().unwrap().as_secs(), 300);
    let root = Call::new(&Binding::default(), &UpstreamSpec::default()).unwrap();
    let headers = HeaderMap::new();
    let arguments = |content| Arguments {
        method: &Method::POST,
        query: None,
        headers: &headers,
        content,
        unchecked: false,
        caller: Caller::default(),
    };
    let sent = root.request(arguments(Content::Stream)).unwrap();
    assert!(sent.path == "/" && matches!(sent.body, OutgoingBody::Stream));
    assert!(matches!(root.request(arguments(Content::None)).unwrap().body, OutgoingBody::Empty));
}

#[test]
fn who_does_not_want_to_wait_is_queued_where_there_is_a_queue() {
    let check = |prefer: &[&str], query: Option<&str>, path: &str, applied: bool| {
        let (call, headers) = (call(), headers(prefer));
        let (method, content) = (&Method::POST, Content::Stream);
        let sent = call
            .request(Arguments {
                method,
                query,
                headers: &headers,
                content,
                unchecked: false,
                caller: Caller::default(),
            })
            .unwrap();
        assert_eq!(sent.path, PathAndQuery::try_from(path).unwrap(), "{prefer:?}");
        let (mut head, ()) = Response::builder().status(202).body(()).unwrap().into_parts();
        call.response(sent.reply, &mut head);
        assert_eq!(head.headers.contains_key("preference-applied"), applied, "{prefer:?}");
        assert_eq!(sent.reply == Reply::Queued, applied);
    };
    check(&[], None, "/base/function/echo", false);
    check(&["wait=10"], Some(""), "/base/function/echo", false);
    check(&["respond-async"], Some("a=b&c"), "/base/async-function/echo?a=b&c", true);
    check(&["wait=10", "return=minimal, Respond-Async; x"], None, "/base/async-function/echo", true);
}
