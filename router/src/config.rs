//! What a router is told at its start.

use std::net::SocketAddr;
use std::sync::Arc;

use catalog::model::Validation;
use plugins::{Filter, FunctionKind, Keyring};

/// One gateway.
#[derive(Clone)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// How many workers, each on its own thread; at least one.
    pub workers: usize,
    /// The namespace of upstreams whose URL names none.
    pub namespace: Arc<str>,
    /// What every request passes, in this order.
    pub filters: Arc<[Arc<dyn Filter>]>,
    /// The function kinds that can be called.
    pub kinds: &'static [&'static dyn FunctionKind],
    /// Where calls find the credentials that they are made with.
    pub keyring: Keyring,
    /// What happens to input that does not fit, where an upstream says nothing of it.
    pub validation: Validation,
    /// Whether and how each request is written to the access log.
    pub access_log: AccessLog,
}

/// The access log: a line for each request on standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AccessLog {
    /// None.
    #[default]
    Off,
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}
