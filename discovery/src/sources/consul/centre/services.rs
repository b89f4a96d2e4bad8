//! What a data centre's answers change: which services there are, which are to be read, and what a read says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::{Instant, timeout};

use super::super::belief::Missing;
use super::super::checks::Affected;
use super::super::client::Answer;
use super::super::error::ConsulError;
use super::super::map::{CONSUL, Part, Reading};
use super::super::queue::Rank;
use super::super::wire::{Check, Entry, Services};
use super::{Addresses, Centre, Start, watch_path};
use crate::sources::hosts::FIRST_ANSWERS;

/// What is known of a service beside what the view says.
#[derive(Default)]
pub(super) struct Known {
    pub(super) tags: Vec<String>,
    pub(super) nodes: BTreeSet<String>,
    /// The index of the last read.
    pub(super) index: u64,
    /// The last read, where it has hosts: they are resolved again and again.
    pub(super) reading: Option<Reading>,
    /// Its hosts are being resolved: once at a time, or those that do not answer would queue up.
    resolving: bool,
    /// When it changed last, in changes.
    pub(super) changed: u64,
    /// Listed, and yet read without an instance.
    pub(super) empty: bool,
    /// Not listed, and not believed gone.
    pub(super) missing: bool,
}

impl Centre<'_> {
    /// The list was answered.
    pub(super) fn listed(&mut self, answer: Answer<Services>) -> Result<(), ConsulError> {
        let first = matches!(self.start, Start::Listing);
        let is_news = std::mem::replace(&mut self.index, answer.index) != answer.index;
        let again = std::mem::take(&mut self.listing) || is_news;
        let known = || self.services.iter().filter(|(_, known)| !known.missing).map(|(name, _)| name);
        let missing: Vec<_> = known().filter(|name| !answer.body.contains_key(&***name)).cloned().collect();
        let counts = (missing.len(), known().count());
        let verdict = self.tools.view.judge(self.at, &answer, counts, first);
        let act = || format!("read the services of data centre {}", self.name);
        match verdict.map_err(|cause| ConsulError::new(act(), cause))? {
            Missing::Gone => self.forget(missing),
            Missing::Doubted(until) if !missing.is_empty() => {
                tracing::warn!(data_centre = %self.name, services = missing.len(), "Consul has lost services; they are kept for now");
                self.doubt = Some(until);
                for name in &missing {
                    self.known(name, |known| known.missing = true);
                    // What it is told meanwhile is passed over; one that comes back is asked for anew.
                    self.warm.stop(name);
                }
            }
            Missing::Doubted(_) => {}
        }
        let listed: Vec<Arc<str>> = answer
            .body
            .into_iter()
            // A name that cannot stand in a path cannot be read.
            .filter(|(name, _)| name != CONSUL && name != "." && name != ".." && !name.is_empty())
            .map(|(name, tags)| self.present(name.into(), tags.unwrap_or_default(), first, again))
            .collect();
        let doubted = self.services.iter().filter(|(_, known)| known.missing).map(|(name, _)| name.clone());
        self.tools.view.doubt(self.at, doubted.collect());
        match first {
            true => {
                self.rounds.begin(Instant::now());
                self.start = Start::Reading(listed.into_iter().collect());
                self.started();
            }
            false => {
                if is_news {
                    self.rounds.want();
                }
                self.keep_warm();
            }
        }
        if self.at == 0 && matches!(self.start, Start::Done) {
            self.tools.catalog.alive();
        }
        Ok(())
    }

    /// The list was answered without waiting for a change.
    pub(super) fn swept(&mut self, answer: Answer<Services>) -> Result<(), ConsulError> {
        // Of a change the watch tells, and one that is told of both ways would be taken for a step back.
        if answer.index == self.index { self.listed(answer) } else { Ok(()) }
    }

    /// `name` is listed with `tags`. It is read at once if that is news, and `again` if it had no instance.
    fn present(&mut self, name: Arc<str>, mut tags: Vec<String>, first: bool, again: bool) -> Arc<str> {
        tags.sort();
        let new = !self.services.contains_key(&name);
        let known = self.services.entry(name.clone()).or_default();
        let news = new || known.missing || (known.empty && again) || known.tags != tags;
        known.tags = tags;
        known.missing = false;
        match (first, news) {
            (true, _) => self.queue.ask(&name, Rank::Round),
            (false, true) => self.queue.ask(&name, Rank::Urgent),
            (false, false) => {}
        }
        name
    }

    /// The checks of a state were answered.
    pub(super) fn checked(&mut self, state: usize, answer: Answer<Vec<Check>>) {
        let Some(Affected { services, nodes }) = self.checks[state].take(answer) else {
            // Something happened that the token may not see, or that was over before it could be listed.
            return self.rounds.want();
        };
        for (name, known) in &self.services {
            if services.contains(&**name) || !known.nodes.is_disjoint(&nodes) {
                self.queue.ask(name, Rank::Urgent);
            }
        }
    }

    /// `service` was read.
    pub(super) fn read(&mut self, service: &Arc<str>, told: Answer<Vec<Entry>>) {
        let Some(known) = self.services.get_mut(service).filter(|known| !known.missing) else { return };
        known.index = told.index;
        if told.body.is_empty() {
            return self.read_empty(service);
        }
        let reading = Reading::of(told.body);
        known.empty = false;
        known.nodes.clone_from(&reading.nodes);
        if reading.names().is_empty() {
            known.reading = None;
            return self.put(service, reading.resolved(&BTreeMap::new()));
        }
        known.reading = Some(reading);
        self.resolve(service);
    }

    /// Resolves the hosts of `service`, as it was last read.
    pub(super) fn resolve(&mut self, service: &Arc<str>) {
        let Some(known) = self.services.get_mut(service).filter(|known| !known.missing && !known.resolving) else {
            return;
        };
        let Some(names) = known.reading.as_ref().map(Reading::names) else { return };
        known.resolving = true;
        let (service, resolver) = (service.clone(), self.tools.resolver);
        let is_waited_for = match &self.start {
            Start::Listing => true,
            Start::Reading(left) => left.contains(&service),
            Start::Done => false,
        };
        self.resolving.push(Box::pin(async move {
            let addresses = resolver.addresses(names);
            let addresses = match is_waited_for {
                true => timeout(FIRST_ANSWERS, addresses).await.ok(),
                false => Some(addresses.await),
            };
            (service, addresses)
        }));
    }

    /// Hosts of `service` have these addresses, or take too long for the first list: then what was known of it stays, and they are
    /// asked for once more.
    pub(super) fn resolved(&mut self, service: &Arc<str>, addresses: Option<Addresses>) {
        let Some(known) = self.services.get_mut(service) else { return };
        known.resolving = false;
        let Some(addresses) = addresses else {
            self.was_read(service);
            return self.resolve(service);
        };
        let Some(reading) = &known.reading else { return };
        if reading.names().iter().all(|name| addresses.contains_key(name)) {
            let part = reading.clone().resolved(&addresses);
            return self.put(service, part);
        }
        // It was read again meanwhile, and has other hosts.
        self.resolve(service);
    }

    /// `service` is listed and has no instance. Either it is gone by now, which the list says that is asked for anew, or the
    /// token may not read the nodes: that is no proof of anything.
    fn read_empty(&mut self, service: &Arc<str>) {
        let mut again = false;
        self.known(service, |known| again = std::mem::replace(&mut known.empty, true));
        if again {
            tracing::debug!(%service, data_centre = %self.name, "listed without an instance: is node:read missing?");
            self.was_read(service);
        } else if !self.listing {
            self.listing = true;
            self.list = watch_path(self.tools.client, &self.name, &["catalog", "services"], 0);
        }
    }

    /// This is what is now known of `service`.
    pub(super) fn put(&mut self, service: &Arc<str>, part: Part) {
        if self.tools.view.put(self.at, service, part) {
            self.changes += 1;
            let changes = self.changes;
            self.known(service, |known| known.changed = changes);
        }
        self.was_read(service);
    }

    /// These are gone.
    pub(super) fn forget(&mut self, gone: Vec<Arc<str>>) {
        if gone.is_empty() {
            return;
        }
        for service in &gone {
            self.services.remove(service);
            self.warm.stop(service);
        }
        self.tools.view.remove(self.at, &gone);
        gone.iter().for_each(|service| self.was_read(service));
    }

    fn was_read(&mut self, service: &Arc<str>) {
        if let Start::Reading(left) = &mut self.start {
            left.remove(service);
            self.started();
        }
    }

    fn started(&mut self) {
        if matches!(&self.start, Start::Reading(left) if left.is_empty()) {
            self.start = Start::Done;
            self.tools.view.complete(self.at);
            self.tools.catalog.part(&self.name, None);
            self.keep_warm();
        }
    }

    /// Has queries of their own for the services in use.
    pub(super) fn keep_warm(&mut self) {
        if !matches!(self.start, Start::Done) {
            return;
        }
        let Self { tools, name, services, warm, .. } = self;
        warm.keep(|service| {
            let known = services.get(service).filter(|known| !known.missing)?;
            Some(watch_path(tools.client, name, &["health", "service", service], known.index))
        });
    }

    fn known(&mut self, service: &Arc<str>, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.services.get_mut(service) {
            change(known);
        }
    }
}
