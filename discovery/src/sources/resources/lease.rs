//! The Lease that says which replica writes.
//!
//! Whoever renews it holds it; who has not for [`limits::LEASE`], as the others see it by their own clocks, has lost it. A write with an old
//! version is refused by the API server, so two can never take it at once.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::limits;
use crate::Reports;
use crate::sources::kubernetes::told::cause;

/// Its name.
const NAME: &str = "portolan";
/// The part of the source that it is.
pub(super) const PART: &str = "leases";

/// One who wants the Lease.
pub(super) struct Candidate<'a> {
    pub(super) api: Api<Lease>,
    /// Who it is: nobody else has this name.
    pub(super) identity: String,
    pub(super) reports: &'a Reports,
    /// Until when it may write; the time may be over.
    pub(super) holds: watch::Sender<Option<Instant>>,
}

/// What was seen of the holder last, and since when it is the same.
struct Seen {
    version: Option<String>,
    since: Instant,
}

impl Candidate<'_> {
    /// Takes the Lease when it is free, and keeps it.
    pub(super) async fn keep(self) -> std::convert::Infallible {
        let mut seen = Seen { version: None, since: Instant::now() };
        loop {
            let began = Instant::now();
            let tried = timeout(limits::ANSWER, self.try_once(&mut seen)).await;
            let wait = match tried {
                Ok(Ok(holds)) => {
                    self.reports.part(PART, None);
                    self.tell(holds.then(|| began + limits::STOP));
                    limits::RENEW
                }
                Ok(Err(error)) => self.failed(cause(&error)),
                Err(_) => self.failed(format!("no answer within {} s", limits::ANSWER.as_secs())),
            };
            sleep(wait).await;
        }
    }

    /// Says until when we hold it. Wakes the writer when that makes it ours, or another's.
    fn tell(&self, until: Option<Instant>) {
        let now = Instant::now();
        self.holds.send_if_modified(|before| {
            let (held, holds) = (before.is_some_and(|before| before > now), until.is_some());
            *before = until;
            if held != holds {
                tracing::info!(identity = %self.identity, holds, "kubernetes.lease");
            }
            held != holds
        });
    }

    fn failed(&self, cause: String) -> Duration {
        self.reports.part(PART, Some(cause));
        limits::SETTLE
    }

    /// Whether we hold it now.
    async fn try_once(&self, seen: &mut Seen) -> Result<bool, kube::Error> {
        let Some(lease) = self.api.get_opt(NAME).await? else {
            let metadata = ObjectMeta { name: Some(NAME.into()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(None)) };
            return won(self.api.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().filter(|holder| !holder.is_empty());
        if seen.version != lease.metadata.resource_version {
            *seen = Seen { version: lease.metadata.resource_version.clone(), since: Instant::now() };
        }
        let lasts = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let lasts = lasts.map_or(limits::LEASE, Duration::from_secs);
        let is_free = holder.is_none_or(|holder| holder == self.identity) || seen.since.elapsed() > lasts;
        if !is_free {
            return Ok(false);
        }
        // With the version that was read: if somebody else took it meanwhile, this is refused.
        let next = Lease { spec: Some(self.spec(Some(&spec))), metadata: lease.metadata };
        won(self.api.replace(NAME, &PostParams::default(), &next).await)
    }

    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = Some(MicroTime(Timestamp::now()));
        let ours = before.filter(|before| before.holder_identity.as_deref() == Some(&self.identity));
        let changed = before.map_or(0, |before| before.lease_transitions.unwrap_or(0).saturating_add(1));
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(limits::LEASE.as_secs()).ok(),
            acquire_time: ours.map_or(now.clone(), |ours| ours.acquire_time.clone()),
            renew_time: now,
            lease_transitions: ours.map_or(Some(changed), |ours| ours.lease_transitions),
            ..LeaseSpec::default()
        }
    }
}

/// Who comes second has not failed.
fn won(written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

/// A name that no other replica has.
pub(super) fn identity() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or(host);
    let (process, now) = (std::process::id().to_string(), Timestamp::now().as_nanosecond().to_string());
    let own = catalog::model::Digest::of([host.as_bytes(), process.as_bytes(), now.as_bytes()]).short(8);
    format!("{}_{own}", host.trim())
}
