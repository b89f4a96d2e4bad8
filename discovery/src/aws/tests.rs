//! Settings, endpoints, the pace, errors by their codes, and keys: how they are got, kept and hidden.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plugins::Keyring;
use plugins::keyring::{Keys, Ring};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::testing::{Came, came, places, server};
use super::*;
use crate::fetch::testing::{Server, reply};
use crate::testing::pass;

#[test]
fn a_section_is_refused_with_its_place() {
    let check = |section: &str, part: &str| {
        let raw: Result<RawAws, _> = serde_saphyr::from_str(section);
        let error = match raw {
            Err(error) => error.without_snippet().to_string(),
            Ok(raw) => Aws::new(raw).expect_err(section).to_string(),
        };
        assert!(error.contains(part) && !error.contains("hidden"), "{error}");
    };
    check("{regions: [EU]}", "aws.regions: \"EU\" is no region");
    check("{identities: [{}, {name: Prod}]}", "aws.identities[1].name");
    check("{identities: [{name: a}, {name: a}]}", "aws.identities[1]: there are two");
    check("{identities: [{profile: a, webIdentity: {tokenFile: /t, roleArn: 'arn:x'}}]}", "give one of");
    check("{identities: [{roles: [{arn: x}]}]}", "aws.identities[0].roles[0].arn");
    check("{identities: [{webIdentity: {tokenFile: /t, roleArn: x}}]}", "webIdentity.roleArn");
    check("{identities: [{secretAccessKey: hidden}]}", "secretAccessKey");
    check("{endpoint: 'http://user:hidden@x'}", "aws.endpoint: an endpoint has no user name");
    check("{endpoint: 'ftp://x'}", "begins with http");
    check("{ec2: {port: 70000}}", "u16");
}

