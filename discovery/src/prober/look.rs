//! One round of looks at one upstream: each kind that is due looks, through one endpoint and, where that fails or its answer must be
//! confirmed, through another.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use catalog::Catalog;
use catalog::model::{KindState, UpstreamId, UpstreamSpec};
use catalog::report::{Finding, Merged, Probed};
use futures_util::FutureExt;
use futures_util::future::join_all;
use plugins::{FunctionKind, Target};
use tokio::time::timeout;

use super::outcome::{Outcomes, Verdict};
use crate::fetch::{Fetcher, Round};

/// For one kind through one endpoint, all its questions together: whoever hangs at each of twenty paths is cut here.
const LOOK: Duration = Duration::from_secs(30);
/// Endpoints that one round asks.
pub(super) const ENDPOINTS: usize = 2;

/// What all rounds share.
#[derive(Clone)]
pub(super) struct Looker {
    pub(super) catalog: Catalog,
    pub(super) fetcher: Fetcher,
    pub(super) outcomes: Outcomes,
    pub(super) document_paths: Arc<[String]>,
}

/// What a round is to do.
pub(super) struct Job {
    pub(super) upstream: UpstreamId,
    pub(super) spec: Arc<UpstreamSpec>,
    pub(super) endpoints: Vec<SocketAddr>,
    pub(super) kinds: Vec<(&'static dyn FunctionKind, Option<KindState>)>,
}

/// What it found for one kind.
pub(super) struct Looked {
    pub(super) kind: &'static dyn FunctionKind,
    pub(super) verdict: Verdict,
    pub(super) endpoint: SocketAddr,
    pub(super) confirm: Option<Duration>,
    /// The probe's note for its next look, where the catalog has an older one.
    pub(super) note: Option<String>,
}

impl Looker {
    /// Does it.
    pub(super) async fn look(self, job: Job) -> Vec<Looked> {
        let (mut open, mut done) = (job.kinds.clone(), Vec::new());
        for (nth, endpoint) in job.endpoints.iter().enumerate() {
            let last = nth + 1 == job.endpoints.len();
            // What is known of TLS is not trusted twice: the second try finds it out.
            let tls = open.iter().find_map(|(_, known)| known.as_ref().map(|known| known.tls)).filter(|_| nth == 0);
            let round = self.fetcher.round(job.upstream.clone(), job.spec.clone(), *endpoint, tls);
            let looks =
                open.iter().map(|(kind, known)| self.one(&job, round.as_ref(), *endpoint, *kind, known.clone(), last));
            let results = join_all(looks).await;
            let is_open =
                |looked: &Looked| !last && (looked.confirm.is_some() || matches!(looked.verdict, Verdict::Failed(_)));
            let (again, judged): (Vec<_>, Vec<_>) = results.into_iter().partition(is_open);
            open.retain(|(kind, _)| again.iter().any(|looked| looked.kind.kind() == kind.kind()));
            done.extend(judged);
            if open.is_empty() {
                break;
            }
        }
        done
    }

    /// One kind through one endpoint. A failure is told to the catalog when no other endpoint is left to ask.
    async fn one(
        &self,
        job: &Job,
        round: Result<&Round, &plugins::FetchError>,
        endpoint: SocketAddr,
        kind: &'static dyn FunctionKind,
        known: Option<KindState>,
        last: bool,
    ) -> Looked {
        let was_known = known.is_some();
        let finding = match round {
            Ok(round) => self.find(job, round, kind, known).await,
            Err(error) => Err(error.to_string()),
        };
        self.count(&finding);
        let note = match &finding {
            Ok(Finding::Unchanged { hint }) => hint.clone(),
            _ => None,
        };
        let (verdict, finding) = match finding {
            Ok(Finding::NotThis) => (Verdict::NotThis, Finding::NotThis),
            Ok(Finding::Failed) => (Verdict::Failed("it could not be found out".into()), Finding::Failed),
            Ok(found) => (Verdict::Found, found),
            Err(error) => (Verdict::Failed(error), Finding::Failed),
        };
        // Where nothing is known there is nothing to take away.
        let tell = match verdict {
            Verdict::Failed(_) => was_known && last,
            Verdict::NotThis => was_known,
            _ => true,
        };
        let mut looked = Looked { kind, verdict, endpoint, confirm: None, note };
        if tell {
            let probed = Probed { upstream: job.upstream.clone(), kind: kind.kind(), endpoint, finding };
            match self.catalog.probed(probed).await {
                Ok(Merged { confirm_within, .. }) => looked.confirm = confirm_within,
                Err(error) => looked.verdict = Verdict::Failed(error.to_string()),
            }
        }
        looked
    }

    async fn find(
        &self,
        job: &Job,
        round: &Round,
        kind: &'static dyn FunctionKind,
        known: Option<KindState>,
    ) -> Result<Finding, String> {
        let probe = kind.probe().filter(|probe| probe.looks_at(&job.spec));
        let Some(probe) = probe else { return Ok(Finding::NotThis) };
        let (id, spec, document_paths) = (job.upstream.clone(), job.spec.clone(), self.document_paths.clone());
        let target = Target { id, spec, known, document_paths };
        let bound = round.on_behalf_of(kind.kind());
        let look = AssertUnwindSafe(probe.probe(&target, &bound)).catch_unwind();
        match timeout(LOOK, look).await {
            Ok(Ok(found)) => found.map_err(|error| error.to_string()),
            Ok(Err(_)) => {
                tracing::error!(upstream = %job.upstream, kind = %kind.kind(), "the probe panicked");
                Err("the probe broke; the log says where".into())
            }
            Err(_) => Err(format!("no answer within {} s", LOOK.as_secs())),
        }
    }

    fn count(&self, finding: &Result<Finding, String>) {
        let counts = self.outcomes.counts();
        let count: &AtomicU64 = match finding {
            Ok(Finding::Found { .. }) => &counts.found,
            Ok(Finding::Unchanged { .. }) => &counts.unchanged,
            Ok(Finding::NotThis) => &counts.none,
            Ok(Finding::Failed) | Err(_) => &counts.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
