//! Signatures, beside those of AWS's own crate.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderMap, Request};
use proptest::prelude::*;

use super::keys;
use crate::functions::lambda::call::invocation::Invocation;
use crate::functions::lambda::call::sign::{Said, Signer};
use crate::functions::lambda::call::target::Target;
use crate::keyring::{Keys, Ring};
use crate::problem::Reason;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn ring(keys: Keys) -> Arc<Ring> {
    let ring = Arc::new(Ring::default());
    ring.put(Some(keys));
    ring
}

/// What AWS's own crate sets for the same request.
fn twin(keys: &Keys, region: &str, now: SystemTime, host: &str, path: &str, said: Said, payload: &[u8]) -> HeaderMap {
    let identity = Credentials::new(&keys.id, &keys.secret, keys.token.clone(), None, "test").into();
    let params = v4::SigningParams::builder().identity(&identity).region(region).name("lambda").time(now);
    let params = params.settings(SigningSettings::default()).build().unwrap().into();
    let uri = format!("https://{host}{path}");
    let signable =
        SignableRequest::new("POST", &uri, said.iter().copied().chain([("host", host)]), SignableBody::Bytes(payload));
    let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
    let mut request = Request::post(uri).body(()).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    for (name, value) in said {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request.into_parts().0.headers
}

fn said() -> impl Strategy<Value = Said> {
    prop::sample::select(vec![
        Invocation::Waiting.said(),
        Invocation::Logged.said(),
        Invocation::Event.said(),
        Invocation::DryRun.said(),
    ])
}

proptest! {
    /// Whatever the keys, the time, the function and the payload are.
    #[test]
    fn signatures_are_those_of_the_other_implementation(
        id in "[A-Z0-9]{16,20}",
        secret in "[A-Za-z0-9/+]{40}",
        token in prop::option::of("[A-Za-z0-9/+=]{1,200}"),
        seconds in 0u64..4_000_000_000,
        region in "[a-z]{2}-[a-z]{4,9}-[1-3]",
        host in "[a-z0-9.-]{1,20}[a-z0-9](:[1-9][0-9]{1,3})?",
        base in "(/[a-zA-Z0-9_~-]{1,8}){0,2}",
        function in "[a-zA-Z0-9][a-zA-Z0-9:_/$ ä%.-]{0,39}",
        qualifier in prop::option::of("[$a-zA-Z0-9_.~ %+-]{1,12}"),
        said in said(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let keys = Keys { id, secret, token, expires: None };
        let signer = Signer::new(&region, ring(keys.clone()));
        let target = Target::new(&host, &base, ("2015-03-31", "invocations"), &function, qualifier.as_deref()).unwrap();
        let mine = signer.sign(at(seconds), &target, said, &payload).unwrap();
        let theirs = twin(&keys, &region, at(seconds), &host, target.path.as_str(), said, &payload);
        prop_assert_eq!(mine, theirs);
    }
}

#[test]
fn what_is_sent_is_encoded_once_and_what_is_signed_twice() {
    let target = Target::new("h", "", ("2015-03-31", "invocations"), "arn:aws:x", Some("$LATEST")).unwrap();
    assert_eq!(target.path, "/2015-03-31/functions/arn%3Aaws%3Ax/invocations?Qualifier=%24LATEST");
    assert!(target.canonical.contains("/arn%253Aaws%253Ax/"), "{}", target.canonical);
    assert!(target.canonical.contains("\nQualifier=%24LATEST\n"), "{}", target.canonical);
}

#[test]
fn what_names_no_function_is_no_target() {
    for (base, function) in [("", "."), ("", ".."), ("", ""), ("/a/..", "f"), ("/", "f")] {
        assert!(Target::new("h", base, ("2015-03-31", "invocations"), function, None).is_err(), "{base} {function}");
    }
}

#[test]
fn new_keys_and_a_new_day_are_taken_at_once() {
    let ring = ring(keys());
    let signer = Signer::new("eu-west-1", ring.clone());
    let target = Target::new("h", "", ("2015-03-31", "invocations"), "f", None).unwrap();
    let check = |keys: &Keys, now: SystemTime| {
        let mine = signer.sign(now, &target, &[], b"{}").unwrap();
        assert_eq!(mine, twin(keys, "eu-west-1", now, "h", target.path.as_str(), &[], b"{}"));
    };
    check(&keys(), at(86_399));
    check(&keys(), at(86_400));
    check(&keys(), at(86_399));
    let session = Keys { id: "ASIA".into(), token: Some("session".into()), ..keys() };
    ring.put(Some(session.clone()));
    check(&session, at(86_400));
}

#[test]
fn without_keys_that_hold_there_is_a_problem_that_tells_nothing() {
    let target = Target::new("h", "", ("2015-03-31", "invocations"), "f", None).unwrap();
    let ring = Arc::new(Ring::default());
    let signer = Signer::new("eu-west-1", ring.clone());
    let check = |keys: Option<Keys>, now: u64| {
        ring.put(keys);
        signer.sign(at(now), &target, &[], b"").map(|_| ()).map_err(|problem| {
            assert!(!format!("{problem} {problem:?}").contains("EXAMPLE"));
            problem.reason
        })
    };
    assert_eq!(check(None, 5), Err(Reason::NoCredentials));
    assert_eq!(check(Some(Keys { expires: Some(at(6)), ..keys() }), 5), Ok(()));
    assert_eq!(check(Some(Keys { expires: Some(at(6)), ..keys() }), 6), Err(Reason::NoCredentials));
    assert_eq!(check(Some(Keys { token: Some("EXAMPLE\n".into()), ..keys() }), 5), Err(Reason::NoCredentials));
    assert_eq!(check(Some(Keys { id: "EXAMPLE\n".into(), ..keys() }), 5), Err(Reason::NoCredentials));
    assert!(!format!("{signer:?}").contains("EXAMPLE"));
}

#[test]
fn credentials_are_marked_as_such() {
    let signer = Signer::new("eu-west-1", ring(Keys { token: Some("session".into()), ..keys() }));
    let target = Target::new("h", "", ("2015-03-31", "invocations"), "f", None).unwrap();
    let headers = signer.sign(at(0), &target, &[("x-amz-log-type", "Tail")], b"").unwrap();
    let sensitive: Vec<_> =
        headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(sensitive, ["authorization", "x-amz-security-token"]);
}
