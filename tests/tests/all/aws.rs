//! The Lambda source against moto behind a front that is as strict as AWS: pages, calls a second, refusals.

use std::collections::BTreeSet;
use std::time::Duration;

use harness::catalog::difference;
use harness::control_plane::{ControlPlane, LIMIT};
use harness::daemon::{Daemon, Options};
use harness::moto::{KEYS, Moto};
use harness::{http, wait};
use serde_json::Value;

const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// What is paced takes its time.
const LONG: Duration = Duration::from_secs(240);

/// Functions of the first region: more than two pages. The other has a few.
const MANY: usize = 120;
const FEW: usize = 7;

/// Python: functions `fNNN` in a region, each with a version, an alias and a tag.
const MAKE: &str = r#"
import io, zipfile
code = io.BytesIO()
zipfile.ZipFile(code, "w").writestr("f.py", "")
iam = client("iam", "eu-west-1")
role = iam.create_role(RoleName="runs", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
def make(region, names):
    functions = client("lambda", region)
    for name in names:
        functions.create_function(FunctionName=name, Runtime="python3.13", Role=role, Handler="f.f", Timeout=30,
                                  Code={"ZipFile": code.getvalue()}, Publish=True, Tags={"team": name[:2]})
        functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
"#;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("f{n:03}")).collect()
}

/// All that is listed of functions with these names.
fn listed(names: &[String]) -> Vec<String> {
    names.iter().flat_map(|name| [name.clone(), format!("{name}:1"), format!("{name}:live")]).collect()
}

fn upstream(region: &str) -> String {
    format!("aws-{region}")
}

async fn daemon(url: &str, interval: u64) -> Daemon {
    let folder = harness::process::folder("aws");
    let file = folder.path().join("portolan.yaml");
    let text = format!("aws: {{regions: [eu-west-1, us-east-1], lambda: {{interval: {interval}, round: {interval}}}}}");
    std::fs::write(&file, text).unwrap();
    let own = [("AWS_ENDPOINT_URL", url), KEYS[0], KEYS[1]];
    let environment = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { environment, ..Options::default() };
    let daemon = Daemon::launch(options, ["--source=aws", "--workers=1", &format!("--config={}", file.display())]);
    daemon.ready().await;
    daemon
}

async fn source(daemon: &Daemon) -> Result<Value, String> {
    let sources = http::get(&format!("{}/api/v1/sources", daemon.admin)).await?;
    let found = sources["items"].as_array().into_iter().flatten().find(|source| source["source"] == "aws").cloned();
    found.ok_or_else(|| sources.to_string())
}

