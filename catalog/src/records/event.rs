//! One event of the log.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{FunctionRecord, UpstreamRecord};

#[derive(Serialize, Deserialize)]
pub(crate) struct EventRecord<'a> {
    /// `added`, `changed` or `removed`.
    #[serde(borrow, rename = "type")]
    pub(crate) change: Cow<'a, str>,
    /// In milliseconds since 1970.
    pub(crate) at: i64,
    /// The upstream's id.
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) object: ObjectRecord<'a>,
}

/// What it is about, as it was after the change, or before its removal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ObjectRecord<'a> {
    /// An upstream, and how many functions it has.
    Upstream {
        #[serde(borrow)]
        upstream: Box<UpstreamRecord<'a>>,
        functions: usize,
    },
    /// A function, and where it is.
    Function {
        #[serde(borrow)]
        namespace: Cow<'a, str>,
        #[serde(borrow)]
        upstream: Cow<'a, str>,
        #[serde(borrow)]
        function: Box<FunctionRecord<'a>>,
    },
}
