//! Looks at upstreams that are tables of answers.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;

use catalog::model::{Hints, UpstreamId, UpstreamSpec};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde_json::json;
use tonic::body::Body;
use url::Url;

use super::*;
use crate::fetch::Work;

/// Where an upstream says where its document is.
const OWN_WORD: [&str; 2] = ["/", "//.well-known/api-catalog"];

const DOCUMENT: &str = r#"{"openapi":"3.1.0","paths":{"/a":{"get":{}}}}"#;

/// An upstream: what it answers where. Everywhere else 404, in HTML.
#[derive(Default)]
struct Answers {
    at: HashMap<&'static str, Result<Fetched, FetchError>>,
    otherwise: Option<Fetched>,
    /// What was asked, in order; with ` unless ETAG` where it was asked conditionally.
    asked: Mutex<Vec<String>>,
    /// How much must be asked before anything is answered.
    together: usize,
    worked: Mutex<usize>,
}

impl Answers {
    fn with(mut self, location: &'static str, answer: Fetched) -> Self {
        self.at.insert(location, Ok(answer));
        self
    }

    fn failing(mut self, location: &'static str, error: FetchError) -> Self {
        self.at.insert(location, Err(error));
        self
    }

    fn otherwise(mut self, answer: Fetched) -> Self {
        self.otherwise = Some(answer);
        self
    }

    fn look(&self, target: &Target) -> Result<Finding, ProbeError> {
        Rest.probe(target, self).now_or_never().expect("everything is ready at once")
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Fetch for Answers {
    fn tls(&self) -> BoxFuture<'_, Result<bool, FetchError>> {
        ready(Ok(true)).boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let condition = get.unless.map(|etag| format!(" unless {etag}")).unwrap_or_default();
        self.asked.lock().unwrap().push(format!("{}{condition}", get.location));
        let nothing = || self.otherwise.clone().unwrap_or_else(|| answer(404, "<html>", &[]));
        let mut answered = self.at.get(get.location).cloned().unwrap_or_else(|| Ok(nothing()));
        if let Ok(fetched) = &mut answered {
            let base = Url::parse("https://upstream.example/base/").unwrap();
            fetched.url = base.join(get.location.trim_start_matches('/')).unwrap();
            if get.unless.is_some() && fetched.headers.get("etag").map(|etag| etag.to_str().unwrap()) == get.unless {
                fetched.status = StatusCode::NOT_MODIFIED;
            }
        }
        let mut answered = Some(answered);
        poll_fn(move |_| match self.asked.lock().unwrap().len() < self.together {
            true => Poll::Pending,
            false => Poll::Ready(answered.take().expect("asked once")),
        })
        .boxed()
    }

    fn exchange(&self, _: http::Request<Body>) -> BoxFuture<'_, Result<Response<Body>, FetchError>> {
        unreachable!("documents are not asked for this way")
    }

    fn work(&self, work: Work) -> BoxFuture<'_, ()> {
        *self.worked.lock().unwrap() += 1;
        work();
        ready(()).boxed()
    }
}

