//! Lanes: the live state of one upstream on one worker. They outlive snapshots: a change of the catalog resets no rotation.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::rc::Rc;

use catalog::Snapshot;
use catalog::model::{EndpointSet, UpstreamId};

use crate::hash::Quick;
use crate::limits;

/// The lanes of a worker.
#[derive(Default)]
pub(crate) struct Lanes(RefCell<HashMap<UpstreamId, Rc<Lane>>>);

impl Lanes {
    /// The lane to an upstream.
    pub(crate) fn to(&self, id: &UpstreamId, start: usize) -> Rc<Lane> {
        let lane = || Rc::new(Lane { id: id.clone(), next: Cell::new(start), seen: RefCell::default() });
        self.0.borrow_mut().entry(id.clone()).or_insert_with(lane).clone()
    }

    /// Drops lanes that no plan uses any more, and tells the others of `snapshot`; `gone` hears of each address that left.
    pub(crate) fn sweep(&self, snapshot: &Snapshot, gone: impl Fn(&SocketAddr)) {
        self.0.borrow_mut().retain(|_, lane| Rc::strong_count(lane) > 1);
        self.0.borrow().values().for_each(|lane| lane.look(snapshot, &gone));
    }

    /// Takes from `lost` each address at which an upstream has an endpoint. Costs no more than the shorter of both, for each lane.
    pub(crate) fn keep(&self, lost: &mut HashSet<SocketAddr, Quick>) {
        for lane in self.0.borrow().values() {
            let endpoints = &lane.seen.borrow().1;
            match endpoints.all().len() <= lost.len() {
                true => endpoints.all().iter().for_each(|endpoint| _ = lost.remove(&endpoint.address)),
                false => lost.retain(|address| !has(endpoints, address)),
            }
        }
    }
}

/// One upstream's live state.
pub(crate) struct Lane {
    id: UpstreamId,
    next: Cell<usize>,
    /// The generation that was seen last, and the endpoints that it has.
    seen: RefCell<(u64, EndpointSet)>,
}

impl Lane {
    /// The next turn among the endpoints that `snapshot` has. `gone` hears of each address that left since the last look.
    pub(crate) fn turn(&self, snapshot: &Snapshot, gone: impl Fn(&SocketAddr)) -> Turn {
        self.look(snapshot, &gone);
        let seen = self.seen.borrow();
        let endpoints = match seen.0 == snapshot.generation {
            true => seen.1.clone(),
            // A request that waited for its plan keeps the older snapshot that it began with.
            false => snapshot.endpoints(&self.id).cloned().unwrap_or_default(),
        };
        let at = self.next.get();
        self.next.set(at.wrapping_add(1));
        Turn { endpoints, at }
    }

    fn look(&self, snapshot: &Snapshot, gone: &impl Fn(&SocketAddr)) {
        if self.seen.borrow().0 >= snapshot.generation {
            return;
        }
        let endpoints = snapshot.endpoints(&self.id).cloned().unwrap_or_default();
        let (_, before) = self.seen.replace((snapshot.generation, endpoints.clone()));
        if endpoints.all().as_ptr() != before.all().as_ptr() {
            before.all().iter().map(|e| &e.address).filter(|address| !has(&endpoints, address)).for_each(gone);
        }
    }
}

fn has(endpoints: &EndpointSet, address: &SocketAddr) -> bool {
    endpoints.all().binary_search_by_key(address, |endpoint| endpoint.address).is_ok()
}

/// One request's turn.
pub(crate) struct Turn {
    endpoints: EndpointSet,
    at: usize,
}

impl Turn {
    /// The endpoints to try, in this order: each once, at most [`limits::ATTEMPTS`].
    pub(crate) fn attempts(&self) -> impl Iterator<Item = SocketAddr> {
        let usable = self.endpoints.usable();
        let mut tried = [None; limits::ATTEMPTS];
        let mut count = 0;
        let in_turn = (0..usable.len()).map(move |n| usable[(self.at % usable.len() + n) % usable.len()]);
        in_turn.filter(move |address| {
            let new = count < tried.len() && !tried[..count].contains(&Some(*address));
            if new {
                tried[count] = Some(*address);
                count += 1;
            }
            new
        })
    }
}

#[cfg(test)]
mod tests {
    use catalog::model::Endpoint;

    use super::*;

    fn at(ports: &[u16]) -> EndpointSet {
        EndpointSet::new(ports.iter().map(|port| Endpoint::at(([127, 0, 0, 1], *port).into())).collect())
    }

    fn ports(turn: &Turn) -> Vec<u16> {
        turn.attempts().map(|a| a.port()).collect()
    }

    #[test]
    fn what_an_upstream_has_is_kept() {
        let lanes = Lanes::default();
        for (name, ports) in [("a", &[1, 2, 3, 4][..]), ("b", &[5])] {
            let lane = lanes.to(&UpstreamId::from(name), 0);
            lane.seen.borrow_mut().1 = at(ports);
        }
        for (lost, expected) in [(&[2][..], &[][..]), (&[6], &[6]), (&[1, 2, 5, 6, 7], &[6, 7])] {
            let mut left = lost.iter().map(|port| ([127, 0, 0, 1], *port).into()).collect();
            lanes.keep(&mut left);
            let mut left: Vec<u16> = left.iter().map(SocketAddr::port).collect();
            left.sort_unstable();
            assert_eq!(left, expected, "{lost:?}");
        }
    }

    #[test]
    fn a_turn_tries_each_endpoint_once_and_only_so_many() {
        for (usable, at_, expected) in
            [(&[][..], 5, &[][..]), (&[1], 5, &[1]), (&[1, 2], 1, &[2, 1]), (&[1, 2, 3, 4, 5], 3, &[4, 5, 1])]
        {
            assert_eq!(ports(&Turn { endpoints: at(usable), at: at_ }), expected, "{usable:?} at {at_}");
        }
        let weighted =
            [(1, 3), (2, 1)].map(|(port, weight)| Endpoint { weight, ..Endpoint::at(([127, 0, 0, 1], port).into()) });
        assert_eq!(ports(&Turn { endpoints: EndpointSet::new(weighted.into()), at: 0 }).len(), 2);
        assert_eq!(ports(&Turn { endpoints: at(&[1, 2, 3]), at: usize::MAX }).len(), 3, "the counter may wrap");
    }
}
