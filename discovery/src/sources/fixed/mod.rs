//! Upstreams given on the command line: `--upstream NAME=URL`.

mod flag;

use std::convert::Infallible;

use catalog::model::SourceId;
use futures_util::future::BoxFuture;
use futures_util::stream;

pub use flag::{FlagError, Upstream};

use super::hosts::{self, Lookup, Target, Written};
use crate::reports::Reports;
use crate::source::{Source, SourceError};

/// The source of these upstreams. They never change; the addresses of their names may.
pub struct Fixed {
    id: SourceId,
    targets: Vec<Target>,
    lookup: Lookup,
}

impl Fixed {
    /// Lists `upstreams`. Of two with one name the later one counts.
    pub fn new(upstreams: Vec<Upstream>) -> Self {
        Self::resolved_by(hosts::system(), upstreams)
    }

    pub(crate) fn resolved_by(lookup: Lookup, upstreams: Vec<Upstream>) -> Self {
        Self { id: SourceId::new("static", ""), targets: upstreams.into_iter().map(Target::from).collect(), lookup }
    }
}

impl Source for Fixed {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        let written = Written { targets: self.targets.clone(), left_out: Vec::new() };
        Box::pin(hosts::keep(reports, self.lookup.clone(), stream::iter([Ok(written)])))
    }
}