fn answer(status: u16, body: &str, headers: &[(&'static str, &str)]) -> Fetched {
    let headers =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
    Fetched {
        url: Url::parse("https://upstream.example/").unwrap(),
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::from_iter(headers),
        body: body.to_owned().into(),
    }
}

fn target(hint: Option<&str>, known: Option<KindState>) -> Target {
    let hints = Hints { openapi: hint.map(str::to_owned), ..Hints::default() };
    Target {
        id: UpstreamId::from("upstream-1"),
        spec: UpstreamSpec { hints, ..UpstreamSpec::default() }.into(),
        known,
        document_paths: DOCUMENT_PATHS.iter().map(|path| (*path).to_owned()).collect(),
    }
}

/// What a catalog keeps of a good look.
fn known(finding: Finding) -> KindState {
    let Finding::Found { digest, tls, hint, .. } = finding else { panic!("{finding:?}") };
    KindState { tls, digest, hint, complaints: Vec::new() }
}

fn functions(finding: Result<Finding, ProbeError>) -> Vec<String> {
    match finding {
        Ok(Finding::Found { description, tls: true, .. }) => {
            description.functions.into_iter().map(|function| function.origin).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_most_common_place_costs_one_round_trip() {
    let upstream = Answers { together: 3, ..Answers::default() }.with("/openapi.json", answer(200, DOCUMENT, &[]));
    let target = target(None, None);
    let mut look = Rest.probe(&target, &upstream);
    assert!((&mut look).now_or_never().is_none(), "the answers came before all was asked");
    assert_eq!(functions(look.now_or_never().expect("all is asked at once")), ["GET /a"]);
    assert_eq!(upstream.asked(), OWN_WORD.into_iter().chain(["/openapi.json"]).collect::<Vec<_>>());
    assert_eq!(*upstream.worked.lock().unwrap(), 1);
}

#[test]
fn an_unchanged_document_is_told_by_its_etag_or_its_content() {
    for (headers, asked) in [(&[("etag", "\"1\"")][..], "/openapi.yaml unless \"1\""), (&[], "/openapi.yaml")] {
        let upstream = Answers::default().with("/openapi.yaml", answer(200, DOCUMENT, headers));
        let known = known(upstream.look(&target(None, None)).unwrap());
        upstream.asked.lock().unwrap().clear();
        assert!(matches!(upstream.look(&target(None, Some(known))), Ok(Finding::Unchanged { .. })));
        assert_eq!(upstream.asked(), [asked]);
    }
}

#[test]
fn a_changed_document_is_read_and_a_moved_one_found() {
    let old = answer(200, DOCUMENT, &[("etag", "\"1\"")]);
    let known = known(Answers::default().with("/openapi.yaml", old).look(&target(None, None)).unwrap());
    let new = answer(200, r#"{"openapi":"3.1.0","paths":{"/b":{"get":{}}}}"#, &[("etag", "\"2\"")]);

    let changed = Answers::default().with("/openapi.yaml", new.clone());
    assert_eq!(functions(changed.look(&target(None, Some(known.clone())))), ["GET /b"]);
    assert_eq!(changed.asked(), ["/openapi.yaml unless \"1\""]);

    let moved = Answers::default().with("/swagger.json", new.clone());
    assert_eq!(functions(moved.look(&target(None, Some(known.clone())))), ["GET /b"]);
    assert_eq!(moved.asked()[3..], ["/openapi.json", "/swagger.json"]);

    let hinted = Answers::default().with("/own", new);
    assert_eq!(functions(hinted.look(&target(Some("/own"), Some(known)))), ["GET /b"]);
    assert_eq!(hinted.asked(), ["/own"]);
}

#[test]
fn what_another_reader_noted_is_not_trusted() {
    let upstream = Answers::default().with("/openapi.json", answer(200, DOCUMENT, &[("etag", "\"1\"")]));
    let mut known = known(upstream.look(&target(None, None)).unwrap());
    known.hint = Some(json!({ "reader": READER - 1, "location": "/openapi.json", "etag": "\"1\"" }).to_string());
    known.digest = Digest::of([]);
    assert_eq!(functions(upstream.look(&target(None, Some(known)))), ["GET /a"]);
}

#[test]
fn a_hint_goes_first_and_is_missed_when_it_is_wrong() {
    let upstream = Answers::default().with("https://docs.example/a.json", answer(200, DOCUMENT, &[]));
    assert_eq!(functions(upstream.look(&target(Some("https://docs.example/a.json"), None))), ["GET /a"]);

    let message = |upstream: &Answers| upstream.look(&target(Some("/own"), None)).unwrap_err().to_string();
    assert_eq!(message(&Answers::default()), "/own answers 404 Not Found");
    assert_eq!(message(&Answers::default().with("/own", answer(200, "{}", &[]))), "/own: no OpenAPI document");
    let elsewhere = Answers::default().with("/openapi.json", answer(200, DOCUMENT, &[]));
    assert_eq!(functions(elsewhere.look(&target(Some("/own"), None))), ["GET /a"]);
    assert_eq!(elsewhere.asked(), ["/own", OWN_WORD[0], OWN_WORD[1], "/openapi.json"]);
}

#[test]
fn the_upstream_may_say_where_it_is() {
    let linked = |link: &str| Answers::default().with("/", answer(403, "", &[("link", link)]));
    let document = || answer(200, DOCUMENT, &[]);
    let header = linked(r#"</x>; rel=next, <docs/own.json?v=1>; title="a, b"; rel="other Service-Desc""#);
    assert_eq!(functions(header.with("//base/docs/own.json?v=1", document()).look(&target(None, None))), ["GET /a"]);

    let catalog = json!({ "linkset": [
        { "anchor": "https://upstream.example/a", "service-doc": [{ "href": "/doc" }] },
        { "anchor": "https://upstream.example/b", "service-desc": [{ "href": "https://upstream.example/own.json" }] },
    ] });
    let upstream = Answers::default().with("//.well-known/api-catalog", answer(200, &catalog.to_string(), &[]));
    let upstream = upstream.with("//own.json", document());
    assert_eq!(functions(upstream.look(&target(None, None))), ["GET /a"]);
    assert_eq!(upstream.asked(), [OWN_WORD[0], OWN_WORD[1], "/openapi.json", "//own.json"]);

    let foreign = linked("<https://elsewhere.example/a>; rel=service-desc");
    let foreign = foreign.failing("https://elsewhere.example/a", FetchError::Refused("another host".into()));
    assert_eq!(foreign.look(&target(None, None)).unwrap_err().to_string(), "not asked: another host");
}

#[test]
fn what_the_upstream_says_goes_before_what_is_usual() {
    let other = r#"{"openapi":"3.1.0","paths":{"/other":{"get":{}}}}"#;
    let saying = |link| Answers::default().with("/", answer(200, "", &[("link", link)]));
    let upstream = saying("</own.json>; rel=service-desc").with("//own.json", answer(200, DOCUMENT, &[]));
    let upstream = upstream.with("/openapi.json", answer(200, other, &[]));
    assert_eq!(functions(upstream.look(&target(None, None))), ["GET /a"]);

    let usual = saying("</base/openapi.json>; rel=service-desc").with("/openapi.json", answer(200, other, &[]));
    assert_eq!(functions(usual.look(&target(None, None))), ["GET /other"]);
    assert_eq!(usual.asked(), [OWN_WORD[0], OWN_WORD[1], "/openapi.json"], "it is asked for once");

    let wrong = saying("</gone.json>; rel=service-desc").with("/openapi.json", answer(200, other, &[]));
    assert_eq!(functions(wrong.look(&target(None, None))), ["GET /other"]);
}

#[test]
fn the_same_document_under_another_etag_is_noted() {
    let tagged = |etag| Answers::default().with("/openapi.yaml", answer(200, DOCUMENT, &[("etag", etag)]));
    let mut known = known(tagged("\"1\"").look(&target(None, None)).unwrap());
    let deployed = tagged("\"2\"");
    for _ in 0..3 {
        let Ok(Finding::Unchanged { hint }) = deployed.look(&target(None, Some(known.clone()))) else { panic!() };
        known.hint = hint;
    }
    let unless = |etag| format!("/openapi.yaml unless \"{etag}\"");
    assert_eq!(deployed.asked(), [unless(1), unless(2), unless(2)]);
}

#[test]
fn what_is_no_document_is_passed_over() {
    for body in [
        "<!doctype html><title>Swagger UI</title>",
        r#"{"configUrl":"/v3/api-docs/swagger-config","url":"/v3/api-docs"}"#,
        "not found",
        "",
        "[]",
    ] {
        let upstream = Answers::default().otherwise(answer(200, body, &[]));
        assert!(matches!(upstream.look(&target(None, None)), Ok(Finding::NotThis)), "{body}");
        assert_eq!(upstream.asked().len(), DOCUMENT_PATHS.len() + 2);
    }
    assert!(matches!(Answers::default().look(&target(None, None)), Ok(Finding::NotThis)));
}

#[test]
fn a_broken_document_is_an_error_unless_there_is_a_better_one() {
    let broken = || Answers::default().with("/openapi.json", answer(200, r#"{"openapi":"3.0.0","paths":{"#, &[]));
    let error = broken().look(&target(None, None)).unwrap_err();
    assert_eq!(error.to_string(), "/openapi.json: broken JSON: EOF while parsing an object at line 1 column 28");
    assert_eq!(
        functions(broken().with("/swagger.yaml", answer(200, DOCUMENT, &[])).look(&target(None, None))),
        ["GET /a"]
    );
    let starting = Answers::default().with("/v3/api-docs", answer(503, "", &[]));
    assert_eq!(
        starting.look(&target(None, None)).unwrap_err().to_string(),
        "/v3/api-docs answers 503 Service Unavailable"
    );
}

#[test]
fn an_endpoint_that_is_away_or_hangs_is_not_asked_again() {
    for error in [
        FetchError::Connect("refused".into()),
        FetchError::Timeout(20),
        FetchError::TooLarge(32),
        FetchError::Protocol("redis".into()),
    ] {
        let upstream = Answers::default().failing("/openapi.json", error);
        assert!(matches!(upstream.look(&target(None, None)), Err(ProbeError::Fetch(_))));
        assert_eq!(upstream.asked(), [OWN_WORD[0], OWN_WORD[1], "/openapi.json"]);
    }
    let redirecting =
        Answers::default().failing("/openapi.json", FetchError::ForeignRedirect("https://login.example".into()));
    assert!(matches!(redirecting.look(&target(None, None)), Err(ProbeError::Fetch(FetchError::ForeignRedirect(_)))));
    assert_eq!(redirecting.asked().len(), DOCUMENT_PATHS.len() + 2);
    let hanging_root =
        Answers::default().failing("/", FetchError::Timeout(20)).with("/api-docs", answer(200, DOCUMENT, &[]));
    assert_eq!(functions(hanging_root.look(&target(None, None))), ["GET /a"]);
}

#[test]
fn a_document_in_hand_outweighs_a_connection_that_failed() {
    for place in OWN_WORD {
        let failing = || Answers::default().failing(place, FetchError::Connect("reset".into()));
        let upstream = failing().with("/openapi.json", answer(200, DOCUMENT, &[]));
        assert_eq!(functions(upstream.look(&target(None, None))), ["GET /a"]);
        let elsewhere = failing().with("/swagger.json", answer(200, DOCUMENT, &[]));
        assert_eq!(functions(elsewhere.look(&target(None, None))), ["GET /a"]);
        // Its own word is not known.
        assert!(matches!(failing().look(&target(None, None)), Err(ProbeError::Fetch(FetchError::Connect(_)))));
    }
}

#[test]
fn paths_are_data() {
    let target = Target { document_paths: ["/only".to_owned()].into(), ..target(None, None) };
    let upstream = Answers::default();
    assert!(matches!(upstream.look(&target), Ok(Finding::NotThis)));
    assert_eq!(upstream.asked(), [OWN_WORD[0], OWN_WORD[1], "/only"]);
    let distinct: HashSet<_> = DOCUMENT_PATHS.iter().collect();
    assert!(distinct.len() == DOCUMENT_PATHS.len() && DOCUMENT_PATHS.iter().all(|path| path.starts_with('/')));
}
