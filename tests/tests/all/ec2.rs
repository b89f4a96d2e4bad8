//! The EC2 source against moto: instances in two regions and three accounts become upstreams, and what answers at their addresses is
//! found and called.
//!
//! moto gives instances addresses that nobody has. The test has a network of its own and puts them there.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::moto::Moto;
use harness::network::{self, Network};
use harness::{http, wait};
use serde_json::Value;

const CONFIGURATION: &str = "
aws:
  regions: [eu-west-1, us-east-1]
  identities:
    - {}
    - name: other
      regions: [eu-west-1]
      roles: [{arn: 'arn:aws:iam::222222222222:role/reader', externalId: e}]
    - name: pod
      regions: [us-east-1]
      webIdentity: {tokenFile: token, roleArn: 'arn:aws:iam::333333333333:role/pod'}
  ec2: {interval: 1, filters: [stage=prod]}
";

/// Python: one running instance with tags, in a region, by a client with keys; prints its id and private address.
const RUN: &str = "
def run(region, tags, keys={}):
    ec2 = boto3.client('ec2', region_name=region, endpoint_url=url, **keys)
    tags = [dict(Key=k, Value=v) for k, v in tags.items()]
    [one] = ec2.run_instances(ImageId='ami-12345678', MinCount=1, MaxCount=1,
                              TagSpecifications=[dict(ResourceType='instance', Tags=tags)])['Instances']
    return one['InstanceId'], one['PrivateIpAddress']
";

async fn instances(moto: &Moto) -> Vec<(String, IpAddr)> {
    let script = format!(
        "{RUN}
def account(number):
    role = client('sts', 'us-east-1').assume_role(RoleArn=f'arn:aws:iam::{{number}}:role/x', RoleSessionName='me')['Credentials']
    return dict(aws_access_key_id=role['AccessKeyId'], aws_secret_access_key=role['SecretAccessKey'], aws_session_token=role['SessionToken'])
web = {{'portolan:upstream': 'web', 'portolan:port': '8080', 'stage': 'prod', 'team': 'a'}}
print(json.dumps([
    run('eu-west-1', web),
    run('us-east-1', web),
    run('eu-west-1', web, account(222222222222)),
    run('us-east-1', web, account(333333333333)),
    run('us-east-1', {{'portolan:upstream': 'shop', 'stage': 'prod'}}),
    run('us-east-1', {{'Name': 'nameless', 'stage': 'prod'}}),
    run('us-east-1', {{'portolan:upstream': 'test', 'stage': 'test'}}),
]))"
    );
    let all = moto.boto(&script).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.as_array().unwrap().iter().map(|one| (text(&one[0]), text(&one[1]).parse().unwrap())).collect()
}

