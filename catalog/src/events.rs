//! The event log: what was added, changed and removed, in order, to be read from any kept place on and followed live.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::model::{Function, Upstream, UpstreamId};
use crate::records::{EventRecord, ObjectRecord, decode, time};
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::store::{Key, Store, StoreError};

/// How many of the newest events are kept at least.
pub const KEPT: usize = 10_000;

/// From how many events on the log is trimmed to [`KEPT`]; twice as many, so that trimming is rare.
pub(crate) const TRIM_AT: usize = 2 * KEPT;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Added,
    /// It is not what it was.
    Changed,
    /// It is gone.
    Removed,
}

impl Change {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// One event. Its id is `{revision}.{n}`.
#[derive(Clone, Debug)]
pub struct Event {
    /// The revision that made it so.
    pub revision: u64,
    /// Its place among the events of that revision.
    pub n: u32,
    /// When that was.
    pub at: Timestamp,
    /// What happened.
    pub change: Change,
    /// To which upstream, or to a function of which.
    pub upstream: UpstreamId,
    /// What it is about, as it was after the change, or before its removal.
    pub object: Object,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub enum Object {
    /// An upstream, and how many functions it had.
    Upstream(Box<Upstream>, usize),
    /// A function.
    Function {
        /// Its upstream's namespace.
        namespace: Arc<str>,
        /// Its upstream's name.
        upstream: Arc<str>,
        /// The function itself; what its schemas were is not kept.
        function: Box<Function>,
    },
}

/// Why there are no events to read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EventsError {
    /// What came after the asked place is not kept any more, or the place is not of this catalog: list anew.
    #[error("the events after revision {since} are not kept any more; the oldest that can be asked for is {oldest}")]
    Gone {
        /// The revision asked for.
        since: u64,
        /// The oldest `since` that can be answered.
        oldest: u64,
    },
    /// They cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog is closed, and so are its events.
    #[error("the catalog is closed")]
    Closed,
}

/// Reads events in order, and waits for those to come.
#[derive(Debug)]
pub struct Events {
    /// The last event that was read; all of a revision count as read with `u32::MAX`.
    position: (u64, u32),
    snapshots: watch::Receiver<Arc<Snapshot>>,
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
}

impl Events {
    pub(crate) fn new(
        since: Option<(u64, u32)>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        store: Arc<dyn Store>,
        settings: Arc<Settings>,
    ) -> Result<Self, EventsError> {
        let newest = snapshots.borrow().clone();
        let mut position = since.unwrap_or((newest.revision, u32::MAX));
        if position.0 > newest.revision {
            return Err(EventsError::Gone { since: position.0, oldest: newest.trimmed });
        }
        if newest.is_last_event(position) {
            position.1 = u32::MAX;
        }
        newest.check(position)?;
        Ok(Self { position, snapshots, store, settings })
    }

    /// The next event. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Event, EventsError> {
        let (snapshot, place) = loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            snapshot.check(self.position)?;
            if let Some(place) = snapshot.event_after(self.position) {
                break (snapshot, place);
            }
            self.snapshots.changed().await.map_err(|_| EventsError::Closed)?;
        };
        let key = Key::Event(place.0, place.1);
        let Some(bytes) = self.store.get(&key).await? else {
            // Trimmed since the snapshot was taken.
            return Err(EventsError::Gone { since: self.position.0, oldest: place.0 });
        };
        let event = event(place, decode(&key, &bytes)?, &self.settings);
        self.position = if snapshot.is_last_event(place) { (place.0, u32::MAX) } else { place };
        Ok(event)
    }
}

impl Snapshot {
    fn check(&self, position: (u64, u32)) -> Result<(), EventsError> {
        if position < (self.trimmed, u32::MAX) && self.trimmed > 0 {
            return Err(EventsError::Gone { since: position.0, oldest: self.trimmed });
        }
        Ok(())
    }

    fn is_last_event(&self, (revision, n): (u64, u32)) -> bool {
        self.events.get(&revision).copied() == n.checked_add(1)
    }

    fn event_after(&self, (revision, n): (u64, u32)) -> Option<(u64, u32)> {
        let next = n.checked_add(1).filter(|next| self.events.get(&revision).is_some_and(|count| next < count));
        match next {
            Some(n) => Some((revision, n)),
            None => self.events.iter(Some(&(revision + 1))).next().map(|(revision, _)| (*revision, 0)),
        }
    }
}

fn event((revision, n): (u64, u32), record: EventRecord<'_>, settings: &Settings) -> Event {
    let kind = |name: &str| settings.kind(name);
    let upstream = UpstreamId::from(&*record.id);
    let object = match record.object {
        ObjectRecord::Upstream { upstream: record, functions } => {
            Object::Upstream(Box::new(record.into_upstream(upstream.clone(), |text| text.into(), kind)), functions)
        }
        ObjectRecord::Function { namespace, upstream, function } => Object::Function {
            namespace: namespace.into(),
            upstream: upstream.into(),
            function: Box::new(function.into_function(kind)),
        },
    };
    let change = match &*record.change {
        "added" => Change::Added,
        "removed" => Change::Removed,
        _ => Change::Changed,
    };
    Event { revision, n, at: time(record.at), change, upstream, object }
}