async fn until_source(daemon: &Daemon, what: &str, fact: impl Fn(&Value) -> bool) {
    let look = || async {
        let source = source(daemon).await?;
        if fact(&source) { Ok(()) } else { Err(source.to_string()) }
    };
    daemon.process.until(what, look).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_of_two_regions_with_versions_aliases_and_tags() {
    let moto = Moto::start().await;
    moto.boto(&format!("{MAKE}make('eu-west-1', {:?})\nmake('us-east-1', {:?})", names(MANY), names(FEW))).await;
    let front = ControlPlane::before(&moto).await;
    let daemon = daemon(&front.url(), 2).await;
    daemon.until_functions(&upstream(REGIONS[1]), listed(&names(FEW))).await;
    // Four calls each, some twelve a second.
    let wanted: BTreeSet<_> = listed(&names(MANY)).into_iter().collect();
    let found = || async {
        let found = daemon.functions(&upstream(REGIONS[0])).await?;
        if found == wanted { Ok(()) } else { Err(difference(&found, &wanted)) }
    };
    wait::until("all functions of the first region are there", LONG, found).await;
    let all = daemon.list("/api/v1/functions?tag=team=f1").await.unwrap();
    assert_eq!(all.len(), 20 * 3, "f100 to f119, each with a version and an alias");
    let alias = daemon.function(&upstream(REGIONS[0]), "f007:live").await.unwrap();
    assert_eq!((&alias["binding"]["version"], &alias["binding"]["timeout"]), (&"1".into(), &30.into()), "{alias}");
    let why = http::get(&format!("{}/api/v1/why?target=aws-eu-west-1", daemon.admin)).await.unwrap();
    assert_eq!(why["upstreams"][0]["rule"], "its source lists its functions", "{why}");
    until_source(&daemon, "all is read", |source| source["asOf"].as_object().is_some_and(|parts| parts.len() == 6))
        .await;

    // What changes shows at the next list, what a list does not tell within a round.
    moto.boto(
        r#"
functions = client("lambda", "us-east-1")
functions.delete_function(FunctionName="f000")
functions.update_function_configuration(FunctionName="f001", Description="another")
functions.create_alias(FunctionName="f002", Name="test", FunctionVersion="1")
functions.delete_alias(FunctionName="f003", Name="live")
functions.tag_resource(Resource=functions.get_function(FunctionName="f004")["Configuration"]["FunctionArn"], Tags={"new": "1"})
"#,
    )
    .await;
    let mut wanted = listed(&names(FEW)[1..]);
    wanted.push("f002:test".to_owned());
    wanted.retain(|name| name != "f003:live");
    daemon.until_functions(&upstream(REGIONS[1]), wanted.clone()).await;
    let changed = || async {
        let [one, four] = ["f001", "f004:live"].map(|name| daemon.function("aws-us-east-1", name));
        let (one, four) = (one.await?, four.await?);
        let is_tagged = four["tags"].as_array().is_some_and(|tags| tags.contains(&"new=1".into()));
        if one["summary"] == "another" && is_tagged { Ok(()) } else { Err(format!("{one} {four}")) }
    };
    daemon.process.until("the description and the tag show", changed).await;

    // A region that refuses, then both: what is known stays, and the other region goes on.
    front.refuse(&[REGIONS[0]]);
    until_source(&daemon, "the region fails", |source| {
        let failing = &source["failingParts"]["eu-west-1"]["message"];
        failing.as_str().is_some_and(|text| text.contains("AccessDeniedException")) && source["state"] == "ok"
    })
    .await;
    moto.boto("client('lambda', 'us-east-1').delete_function(FunctionName='f006')").await;
    wanted.retain(|name| !name.starts_with("f006"));
    daemon.until_functions(&upstream(REGIONS[1]), wanted.clone()).await;
    front.refuse(&REGIONS);
    until_source(&daemon, "the source fails", |source| source["state"] == "failing").await;
    daemon.until_functions(&upstream(REGIONS[0]), listed(&names(MANY))).await;
    daemon.until_functions(&upstream(REGIONS[1]), wanted).await;
    let shown = format!("{}{}", source(&daemon).await.unwrap(), daemon.process.output());
    assert!(!shown.contains(KEYS[1].1), "a secret is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_functions_are_read_as_slowly_as_aws_wants_it() {
    let front = ControlPlane::of(2_000).await;
    let daemon = daemon(&front.url(), 10).await;
    let names: Vec<_> = (0..2_000).map(|n| format!("f{n:04}")).collect();
    for region in REGIONS {
        daemon.until_functions(&upstream(region), names.clone()).await;
    }
    // Lists and single functions take turns: enough of both in two intervals.
    let calls = || async {
        let (calls, _) = front.calls();
        if calls > 2 * 14 * 20 { Ok(()) } else { Err(format!("{calls} calls")) }
    };
    wait::until("there are calls enough", LONG, calls).await;
    let (_, busiest) = front.calls();
    assert!((1..=LIMIT).contains(&busiest), "{busiest} calls in a second");
    until_source(&daemon, "nothing fails", |source| source["failingParts"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_a_source_that_nobody_asked_for_and_that_is_refused() {
    let front = ControlPlane::of(1).await;
    front.refuse(&REGIONS);
    let [url, region] = [("AWS_ENDPOINT_URL", &*front.url()), ("AWS_REGION", REGIONS[0])]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let keys = KEYS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = [url, region].into_iter().chain(keys).collect();
    let options = Options { environment, looks_around: true, ..Options::default() };
    let daemon = Daemon::launch(options, ["--workers=1", "--warmup=3600"]);
    daemon.ready().await;
    let sources = http::get(&format!("{}/api/v1/sources", daemon.admin)).await.unwrap();
    let states: Vec<_> = sources["items"].as_array().unwrap().iter().map(|source| source["state"].clone()).collect();
    assert_eq!(states, ["failing", "failing"], "{sources}");
    front.refuse(&[]);
    daemon.until_functions(&upstream(REGIONS[0]), ["f0000"]).await;
}
