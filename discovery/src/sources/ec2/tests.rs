//! Pages, what instances mean, and what the catalog is told when regions fail and come back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::model::SourceId;
use catalog::report::Report;
use futures_util::stream::{iter, pending};
use proptest::prelude::*;

use super::limits::PATIENCE;
use super::map::{Mapped, Seen, map};
use super::testing::{answer, instance, page};
use super::wire::{Instance, Page, parse};
use super::*;
use crate::aws::testing::{Came, places, server};
use crate::board::State;
use crate::fetch::testing::reply;
use crate::testing::{Bench, addresses, pass};
use crate::{Reports, Supervisor};

const TWO_REGIONS: &str = "{identities: [{regions: [eu-west-1, us-east-1]}]}";

fn settings(section: &str) -> Settings {
    Settings::new(&serde_saphyr::from_str(section).unwrap()).unwrap()
}

#[test]
fn a_page_is_read() {
    let tags = [("portolan:upstream", "web".to_owned()), ("Name", String::new())];
    let stopped = instance("i-2", "10.0.0.2", &[]).replace("running", "stopped");
    let v6 = "<item><instanceId>i-3</instanceId><instanceState><name>running</name></instanceState><privateIpAddress/>
        <networkInterfaceSet><item><ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address></item></ipv6AddressesSet>
        </item></networkInterfaceSet></item>";
    let gone = stopped.replace("stopped", "terminated");
    let text = page(&format!("{}{stopped}{gone}{v6}", instance("i-1", "10.0.0.1", &tags)), "next");
    insta::assert_debug_snapshot!(parse(text.as_bytes()).unwrap());
    assert_eq!(parse(page("", "").as_bytes()), Ok(Page::default()));
    for odd in ["", "{}", "<html/>", "<DescribeInstancesResponse><reservationSet>", "\u{0}"] {
        assert!(parse(odd.as_bytes()).is_err(), "{odd:?}");
    }
    assert!(parse(&[0xff]).is_err());
}

fn seen(identity: &str, region: &str) -> Seen {
    Seen { identity: identity.to_owned(), region: region.to_owned() }
}

