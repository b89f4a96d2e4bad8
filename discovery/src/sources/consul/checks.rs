//! The checks that do not pass, as the watches of `health/state` list them: what differs between two lists tells which
//! services to read.

use std::collections::{BTreeSet, HashMap};

use super::wire::Check;

/// The checks of one state, as last listed.
#[derive(Default, Debug)]
pub(super) struct Checks(HashMap<(String, String), (String, u64)>);

/// Whom a change of checks concerns.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct Affected {
    /// Services of which a check came, went or changed.
    pub(super) services: BTreeSet<String>,
    /// Nodes of which one did, and so all services there.
    pub(super) nodes: BTreeSet<String>,
}

impl Checks {
    /// Takes a new list and says what differs from the last one. A check that left the state and came back between two lists
    /// differs too: its index has grown.
    pub(super) fn replace(&mut self, list: Vec<Check>) -> Affected {
        let mut affected = Affected::default();
        let mut known = std::mem::take(&mut self.0);
        for Check { node, check_id, service_name, modify_index } in list {
            let key = (node, check_id);
            let now = (service_name, modify_index);
            let before = known.remove(&key);
            if before.as_ref() != Some(&now) {
                affected.add(&key.0, &now.0);
                if let Some((service, _)) = before {
                    affected.add(&key.0, &service);
                }
            }
            self.0.insert(key, now);
        }
        for ((node, _), (service, _)) in known {
            affected.add(&node, &service);
        }
        affected
    }
}

impl Affected {
    fn add(&mut self, node: &str, service: &str) {
        if service.is_empty() {
            self.nodes.insert(node.to_owned());
        } else {
            self.services.insert(service.to_owned());
        }
    }
}
