//! AWS's control plane, by moto: Lambda, EC2, STS, tags. It takes any keys, and keeps accounts and regions apart.

use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::http;
use crate::installed::named;
use crate::network::Network;
use crate::port;
use crate::process::Process;

/// The keys that the daemon has in tests; moto takes any.
pub const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "s3cret-of-the-test")];

/// A running moto.
pub struct Moto {
    /// Its process.
    pub process: Process,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Moto {
    /// Starts one.
    pub async fn start() -> Moto {
        Moto::run(Command::new(named("PORTOLAN_TEST_PYTHON"))).await
    }

    /// Starts one in a network of the test's own.
    pub async fn within(network: &Network) -> Moto {
        Moto::run(network.command(&named("PORTOLAN_TEST_PYTHON"))).await
    }

    async fn run(mut command: Command) -> Moto {
        let port = port::free();
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        // Functions run nowhere here, and ids of images are taken as they are.
        command.envs([("MOTO_EC2_LOAD_DEFAULT_AMIS", "false"), ("PYTHONDONTWRITEBYTECODE", "1")]);
        command.envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_DEFAULT_REGION", "us-east-1")]).envs(KEYS);
        let moto = Moto { process: Process::start("moto", command), port };
        let url = format!("{}/moto-api/data.json", moto.url());
        moto.process.until("it answers", || http::get(&url)).await;
        moto
    }

    /// `http://127.0.0.1:PORT`, as `AWS_ENDPOINT_URL` has it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the daemon's environment must have so that it asks here, in `region`.
    pub fn environment(&self, region: &str) -> Vec<(String, String)> {
        let own = [("AWS_REGION", region.to_owned()), ("AWS_ENDPOINT_URL", self.url())];
        let keys = KEYS.map(|(name, value)| (name, value.to_owned()));
        own.into_iter().chain(keys).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Forgets everything.
    pub async fn reset(&self) {
        let url = format!("{}/moto-api/reset", self.url());
        let answer = http::send(http::client().request(Method::POST, url)).await;
        answer.unwrap_or_else(|error| panic!("moto is reset: {error}"));
    }

    /// Runs `script`, Python that has `boto3` and `client(service, region)`; what it prints last, in JSON, is returned.
    pub async fn boto(&self, script: &str) -> Value {
        let mut command = Command::new(named("PORTOLAN_TEST_PYTHON"));
        let preface = format!(
            "import boto3, json\nurl = {:?}\ndef client(service, region):\n    return boto3.client(service, region_name=region, endpoint_url=url)\n",
            self.url()
        );
        command.args(["-c", &format!("{preface}{script}")]).env_clear().envs(KEYS);
        let output = command.output().unwrap_or_else(|error| panic!("python for boto3: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "boto3: {errors}\n{script}");
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(text.lines().last().unwrap_or("null")).unwrap_or(Value::Null)
    }
}
