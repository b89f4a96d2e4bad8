//! What resources name in AWS, with the keys of a Secret alone: the daemon has none of its own.

use std::net::{IpAddr, SocketAddr};

use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::executor::Executor;
use harness::kubernetes::Cluster;
use harness::moto::{KEYS, Moto};
use harness::network::{self, Network};
use harness::{http, wait};
use serde_json::json;

use super::{PORT, UPSTREAMS, apply, cluster, until_state};

/// The function `echo`, and an instance in the keys' own account and in another one; prints their private addresses.
const MAKE: &str = r#"
import io, zipfile
iam, sts = client("iam", "eu-west-1"), client("sts", "eu-west-1")
role = iam.create_role(RoleName="runs", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
code = io.BytesIO()
zipfile.ZipFile(code, "w").writestr("f.py", "")
client("lambda", "eu-west-1").create_function(FunctionName="echo", Runtime="python3.13", Role=role, Handler="f.f",
                                              Code={"ZipFile": code.getvalue()}, Timeout=30)
other = sts.assume_role(RoleArn="arn:aws:iam::222222222222:role/x", RoleSessionName="me")["Credentials"]
other = dict(aws_access_key_id=other["AccessKeyId"], aws_secret_access_key=other["SecretAccessKey"],
             aws_session_token=other["SessionToken"])
def run(stage, keys={}):
    ec2 = boto3.client("ec2", region_name="eu-west-1", endpoint_url=url, **keys)
    tags = [dict(ResourceType="instance", Tags=[dict(Key="Stage", Value=stage)])]
    [one] = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, TagSpecifications=tags)["Instances"]
    return one["PrivateIpAddress"]
print(json.dumps([run("prod"), run("test"), run("prod", other)]))
"#;

async fn instances(moto: &Moto) -> Vec<IpAddr> {
    let made = moto.boto(MAKE).await;
    made.as_array().unwrap().iter().map(|ip| ip.as_str().unwrap().parse().unwrap()).collect()
}

async fn daemon(network: &Network, cluster: &Cluster, url: &str) -> Daemon {
    let folder = harness::process::folder("in-aws");
    let file = folder.path().join("portolan.yaml");
    std::fs::write(&file, "aws: {lambda: {interval: 1, round: 1}, ec2: {interval: 1}}").unwrap();
    let kubeconfig = cluster.admin().display().to_string();
    let own = [("KUBECONFIG", kubeconfig.as_str()), ("AWS_ENDPOINT_URL", url), ("AWS_EC2_METADATA_DISABLED", "true")];
    let environment = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { environment, under: network.under(), ..Options::default() };
    let config = format!("--config={}", file.display());
    let daemon = Daemon::launch(options, ["--source=kubernetes", "--workers=1", "--log-level=trace", &config]);
    daemon.ready().await;
    daemon
}

async fn until_called(daemon: &Daemon, status: u16) {
    wait::until(&format!("a call is answered {status}"), wait::SOON, || async {
        let call = daemon.post("shop", "price").header("content-type", "application/json").body("[1]");
        let answer = http::answer(call).await?;
        if answer.status == status { Ok(()) } else { Err(answer.text()) }
    })
    .await;
}

#[test]
fn functions_and_instances_are_listed_with_the_keys_of_a_secret() {
    network::within(|network| async move {
        let cluster = cluster(&network).await;
        cluster.define_upstreams().await;
        let moto = Moto::within(&network).await;
        let executor = Executor::within(&network, &moto).await;
        let mut services = Vec::new();
        for (ip, name) in instances(&moto).await.into_iter().zip(["own", "test", "other"]) {
            network.add(ip);
            services.push(Described::start_at(SocketAddr::new(ip, PORT), name, document(&["sail"])).await);
        }
        let daemon = daemon(&network, &cluster, &executor.url()).await;
        let secret = json!({"name": "aws"});
        let price = json!([{"logicalName": "price", "lambdaFunctionName": "echo"}]);
        let shop = json!({"aws": {"region": "eu-west-1", "secretRef": secret, "lambdaFunctions": price}});
        let role = "arn:aws:iam::222222222222:role/reader";
        let filters = json!([{"key": "stage"}, {"kvPair": {"key": "STAGE", "value": "prod"}}]);
        let web = json!({"region": "eu-west-1", "secretRef": secret, "filters": filters, "port": PORT});
        let mut other = web.clone();
        other["roleArn"] = role.into();
        apply(&cluster, "shop", shop).await.unwrap();
        apply(&cluster, "web", json!({"awsEc2": web})).await.unwrap();
        apply(&cluster, "other", json!({"awsEc2": other})).await.unwrap();
        for name in ["shop", "web", "other"] {
            until_state(&cluster, name, "Warning", "the Secret gloo-system/aws: there is no such Secret").await;
        }

        let data = |key: &str| json!({"aws_access_key_id": KEYS[0].1, "aws_secret_access_key": key});
        let object = json!({"metadata": {"name": "aws"}, "stringData": data(KEYS[1].1)});
        cluster.create("/api/v1", "gloo-system", "secrets", object).await;
        daemon.until_functions("shop", ["echo", "price"]).await;
        until_called(&daemon, 200).await;
        for (name, answers) in [("web", "own"), ("other", "other")] {
            daemon.until_functions(name, ["sail"]).await;
            assert_eq!(http::get(&daemon.url(name, "sail")).await.unwrap()["service"], answers);
            assert_eq!(daemon.upstream(name).await.unwrap()["endpoints"].as_array().unwrap().len(), 1);
        }
        for name in ["shop", "web", "other"] {
            until_state(&cluster, name, "Accepted", "").await;
        }

        // Other keys are those of the next call, and what was listed stays without any.
        let path = "/api/v1/namespaces/gloo-system/secrets/aws";
        cluster.patch(path, json!({"stringData": data("an0ther-secret")})).await;
        until_called(&daemon, 502).await;
        cluster.patch(path, json!({"stringData": data(KEYS[1].1)})).await;
        until_called(&daemon, 200).await;
        cluster.delete(path).await;
        until_state(&cluster, "shop", "Warning", "there is no such Secret").await;
        until_called(&daemon, 503).await;
        daemon.until_functions("web", ["sail"]).await;

        for name in ["shop", "web", "other"] {
            cluster.delete(&format!("{UPSTREAMS}/{name}")).await;
        }
        wait::until("they are gone", wait::SOON, || async {
            let all = daemon.list("/api/v1/upstreams").await?;
            if all.iter().any(|one| one["source"] == "static=kubernetes=test") {
                Err(format!("{all:?}"))
            } else {
                Ok(())
            }
        })
        .await;
        let shown = format!("{}{}", daemon.admin("/api/v1/sources").await, daemon.process.output());
        // moto begins each session token so.
        let secrets = [KEYS[1].1, "an0ther-secret", "FQoGZXIv"].map(|secret| shown.contains(secret));
        assert_eq!(secrets, [false; 3], "a secret is shown");
    });
}