#[test]
fn services_are_where_aws_has_them_or_where_something_says() {
    let check = |section: &str, environment: &[(&str, &str)], service: Service, wanted: &str| {
        let variable = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let aws = Aws::new(serde_saphyr::from_str(section).unwrap()).unwrap();
        let place = aws.places("ec2", &[], variable).unwrap().remove(0);
        assert_eq!(place.endpoint(service).url(), wanted);
    };
    let (all, own) = (("AWS_ENDPOINT_URL", "http://all:1/base/"), ("AWS_ENDPOINT_URL_LAMBDA", "https://own"));
    let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    let at = |region: &str| format!("{{regions: [{region}]}}");
    check(&at("eu-west-1"), &[], Service::Lambda, "https://lambda.eu-west-1.amazonaws.com");
    check(&at("eu-west-1"), &[], Service::Tagging, "https://tagging.eu-west-1.amazonaws.com");
    check(&at("cn-north-1"), &[], Service::Ec2, "https://ec2.cn-north-1.amazonaws.com.cn");
    check(&at("us-gov-west-1"), &[], Service::Sts, "https://sts.us-gov-west-1.amazonaws.com");
    check(&at("us-isob-east-1"), &[], Service::Ec2, "https://ec2.us-isob-east-1.sc2s.sgov.gov");
    let (fips, dual) = (("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "TRUE"));
    check(&at("us-east-1"), &[fips], Service::Lambda, "https://lambda-fips.us-east-1.amazonaws.com");
    check(&at("us-gov-west-1"), &[fips], Service::Ec2, "https://ec2.us-gov-west-1.amazonaws.com");
    check(&at("us-gov-west-1"), &[fips, dual], Service::Lambda, "https://lambda-fips.us-gov-west-1.api.aws");
    check(&at("cn-north-1"), &[dual], Service::Ec2, "https://ec2.cn-north-1.api.amazonwebservices.com.cn");
    check(&at("eu-west-1"), &[all, own], Service::Lambda, "https://own");
    check(&at("eu-west-1"), &[all, own], Service::Ec2, "http://all:1/base");
    check(&at("eu-west-1"), &[all, own, ignore], Service::Lambda, "https://lambda.eu-west-1.amazonaws.com");
    let here = "{regions: [eu-west-1], endpoint: 'http://here', identities: [{endpoint: 'http://[::1]:9'}]}";
    check(here, &[all, own, ignore], Service::Lambda, "http://[::1]:9");
    let odd = |name: &str| (name == "AWS_ENDPOINT_URL_STS").then(|| "localhost:4566".to_owned());
    let error = Aws::default().places("ec2", &["eu-west-1".to_owned()], odd).unwrap_err();
    assert_eq!(error.to_string(), "AWS_ENDPOINT_URL_STS is no URL that begins with http:// or https://");
    let [there, other] = ["https://h", "http://[::1]:9"].map(|url| Endpoint::at(url).unwrap());
    assert_eq!((there.host_and_port(), other.host_and_port()), (("h", 443), ("[::1]", 9)));
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_turns_than_lambda_takes() {
    let pace = Pace::default();
    let mut turns = Vec::new();
    for turn in 0..60 {
        pace.turn(if turn % 3 == 0 { Lane::Slow } else { Lane::Fast }).await;
        turns.push(Instant::now());
    }
    let within =
        |from: &Instant| turns.iter().filter(|at| **at >= *from && **at < *from + Duration::from_secs(1)).count();
    assert!(turns.iter().map(within).max() <= Some(15));
    assert!(turns[59] - turns[0] < Duration::from_secs(6), "and hardly fewer");
    let slow = Instant::now();
    for _ in 0..10 {
        pace.turn(Lane::Slow).await;
    }
    assert!(slow.elapsed() >= limits::SLOW * 9, "the slow lane is slower");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_slows_all_down_for_a_while() {
    let pace = Pace::default();
    let ten = async || {
        let began = Instant::now();
        for _ in 0..10 {
            pace.turn(Lane::Fast).await;
        }
        began.elapsed()
    };
    let usual = ten().await;
    (0..9).for_each(|_| pace.answered(true));
    ten().await;
    let slow = ten().await;
    assert!(slow > usual * 10 && slow <= limits::PACE * limits::SLOWEST * 11, "{slow:?}");
    (0..limits::EASE * 4).for_each(|_| pace.answered(false));
    ten().await;
    assert!(ten().await <= limits::PACE * 11);
}

#[tokio::test]
async fn what_aws_refuses_is_told_apart_by_its_codes() {
    let check = async |status: u16, headers: &'static str, body: &'static str, trouble: Trouble, text: &str| {
        let server = server(move |_| reply(status, headers, body)).await;
        let error = places(&server, "")[0].query(Service::Ec2, "DescribeInstances", &[]).await.unwrap_err();
        assert_eq!((error.trouble, error.to_string().as_str()), (trouble, text), "{body}");
        assert_eq!(error.act, "ec2:DescribeInstances in eu-west-1");
    };
    let denied = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>Not you.\nsecret</Message></Error></Errors></Response>";
    check(403, "", denied, Trouble::Denied, "UnauthorizedOperation: Not you.").await;
    let expired = "<Response><Errors><Error><Code>RequestExpired</Code><Message/></Error></Errors></Response>";
    check(400, "", expired, Trouble::BadKeys, "RequestExpired").await;
    let slow = r#"{"__type": "com.amazonaws#TooManyRequestsException", "message": "Rate exceeded"}"#;
    check(400, "", slow, Trouble::Throttled, "TooManyRequestsException: Rate exceeded").await;
    check(
        403,
        "x-amzn-errortype: AccessDeniedException:http://x\r\n",
        r#"{"Message": "no"}"#,
        Trouble::Denied,
        "AccessDeniedException: no",
    )
    .await;
    let signature = "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>x-amz-security-token:hidden</Message></Error></ErrorResponse>";
    check(403, "", signature, Trouble::BadKeys, "SignatureDoesNotMatch").await;
    check(
        400,
        "",
        "<Response><Errors><Error><Code>InvalidParameterValue</Code></Error></Errors></Response>",
        Trouble::Refused,
        "InvalidParameterValue",
    )
    .await;
    check(503, "", "", Trouble::Away, "Service Unavailable").await;
    check(302, "Location: http://elsewhere\r\n", "", Trouble::Refused, "Found").await;
}

/// What STS answers: keys whose id is `id`, good for `seconds`.
fn granted(came: &Came, id: &str, seconds: i64) -> Vec<u8> {
    let (action, end) = (came.form("Action"), jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds));
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>{id}</AccessKeyId><SecretAccessKey>hidden</SecretAccessKey><SessionToken>hidden</SessionToken>\
         <Expiration>{end}</Expiration></Credentials></{action}Result></{action}Response>"
    );
    reply(200, "", body)
}

#[tokio::test]
async fn roles_are_assumed_in_turn_each_with_the_keys_of_the_one_before() {
    let server = server(|came| {
        let role = came.form("RoleArn").rsplit('/').next().unwrap_or_default().to_owned();
        let before = (came.credential(0), came.credential(3), came.form("ExternalId"), came.form("RoleSessionName"));
        let before = (before.0.as_str(), before.1.as_str(), before.2.as_str(), before.3.as_str());
        let is_good = match role.as_str() {
            "first" => before == ("AKIDOTHER", "sts", "e", "portolan"),
            "second" => before == ("OF-first", "sts", "", "me") && came.head.contains("x-amz-security-token: hidden"),
            "web" => before.0.is_empty() && came.form("WebIdentityToken") == "t0ken",
            _ => false,
        };
        if is_good { granted(came, &format!("OF-{role}"), 3_600) } else { reply(403, "", format!("{came:?}")) }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "t0ken\n").unwrap();
    let check = async |section: &str, wanted: &str| {
        let keys = places(&server, section)[0].identity.keys().await.unwrap();
        assert_eq!((keys.id.as_str(), keys.token.as_deref()), (wanted, Some("hidden")));
    };
    let first = "{arn: 'arn:aws:iam::1:role/first', externalId: e}";
    let second = "{arn: 'arn:aws:iam::1:role/second', sessionName: me}";
    let role = |roles: &str| format!("{{identities: [{{regions: [eu-west-1], profile: other, roles: [{roles}]}}]}}");
    check(&role(first), "OF-first").await;
    check(&role(&format!("{first}, {second}")), "OF-second").await;
    let web = format!("{{tokenFile: {}, roleArn: 'arn:aws:iam::1:role/web'}}", token.display());
    check(&format!("{{identities: [{{regions: [eu-west-1], webIdentity: {web}}}]}}"), "OF-web").await;
}

#[tokio::test]
async fn what_cannot_be_got_is_said_without_a_secret() {
    let server = server(|_| {
        let error = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";
        reply(403, "", error)
    })
    .await;
    let check = async |identity: &str, trouble: Trouble, part: &str| {
        let section = format!("{{identities: [{{name: prod, regions: [eu-west-1], {identity}}}]}}");
        let identity = places(&server, &section)[0].identity.clone();
        let error = identity.keys().await.unwrap_err();
        assert_eq!(error.trouble, trouble, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert!(!format!("{error:?}{identity:?}").contains("s3cret"));
    };
    check(
        "roles: [{arn: 'arn:aws:iam::1:role/x'}]",
        Trouble::Denied,
        "assume arn:aws:iam::1:role/x: AccessDenied: not you",
    )
    .await;
    check("keyFiles: {accessKeyId: /nowhere/id, secretAccessKey: /nowhere/key}", Trouble::NoKeys, "/nowhere/id").await;
    check("profile: nobody", Trouble::NoKeys, "nobody").await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_read_again_and_the_last_good_ones_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let write = |id: &str| {
        std::fs::write(file("id"), format!("{id}\n")).unwrap();
        std::fs::write(file("key"), "s3cret").unwrap();
    };
    write("first");
    let files = format!("{{accessKeyId: {}, secretAccessKey: {}}}", file("id").display(), file("key").display());
    let section = format!("{{identities: [{{regions: [eu-west-1], keyFiles: {files}}}]}}");
    let aws = Aws::new(serde_saphyr::from_str(&section).unwrap()).unwrap();
    let identity = aws.places("ec2", &[], |_| None).unwrap()[0].identity.clone();
    let ring = Keyring::default().ring("aws/");
    let id = || ring.now().map(|keys| keys.id.clone()).unwrap_or_default();
    let rest = async {
        pass(Duration::from_secs(1)).await;
        assert_eq!(id(), "first");
        write("second");
        pass(Duration::from_secs(1)).await;
        assert_eq!(id(), "first", "good keys are not read all the time");
        identity.doubt();
        pass(limits::DOUBTED).await;
        assert_eq!(id(), "second", "keys that AWS refused are");
        write("third");
        pass(limits::READ_AGAIN * 2).await;
        assert_eq!(id(), "third", "and all of them now and then");
        std::fs::remove_file(file("id")).unwrap();
        pass(limits::READ_AGAIN * 4).await;
        assert_eq!(id(), "third", "what was good is kept");
    };
    tokio::select! {
        never = identity.keep(&ring) => match never {},
        () = rest => {}
    }
}

/// Keys of a role whose STS answers once, and the second time with `then`; also how often it was asked.
async fn renewed(then: Option<Vec<u8>>) -> (Server, Arc<Identity>, Arc<AtomicUsize>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let server = Server::start(move |mut stream| {
        let (counted, then) = (counted.clone(), then.clone());
        async move {
            while let Some(came) = came(&mut stream).await {
                let answer = match (counted.fetch_add(1, Ordering::Relaxed), &then) {
                    (0, _) => granted(&came, "FIRST", 3_600),
                    (_, Some(then)) => then.clone(),
                    (_, None) => std::future::pending().await,
                };
                stream.write_all(&answer).await.unwrap();
            }
        }
    })
    .await;
    let section = "{identities: [{regions: [eu-west-1], roles: [{arn: 'arn:aws:iam::1:role/x'}]}]}";
    let identity = places(&server, section)[0].identity.clone();
    assert_eq!(identity.keys().await.unwrap().id, "FIRST");
    (server, identity, asked)
}

#[tokio::test(start_paused = true)]
async fn doubts_do_not_shorten_the_waits_after_failures() {
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
    let (_server, identity, asked) = renewed(Some(reply(403, "", denied))).await;
    pass(limits::DOUBTED).await;
    for _ in 0..300 {
        identity.doubt();
        assert_eq!(identity.keys().await.unwrap().id, "FIRST", "they have not ended");
    }
    // More only where jitter gives next to no wait.
    assert!(asked.load(Ordering::Relaxed) < 10, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_new_keys_whose_old_ones_are_good() {
    let (_server, identity, _) = renewed(None).await;
    pass(limits::DOUBTED).await;
    identity.doubt();
    let (first, second) = (identity.keys(), identity.keys());
    tokio::select! {
        biased;
        _ = first => panic!("nobody has given it any"),
        keys = second => {
            assert_eq!(keys.unwrap().id, "FIRST");
            assert_eq!(identity.next(), Instant::now() + limits::RENEWING, "nobody looks all the time, either");
        }
    }
}

#[tokio::test]
async fn what_was_made_of_keys_that_were_replaced_meanwhile_counts_for_nothing() {
    let keyring = Keyring::default();
    let ring = keyring.ring("aws/s");
    let put = |ring: &Ring, id: &str| {
        ring.put(Some(Keys { id: id.into(), secret: "hidden".into(), token: None, expires: None }));
    };
    put(&ring, "OLD");
    let server = server(move |came| {
        put(&ring, "NEW");
        granted(came, &format!("OF-{}", came.credential(0)), 3_600)
    })
    .await;
    let raw = RawAws { endpoint: Some(format!("http://{}", server.address)), ..RawAws::default() };
    let who = Who { secret: Some("s".into()), role: Some("arn:aws:iam::1:role/x".into()) };
    let place = Aws::new(raw).unwrap().place(&who, "eu-west-1", &keyring, |_| None).unwrap();
    assert_eq!(place.identity.keys().await.unwrap().id, "OF-NEW");
}

#[tokio::test]
async fn keys_that_have_ended_are_nobody_s() {
    let server = server(|came| granted(came, "OLD", -5)).await;
    let section = "{identities: [{regions: [eu-west-1], roles: [{arn: 'arn:aws:iam::1:role/x'}]}]}";
    let error = places(&server, section)[0].identity.keys().await.unwrap_err();
    assert_eq!((error.trouble, error.to_string().as_str()), (Trouble::NoKeys, "there are none"));
}
