//! Lambda functions that run: a front for [`Moto`], which only keeps them, with a handler for each name
//! (`tests/servers/lambda_executor.py`).

use std::process::Command;

use serde_json::{Value, json};

use crate::http;
use crate::installed::{named, source};
use crate::moto::{KEYS, Moto};
use crate::network::Network;
use crate::port;
use crate::process::Process;

/// A running executor.
pub struct Executor {
    /// Its process.
    pub process: Process,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Executor {
    /// Starts one in front of `moto`.
    pub async fn start(moto: &Moto) -> Executor {
        Executor::run(Command::new(named("PORTOLAN_TEST_PYTHON")), moto).await
    }

    /// Starts one in a network of the test's own.
    pub async fn within(network: &Network, moto: &Moto) -> Executor {
        Executor::run(network.command(&named("PORTOLAN_TEST_PYTHON")), moto).await
    }

    async fn run(mut command: Command, moto: &Moto) -> Executor {
        let port = port::free();
        let keys = json!({ (KEYS[0].1): KEYS[1].1 }).to_string();
        command
            .arg(source("lambda_executor.py"))
            .args([port.to_string(), moto.url(), keys])
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let executor = Executor { process: Process::start("lambda-executor", command), port };
        let url = format!("{}/executor", executor.url());
        executor.process.until("it answers", || http::get(&url)).await;
        executor
    }

    /// `http://127.0.0.1:PORT`, as `AWS_ENDPOINT_URL` has it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was invoked since this was asked last.
    pub async fn invoked(&self) -> Vec<Value> {
        let seen = http::get(&format!("{}/executor", self.url())).await;
        let seen = seen.unwrap_or_else(|error| panic!("what was invoked: {error}"));
        seen.as_array().cloned().unwrap_or_default()
    }
}
