//! Endpoints: shown at once, written behind. Several changes of one upstream within [`WRITE_BEHIND`] cost one record.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Endpoint, EndpointSet, Health, UpstreamId};
use crate::records::{EndpointsRecord, encode};
use crate::settings::Settings;
use crate::snapshot::{Snapshot, Sorted};
use crate::store::{ChangeSet, Key};

/// For so long changes are gathered before they are written. What a crash loses is what sources say again at the start.
const WRITE_BEHIND: Duration = Duration::from_secs(1);

/// How many upstreams' endpoints stand in one change set.
const PER_SET: usize = 1000;

/// What becomes of an upstream's endpoints when a batch is durable.
#[derive(Debug)]
pub(super) enum EndpointChange {
    /// They are these, unless a later arrival has said otherwise; `order` counts arrivals. `written`: in this batch.
    Set { id: UpstreamId, endpoints: Vec<Endpoint>, order: u64, written: bool },
    /// The upstream is gone.
    Removed(UpstreamId),
}

/// What is to be written, and who spoke last.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    /// Which arrival set them.
    order: HashMap<UpstreamId, u64>,
    behind: BTreeSet<UpstreamId>,
    /// When what is behind is written.
    due: Option<Instant>,
}

impl Endpoints {
    /// When there is something to write.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sets the endpoints of an upstream, unless a later arrival has. Returns whether anything is different now.
    pub(super) fn set(
        &mut self,
        shown: &mut Sorted<UpstreamId, EndpointSet>,
        id: &UpstreamId,
        endpoints: Vec<Endpoint>,
        order: u64,
        settings: &Settings,
    ) -> bool {
        match self.order.get_mut(id) {
            Some(last) if *last > order => return false,
            Some(last) => *last = order,
            None => drop(self.order.insert(id.clone(), order)),
        }
        let next = EndpointSet::new(judged(endpoints, settings));
        if shown.get(id) == Some(&next) {
            return false;
        }
        shown.insert(id.clone(), next);
        self.mark_behind(id.clone());
        true
    }

    /// Applies what a durable batch says. Returns whether anything is different now.
    pub(super) fn apply(&mut self, snapshot: &mut Snapshot, change: EndpointChange, settings: &Settings) -> bool {
        let is_news = match change {
            EndpointChange::Set { id, endpoints, order, written } => {
                let was_behind = self.behind.contains(&id);
                let is_news = self.set(&mut snapshot.endpoints, &id, endpoints, order, settings);
                if written && !was_behind {
                    self.behind.remove(&id);
                }
                is_news
            }
            EndpointChange::Removed(id) => {
                self.order.remove(&id);
                self.behind.remove(&id);
                snapshot.endpoints.remove(&id).is_some()
            }
        };
        self.due = self.due.filter(|_| !self.behind.is_empty());
        is_news
    }

    /// What is behind, as change sets, and whose it is.
    pub(super) fn write(&mut self, snapshot: &Snapshot) -> (Vec<UpstreamId>, Vec<ChangeSet>) {
        self.due = None;
        let ids: Vec<_> = std::mem::take(&mut self.behind).into_iter().collect();
        let record = |id: &UpstreamId| Some((Key::Endpoints(id.clone()), record(snapshot.endpoints.get(id)?.all())));
        let set =
            |ids: &[UpstreamId]| ChangeSet { records: ids.iter().filter_map(record).collect(), ..ChangeSet::default() };
        let sets = ids.chunks(PER_SET).map(set).collect();
        (ids, sets)
    }

    /// These have to be written (again).
    pub(super) fn mark_behind(&mut self, id: UpstreamId) {
        self.behind.insert(id);
        self.due.get_or_insert_with(|| Instant::now() + WRITE_BEHIND);
    }
}

/// An upstream's endpoints as a record.
pub(super) fn record(endpoints: &[Endpoint]) -> bytes::Bytes {
    encode(&EndpointsRecord::of(endpoints))
}

/// The endpoints with those refused that must not be called.
pub(super) fn judged(mut endpoints: Vec<Endpoint>, settings: &Settings) -> Vec<Endpoint> {
    for endpoint in &mut endpoints {
        if let Some(reason) = (settings.refuse)(endpoint.address) {
            endpoint.health = Health::Refused(reason);
        }
    }
    endpoints
}