async fn until_answering(daemon: &Daemon, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    wait::until(&format!("{wanted:?} answer, and nobody else"), wait::SOON, || async {
        let mut seen = BTreeSet::new();
        for _ in 0..2 * wanted.len() {
            let answer = http::get(&daemon.url("ec2-web", "sail")).await?;
            seen.extend(answer["service"].as_str().map(str::to_owned));
        }
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

async fn source(daemon: &Daemon) -> Result<Value, String> {
    let sources = http::get(&format!("{}/api/v1/sources", daemon.admin)).await?;
    let found = sources["items"].as_array().into_iter().flatten().find(|source| source["source"] == "ec2").cloned();
    found.ok_or_else(|| sources.to_string())
}

async fn daemon(network: &Network, moto: &Moto, folder: &Path) -> Daemon {
    let file = folder.join("portolan.yaml");
    let token = folder.join("token");
    std::fs::write(&token, "a token of the cluster's").unwrap();
    let text = CONFIGURATION.replace("tokenFile: token", &format!("tokenFile: {}", token.display()));
    std::fs::write(&file, text).unwrap();
    let environment = moto.environment("eu-west-1");
    let options = Options { environment, under: network.under(), ..Options::default() };
    let daemon = Daemon::launch(
        options,
        ["--source=ec2", "--workers=1", "--log-level=trace", &format!("--config={}", file.display())],
    );
    daemon.ready().await;
    daemon
}

#[test]
fn instances_of_two_regions_and_three_accounts_are_found_and_called() {
    network::within(|network| async move {
        let moto = Moto::within(&network).await;
        let instances = instances(&moto).await;
        let mut services = Vec::new();
        for ((_, ip), (name, port)) in
            instances.iter().zip([("eu", 8080), ("us", 8080), ("other", 8080), ("pod", 8080), ("shop", 80)])
        {
            network.add(*ip);
            services.push(Described::start_at(SocketAddr::new(*ip, port), name, document(&["sail"])).await);
        }
        let folder = harness::process::folder("ec2");
        let daemon = daemon(&network, &moto, folder.path()).await;
        daemon.until_functions("ec2-web", ["sail"]).await;
        daemon.until_functions("ec2-shop", ["sail"]).await;
        until_answering(&daemon, &["eu", "us", "other", "pod"]).await;

        let upstream = daemon.upstream("ec2-web").await.unwrap();
        assert_eq!((&upstream["source"], &upstream["labels"]["team"]), (&"ec2".into(), &"a".into()), "{upstream}");
        let labels = |key: &str| {
            let endpoints = upstream["endpoints"].as_array().unwrap().iter();
            endpoints.map(|endpoint| endpoint["labels"][key].as_str().unwrap_or("").to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(labels("region"), ["eu-west-1", "us-east-1"].map(str::to_owned).into());
        assert_eq!(labels("identity"), ["", "other", "pod"].map(str::to_owned).into());
        assert_eq!(labels("zone").len(), 2);
        let left_out = &source(&daemon).await.unwrap()["leftOut"];
        assert!(left_out[&instances[5].0].is_null(), "it is not meant");
        assert_eq!(left_out[&instances[6].0], "its tags are not as aws.ec2.filters wants: stage=prod");

        let why = daemon.admin(&format!("/api/v1/why?target={}", instances[6].0)).await.to_string();
        assert!(why.contains("aws.ec2.filters"), "{why}");

        // One that stops is called no more; a group whose instances all stopped stays, and is gone when they are.
        let (us, shop) = (&instances[1].0, &instances[4].0);
        moto.boto(&format!("client('ec2', 'us-east-1').stop_instances(InstanceIds=['{us}', '{shop}'])")).await;
        until_answering(&daemon, &["eu", "other", "pod"]).await;
        wait::until("ec2-shop has no endpoint", wait::SOON, || async {
            let shop = daemon.upstream("ec2-shop").await?;
            if shop["endpoints"].as_array().is_some_and(Vec::is_empty) { Ok(()) } else { Err(shop.to_string()) }
        })
        .await;
        daemon.until_functions("ec2-shop", ["sail"]).await;
        moto.boto(&format!("client('ec2', 'us-east-1').terminate_instances(InstanceIds=['{shop}'])")).await;
        wait::until("ec2-shop is gone", wait::SOON, || async {
            let all = daemon.list("/api/v1/upstreams").await?;
            if all.iter().any(|one| one["name"] == "ec2-shop") { Err("it is there".to_owned()) } else { Ok(()) }
        })
        .await;

        // While AWS is away all goes on as it was.
        moto.process.kill();
        wait::until("the source fails", wait::START, || async {
            let source = source(&daemon).await?;
            if source["state"] == "failing" { Ok(()) } else { Err(source.to_string()) }
        })
        .await;
        until_answering(&daemon, &["eu", "other", "pod"]).await;
        let shown = format!("{}{}", source(&daemon).await.unwrap(), daemon.process.output());
        // moto begins each session token so.
        let secrets = ["s3cret", "FQoGZXIv"].map(|secret| shown.contains(secret));
        assert_eq!(secrets, [false, false], "a secret is shown");
    });
}
