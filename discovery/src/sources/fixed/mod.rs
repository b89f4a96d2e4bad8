//! Upstreams given on the command line: `--upstream NAME=URL`. Each is a source of its own, so that one that is not given any more stays,
//! stale, while the others are as fresh as ever.

mod flag;

use std::collections::BTreeMap;
use std::convert::Infallible;

use catalog::model::SourceId;
use futures_util::future::BoxFuture;
use futures_util::stream;

pub use flag::{FlagError, Upstream};

use super::hosts::{self, Lookup, Target, Written};
use crate::reports::Reports;
use crate::source::{Source, SourceError};

/// The source of such upstreams. They never change; the addresses of their names may.
pub struct Fixed {
    id: SourceId,
    targets: Vec<Target>,
    lookup: Lookup,
}

impl Fixed {
    /// The source of each of `upstreams`. Of two with one name the later one counts.
    pub fn each(upstreams: Vec<Upstream>) -> impl Iterator<Item = Self> {
        let lookup = hosts::system();
        let named: BTreeMap<_, _> = upstreams.into_iter().map(|upstream| (upstream.name.clone(), upstream)).collect();
        named.into_iter().map(move |(name, upstream)| Self::resolved_by(lookup.clone(), &name, vec![upstream]))
    }

    pub(crate) fn resolved_by(lookup: Lookup, instance: &str, upstreams: Vec<Upstream>) -> Self {
        let targets = upstreams.into_iter().map(Target::from).collect();
        Self { id: SourceId::new("static", instance), targets, lookup }
    }
}

impl Source for Fixed {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        let written = Written { targets: self.targets.clone(), ..Written::default() };
        Box::pin(hosts::keep(reports, self.lookup.clone(), stream::iter([Ok(written)])))
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::supervisor::Supervisor;
    use crate::testing::Bench;

    #[tokio::test(start_paused = true)]
    async fn one_that_is_not_given_any_more_stays_and_is_stale() {
        let bench = Bench::new().await;
        let stale = |snapshot: &catalog::Snapshot, name: &str| {
            let entry = snapshot.upstream("gloo-system", name)?;
            Some(snapshot.stale(&entry.upstream).is_some())
        };
        for (given, wanted) in [(&["a", "b"][..], false), (&["b"], true), (&["a", "b"], false)] {
            let upstreams = given.iter().map(|name| format!("{name}=http://127.0.0.1:1").parse().unwrap()).collect();
            let sources = Fixed::each(upstreams).map(|source| Box::new(source) as Box<dyn Source>).collect();
            let mut run = JoinSet::new();
            run.spawn(Supervisor::new(bench.catalog.clone(), sources).run(std::future::pending()));
            bench.wait(|now| (stale(now, "a"), stale(now, "b")) == (Some(wanted), Some(false))).await;
            run.shutdown().await;
        }
    }
}
