//! Tells the catalog what the lists of all places say together: everything first, what changes after.

use std::collections::BTreeMap;
use std::convert::Infallible;

use catalog::CatalogError;
use catalog::model::Endpoint;
use catalog::report::{Listed, Report};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::limits;
use super::map::{Mapped, Seen, map};
use super::settings::Settings;
use super::wire::Instance;
use crate::aws::AwsError;
use crate::{Reports, SourceError};

/// One region as one identity.
pub(super) struct Part {
    /// What the status calls it.
    pub(super) name: String,
    /// What its endpoints are marked with.
    pub(super) seen: Seen,
    /// Its last good list; `None` before the first.
    instances: Option<Vec<Instance>>,
    failure: Option<AwsError>,
}

impl Part {
    pub(super) fn new(name: String, seen: Seen) -> Self {
        Self { name, seen, instances: None, failure: None }
    }
}

/// Tells of all parts.
pub(super) struct Publisher<'a> {
    reports: &'a Reports,
    settings: &'a Settings,
    parts: Vec<Part>,
    /// What the catalog has from an earlier run.
    held: Vec<Listed>,
    /// What it was told last; `None` before the full list.
    told: Option<BTreeMap<String, Listed>>,
    left_out: BTreeMap<String, String>,
    /// When the full list is told even though a part has said nothing.
    patience: Option<Instant>,
    /// When everything is to be told again.
    again: Option<Instant>,
}

impl<'a> Publisher<'a> {
    pub(super) fn new(reports: &'a Reports, settings: &'a Settings, parts: Vec<Part>) -> Self {
        let (held, left_out) = (reports.held(), BTreeMap::new());
        Self { reports, settings, parts, held, told: None, left_out, patience: None, again: None }
    }

    /// Tells what `lists` say, each with the number of its part, until no part can be read, or the catalog is closed.
    pub(super) async fn publish(
        mut self,
        mut lists: impl Stream<Item = (usize, Result<Vec<Instance>, AwsError>)> + Unpin,
    ) -> Result<Infallible, SourceError> {
        loop {
            let due = if self.told.is_some() { self.again } else { self.patience };
            let due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some((number, list)) = lists.next() => self.take(number, list).await?,
                () = due => self.tell_all().await?,
            }
        }
    }

    async fn take(&mut self, number: usize, list: Result<Vec<Instance>, AwsError>) -> Result<(), SourceError> {
        let Some(part) = self.parts.get_mut(number) else { return Ok(()) };
        match list {
            Ok(instances) => {
                part.instances = Some(instances);
                if part.failure.take().is_some() {
                    self.reports.part(&part.name, None);
                }
            }
            Err(error) => {
                let (is_new, name) = (part.failure.replace(error.clone()).is_none(), part.name.clone());
                self.reports.part(&name, Some(error.told()));
                // Nothing can be read any more: the source as a whole fails.
                if self.parts.iter().all(|part| part.failure.is_some()) {
                    return Err(error.into());
                }
                if is_new {
                    tracing::warn!(part = %name, act = %error.act, %error, "ec2.region_failed");
                }
            }
        }
        self.tell(number).await
    }

    async fn tell(&mut self, number: usize) -> Result<(), SourceError> {
        if self.told.is_none() {
            let has_spoken = |part: &Part| part.instances.is_some() || part.failure.is_some();
            self.patience = self.patience.or_else(|| Some(Instant::now() + limits::PATIENCE));
            return if self.parts.iter().all(has_spoken) { self.tell_all().await } else { Ok(()) };
        }
        let wanted = self.wanted();
        let Some(told) = &self.told else { return Ok(()) };
        if wanted == *told {
            if self.parts.get(number).is_some_and(|part| part.failure.is_none()) && self.again.is_none() {
                self.reports.alive();
            }
            return Ok(());
        }
        // What is gone is told by a full list, which the catalog doubts if it lacks too much.
        if told.keys().any(|key| !wanted.contains_key(key)) {
            return self.tell_all().await;
        }
        let changed: Vec<_> = wanted.iter().filter_map(|(key, now)| difference(told.get(key), now)).collect();
        self.told = Some(wanted);
        for report in changed {
            self.send(report).await?;
        }
        Ok(())
    }

    async fn tell_all(&mut self) -> Result<(), SourceError> {
        self.again = None;
        let wanted = self.wanted();
        let all = wanted.values().cloned().collect();
        self.told = Some(wanted);
        self.send(Report::Full(all)).await
    }

    async fn send(&mut self, report: Report) -> Result<(), SourceError> {
        let wait = match self.reports.send(report).await {
            Ok(receipt) => receipt.held_back.map(|reason| {
                tracing::warn!("the full list is held back: {reason}");
                limits::TELL_AGAIN
            }),
            // Endpoints are shown whatever the store does, so the run goes on.
            Err(CatalogError::Store(_)) => Some(limits::REFUSED),
            Err(error) => return Err(error.into()),
        };
        let again = wait.map(|wait| Instant::now() + wait);
        self.again = self.again.into_iter().chain(again).min();
        Ok(())
    }

    /// What the catalog is to have: what the lists say, and of parts without any list what an earlier run found.
    fn wanted(&mut self) -> BTreeMap<String, Listed> {
        let instances =
            self.parts.iter().flat_map(|part| part.instances.iter().flatten().map(|instance| (&part.seen, instance)));
        let Mapped { mut upstreams, left_out } = map(instances, self.settings);
        if self.left_out != left_out {
            self.reports.leave_out(left_out.clone());
            self.left_out = left_out;
        }
        let unread: Vec<&Seen> =
            self.parts.iter().filter(|part| part.instances.is_none()).map(|part| &part.seen).collect();
        if unread.is_empty() {
            self.held.clear();
        }
        for held in &self.held {
            let is_unread = |endpoint: &Endpoint| unread.iter().any(|seen| seen.has(endpoint));
            let kept: Vec<_> = held.endpoints.iter().filter(|endpoint| is_unread(endpoint)).cloned().collect();
            // Of a group that had no endpoint nobody knows where it is.
            if kept.is_empty() && !held.endpoints.is_empty() {
                continue;
            }
            let nothing = || Listed { endpoints: Vec::new(), ..held.clone() };
            let listed = upstreams.entry(held.key.to_string()).or_insert_with(nothing);
            listed.endpoints.extend(kept);
            listed.endpoints.sort_by_key(|endpoint| endpoint.address);
            listed.endpoints.dedup_by_key(|endpoint| endpoint.address);
        }
        upstreams
    }
}

/// What makes of what was `told` what is to be told `now`.
fn difference(told: Option<&Listed>, now: &Listed) -> Option<Report> {
    match told {
        Some(told) if told == now => None,
        Some(told) if told.spec == now.spec => Some(Report::Endpoints(now.key.clone(), now.endpoints.clone())),
        _ => Some(Report::Changed(Box::new(now.clone()))),
    }
}
