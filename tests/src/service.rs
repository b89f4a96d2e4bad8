//! A server that is a process and a port.

use std::process::Command;

use tokio::net::TcpStream;

use crate::{http, port, process::Process};

/// A running service; it ends when this is dropped.
pub struct Service {
    /// Its process.
    pub process: Process,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Service {
    /// Starts what `command` makes for a port, and waits until it listens.
    pub async fn start(name: &str, command: impl FnOnce(u16) -> Command) -> Service {
        let port = port::free();
        let service = Service { process: Process::start(name, command(port)), port };
        let address = service.address();
        let listens = || async { TcpStream::connect(&address).await.map_err(|error| error.to_string()) };
        service.process.until("it listens", listens).await;
        service
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:PORT` and the path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// GETs a path; panics on a failure.
    pub async fn get(&self, path: &str) -> serde_json::Value {
        let url = self.url(path);
        http::get(&url).await.unwrap_or_else(|error| panic!("GET {url}: {error}"))
    }
}