fn told(id: &str, private: &str, tags: &[(&str, &str)]) -> Instance {
    Instance {
        id: id.to_owned(),
        running: true,
        zone: "z".to_owned(),
        private: private.parse().ok(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..Instance::default()
    }
}

fn mapped(section: &str, instances: &[(Seen, Instance)]) -> Mapped {
    map(instances.iter().map(|(seen, instance)| (seen, instance)), &settings(section))
}

#[test]
fn instances_of_a_group_are_one_upstream() {
    let web = ("portolan:upstream", "web");
    let (eu, us) = (seen("", "eu-west-1"), seen("prod", "us-east-1"));
    let hints = [("portolan:openapi", "/b"), ("portolan:protocol", "http")];
    let instances = [
        (eu.clone(), told("i-1", "10.0.0.1", &[web, ("team", "a"), ("stage", "x"), ("portolan:openapi", "/a")])),
        (eu.clone(), told("i-2", "10.0.0.2", &[web, ("team", "a"), ("portolan:port", "8080"), hints[0], hints[1]])),
        (
            us.clone(),
            told("i-3", "10.0.0.3", &[web, ("team", "a"), ("region", "mine"), hints[0], ("portolan:tint", "red")]),
        ),
        (us, told("i-4", "10.0.0.4", &[("portolan:upstream", "other")])),
    ];
    insta::assert_debug_snapshot!(mapped("{}", &instances));
}

#[test]
fn what_is_left_out_is_named_with_the_reason() {
    let check = |section: &str, instance: Instance, wanted: Result<&str, &str>| {
        let mapped = mapped(section, &[(seen("", "eu-west-1"), instance)]);
        let address = mapped.upstreams.values().next().map(|listed| listed.endpoints[0].address.to_string());
        match wanted {
            Ok(wanted) => assert_eq!((address.as_deref(), mapped.left_out), (Some(wanted), BTreeMap::new())),
            Err(reason) => assert_eq!((address, mapped.left_out["i-1"].as_str()), (None, reason)),
        }
    };
    let web = ("portolan:upstream", "web");
    let one = |tags: &[(&str, &str)]| told("i-1", "10.0.0.1", tags);
    check("{}", one(&[web]), Ok("10.0.0.1:80"));
    check("{port: 9}", one(&[web]), Ok("10.0.0.1:9"));
    check("{}", one(&[web, ("portolan:port", " 81 ")]), Ok("10.0.0.1:81"));
    check("{portTag: p, groupTag: g}", one(&[("g", "web"), ("p", "82")]), Ok("10.0.0.1:82"));
    check("{}", one(&[("portolan:upstream", " ")]), Err("its tag portolan:upstream is empty"));
    check("{}", one(&[web, ("portolan:port", "0")]), Err("its tag portolan:port is no port: \"0\""));
    check("{address: public}", one(&[web]), Err("it has no public address, and none of IPv6"));
    let both = Instance { public: "54.0.0.1".parse().ok(), v6: "2001:db8::1".parse().ok(), ..one(&[web]) };
    check("{address: public}", both.clone(), Ok("54.0.0.1:80"));
    check("{}", Instance { private: None, ..both }, Ok("[2001:db8::1]:80"));
    check("{filters: [team, stage=x]}", one(&[web, ("team", "a"), ("stage", "x")]), Ok("10.0.0.1:80"));
    check("{filters: [Team]}", one(&[web, ("team", "a")]), Err("its tags are not as aws.ec2.filters wants: Team"));
    check(
        "{filters: [stage=x]}",
        one(&[web, ("stage", "X")]),
        Err("its tags are not as aws.ec2.filters wants: stage=x"),
    );
}

#[test]
fn instances_without_the_tag_are_not_named() {
    assert_eq!(mapped("{filters: [a]}", &[(seen("", "eu-west-1"), told("i-1", "10.0.0.1", &[]))]), Mapped::default());
}

#[test]
fn a_group_is_there_as_long_as_it_has_an_instance() {
    let web = [("portolan:upstream", "web"), ("team", "a"), ("portolan:openapi", "/a")];
    let runs = (seen("", "eu-west-1"), told("i-1", "10.0.0.1", &web));
    let stands = Instance { running: false, private: None, ..told("i-2", "10.0.0.2", &web) };
    let stands = (seen("", "eu-west-1"), stands);
    let check = |instances: &[(Seen, Instance)], endpoints: usize| {
        let Mapped { upstreams, left_out } = mapped("{}", instances);
        let listed = &upstreams["web"];
        assert_eq!((listed.endpoints.len(), listed.spec.labels["team"].as_str()), (endpoints, "a"));
        assert_eq!(left_out, BTreeMap::new());
        listed.spec.clone()
    };
    assert_eq!(check(&[runs.clone(), stands.clone()], 1), check(&[stands], 0), "it is the same upstream all along");
    check(&[runs], 1);
}

proptest! {
    #[test]
    fn the_order_in_which_instances_come_does_not_matter(
        values in prop::collection::vec(("[ab]", "[ab]", "[ab]", 1u8..6), 1..8),
        turn in 0usize..8,
    ) {
        let instance = |(number, (group, hint, label, host)): (usize, &(String, String, String, u8))| {
            let tags = [("portolan:upstream", group.as_str()), ("portolan:openapi", hint), ("label", label)];
            (seen("", "eu-west-1"), told(&format!("i-{number}"), &format!("10.0.0.{host}"), &tags))
        };
        let mut instances: Vec<_> = values.iter().enumerate().map(instance).collect();
        let before = mapped("{}", &instances);
        let middle = turn % instances.len();
        instances.rotate_left(middle);
        prop_assert_eq!(mapped("{}", &instances), before);
    }

    #[test]
    fn no_bytes_break_the_reader(text in "(<[a-zA-Z]{0,4}>|</item>|<item>|<reservationSet>|[ -~]){0,40}") {
        let _ = parse(text.as_bytes());
    }
}

/// A source that lists the places of `section`, run on `bench`.
async fn run(bench: &Bench, places: Vec<crate::aws::Place>, facts: impl AsyncFnOnce(crate::board::Board)) {
    let source = Ec2::new(SourceId::new("ec2", ""), places, settings("{interval: 1}"));
    let supervisor = Supervisor::new(bench.catalog.clone(), vec![Box::new(source)]);
    let board = supervisor.board().clone();
    tokio::select! {
        () = supervisor.run(std::future::pending()) => {}
        () = facts(board) => {}
    }
}

#[tokio::test]
async fn all_pages_of_all_regions_are_one_list() {
    let server = server(|came: &Came| {
        let asked = ["Version", "Filter.1.Name", "Filter.1.Value.4", "Filter.2.Name", "Filter.2.Value.1"];
        let wanted = ["2016-11-15", "instance-state-name", "stopped", "tag-key", "portolan:upstream"];
        assert_eq!(asked.map(|name| came.form(name)), wanted);
        let token = came.form("NextToken");
        let ip = if came.credential(2) == "eu-west-1" { "127.0.1" } else { "127.0.2" };
        let web = [("portolan:upstream", "web".to_owned())];
        let body = match token.as_str() {
            "" => page(&instance("i-1", &format!("{ip}.1"), &web), "2"),
            _ => page(&instance("i-2", &format!("{ip}.2"), &web), ""),
        };
        reply(200, "", body)
    })
    .await;
    let bench = Bench::new().await;
    run(&bench, places(&server, TWO_REGIONS), async |_| {
        let all = ["127.0.1.1:80", "127.0.1.2:80", "127.0.2.1:80", "127.0.2.2:80"];
        bench.wait(|snapshot| addresses(snapshot, "ec2-web").is_some_and(|found| found == all)).await;
    })
    .await;
}

#[tokio::test]
async fn a_region_that_fails_keeps_what_it_had_and_the_other_goes_on() {
    // 0: both regions answer; 1: us-east-1 is refused, eu-west-1 has another instance; 2: us-east-1 answers again, with nothing.
    let phase = Arc::new(AtomicUsize::new(0));
    let now = phase.clone();
    let server = server(move |came: &Came| {
        let web = [("portolan:upstream", "web".to_owned())];
        match (came.credential(2).as_str(), now.load(Ordering::Relaxed)) {
            ("eu-west-1", 0) => reply(200, "", page(&instance("i-1", "127.0.1.1", &web), "")),
            ("eu-west-1", _) => reply(200, "", page(&instance("i-9", "127.0.1.9", &web), "")),
            (_, 0) => reply(200, "", page(&instance("i-2", "127.0.2.1", &web), "")),
            (_, 1) => reply(
                403,
                "",
                "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>",
            ),
            _ => reply(200, "", answer(&[])),
        }
    })
    .await;
    let bench = Bench::new().await;
    let until = async |wanted: &[&str]| {
        bench.wait(|snapshot| addresses(snapshot, "ec2-web").is_some_and(|found| found == wanted)).await;
    };
    run(&bench, places(&server, TWO_REGIONS), async |board| {
        until(&["127.0.1.1:80", "127.0.2.1:80"]).await;
        phase.store(1, Ordering::Relaxed);
        until(&["127.0.1.9:80", "127.0.2.1:80"]).await;
        board.wait_for(|all| all[0].failing_parts.contains_key("us-east-1")).await;
        let status = board.read().remove(0);
        assert_eq!(status.state, State::Ok);
        let message = &status.failing_parts["us-east-1"].message;
        assert_eq!(message, "ec2:DescribeInstances in us-east-1: UnauthorizedOperation");
    })
    .await;
    // A new run, in which that region cannot be read at first.
    run(&bench, places(&server, TWO_REGIONS), async |board| {
        board.wait_for(|all| all[0].state == State::Ok && all[0].failing_parts.contains_key("us-east-1")).await;
        until(&["127.0.1.9:80", "127.0.2.1:80"]).await;
        phase.store(2, Ordering::Relaxed);
        until(&["127.0.1.9:80"]).await;
        board.wait_for(|all| all[0].failing_parts.is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn a_throttled_page_is_asked_for_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let server = server(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => {
            reply(503, "", "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>")
        }
        _ => reply(200, "", answer(&["web"])),
    })
    .await;
    let bench = Bench::new().await;
    run(&bench, places(&server, ""), async |board| {
        bench.wait(|snapshot| addresses(snapshot, "ec2-web").is_some()).await;
        assert_eq!(board.read()[0].last_error, None);
    })
    .await;
}

#[tokio::test]
async fn a_list_that_breaks_off_halfway_is_none() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let server = server(move |came: &Came| {
        counted.fetch_add(1, Ordering::Relaxed);
        match came.form("NextToken").as_str() {
            "" => reply(200, "", page(&instance("i-1", "127.0.0.1", &[("portolan:upstream", "half".to_owned())]), "2")),
            _ => reply(500, "", "<Response><Errors><Error><Code>InternalError</Code></Error></Errors></Response>"),
        }
    })
    .await;
    let bench = Bench::new().await;
    run(&bench, places(&server, ""), async |board| {
        board.wait_for(|all| all[0].state == State::Failing).await;
        assert!(calls.load(Ordering::Relaxed) >= 2);
        assert_eq!(addresses(&bench.catalog.snapshot(), "ec2-half"), None);
        assert!(board.read()[0].last_error.as_ref().unwrap().message.contains("InternalError"));
    })
    .await;
}

/// Tells the catalog of `bench` what `lists` say of two regions, for as long as `facts` take.
async fn publish(bench: &Bench, lists: Vec<(usize, Vec<Instance>)>, facts: impl Future<Output = ()>) {
    let reports = Reports::new(bench.catalog.clone(), SourceId::new("ec2", ""));
    let parts = ["eu-west-1", "us-east-1"].map(|region| Part::new(region.to_owned(), seen("", region))).into();
    let lists = iter(lists.into_iter().map(|(number, list)| (number, Ok(list)))).chain(pending());
    let settings = settings("{}");
    tokio::select! {
        Err(error) = Publisher::new(&reports, &settings, parts).publish(lists) => panic!("{error}"),
        () = facts => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_hangs_hides_no_other_and_keeps_what_it_had() {
    let bench = Bench::new().await;
    let one = |id: &str, ip: &str| told(id, ip, &[("portolan:upstream", "web")]);
    let earlier = [(seen("", "us-east-1"), one("i-2", "127.0.2.1")), (seen("", "gone-1"), one("i-3", "127.0.3.1"))];
    let earlier = mapped("{}", &earlier).upstreams.into_values().collect();
    bench.catalog.report(&SourceId::new("ec2", ""), Report::Full(earlier)).await.unwrap();
    publish(&bench, vec![(0, vec![one("i-1", "127.0.1.1")])], async {
        pass(PATIENCE / 2).await;
        assert_eq!(addresses(&bench.catalog.snapshot(), "ec2-web").unwrap(), ["127.0.2.1:80", "127.0.3.1:80"]);
        pass(PATIENCE).await;
        assert_eq!(addresses(&bench.catalog.snapshot(), "ec2-web").unwrap(), ["127.0.1.1:80", "127.0.2.1:80"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_group_without_endpoints_stays_while_its_region_cannot_be_read() {
    let bench = Bench::new().await;
    let stands = Instance { running: false, ..told("i-2", "127.0.2.1", &[("portolan:upstream", "web")]) };
    let earlier = mapped("{}", &[(seen("", "us-east-1"), stands)]).upstreams.into_values().collect();
    bench.catalog.report(&SourceId::new("ec2", ""), Report::Full(earlier)).await.unwrap();
    publish(&bench, vec![(0, vec![told("i-1", "127.0.1.1", &[("portolan:upstream", "shop")])])], async {
        pass(PATIENCE * 2).await;
        assert_eq!(addresses(&bench.catalog.snapshot(), "ec2-shop").unwrap(), ["127.0.1.1:80"]);
        assert_eq!(addresses(&bench.catalog.snapshot(), "ec2-web").unwrap(), [""; 0]);
    })
    .await;
    publish(&bench, vec![(0, vec![]), (1, vec![])], async {
        pass(PATIENCE * 2).await;
        assert_eq!(bench.catalog.snapshot().upstream_count(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_suddenly_lacks_much_is_held_back() {
    let bench = Bench::new().await;
    let one = |number: usize| {
        told(&format!("i-{number}"), &format!("127.0.0.{number}"), &[("portolan:upstream", &format!("web{number}"))])
    };
    let all: Vec<_> = (1..21).map(one).collect();
    let few = vec![one(1)];
    let count = || bench.catalog.snapshot().upstream_count();
    publish(&bench, vec![(0, all.clone()), (1, vec![]), (0, all[1..].to_vec())], async {
        pass(PATIENCE).await;
        assert_eq!(count(), 19, "one that is gone is gone");
    })
    .await;
    publish(&bench, vec![(0, all), (1, vec![]), (0, few)], async {
        pass(PATIENCE).await;
        assert_eq!(count(), 20, "many are not believed to be");
    })
    .await;
}
