//! Which Services use what beside themselves: a host, a ConfigMap.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The users of each thing.
#[derive(Default)]
pub(super) struct Users {
    of: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    changed: bool,
}

impl Users {
    /// `service` uses `now`, and `before` no more. Returns what nobody uses any more.
    pub(super) fn change<'b>(
        &mut self,
        service: &Arc<str>,
        before: Option<&'b Arc<str>>,
        now: Option<&Arc<str>>,
    ) -> Option<&'b Arc<str>> {
        if before == now {
            return None;
        }
        self.changed = true;
        if let Some(now) = now {
            self.of.entry(now.clone()).or_default().insert(service.clone());
        }
        let users = self.of.get_mut(before?)?;
        users.remove(service);
        if users.is_empty() {
            self.of.remove(before?);
            return before;
        }
        None
    }

    /// The Services that use `what`.
    pub(super) fn of(&self, what: &str) -> Option<&BTreeSet<Arc<str>>> {
        self.of.get(what)
    }

    /// All that is used, if that is something else than at the last call.
    pub(super) fn anew(&mut self) -> Option<impl Iterator<Item = Arc<str>>> {
        std::mem::take(&mut self.changed).then(|| self.of.keys().cloned())
    }
}
