//! What is known of the functions in one place, and what is to be read next. Outlives a run, so that one that broke does not read
//! thousands of versions again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::filter::Tags;
use super::held::Held;
use super::limits;
use super::map::{Alias, Configuration, Url};
use super::refusals::Refusals;
use super::settings::Settings;
use crate::aws::Lane;

/// The call that reads the tags of one function.
pub(super) const LIST_TAGS: &str = "ListTags";

/// All that is known.
#[derive(Default)]
pub(super) struct Known {
    /// By name, as the last whole list has them.
    pub(super) functions: BTreeMap<String, Function>,
    /// What the catalog had at the start of those that are not read yet; `None` before that was asked for.
    pub(super) held: Option<BTreeMap<String, Held>>,
    /// The last answer for all tags at once, by the ARN of those that were listed when it came.
    all_tags: BTreeMap<String, Tags>,
    /// Whether the newest question for all tags failed, so that each function is asked for its own.
    pub(super) no_bulk: bool,
    /// What AWS refuses; it is asked again in the next round.
    pub(super) refusals: Refusals,
    /// When the list was read.
    pub(super) listed: Option<Timestamp>,
    /// When all tags were.
    pub(super) tagged: Option<Timestamp>,
    changed: BTreeSet<String>,
    /// Those that could not be read, with how often and when they are read again. None of them holds up another.
    failed: BTreeMap<String, Failed>,
    round: VecDeque<String>,
    round_began: Option<Instant>,
}

/// One function. What is `None` was not read yet.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) latest: Configuration,
    pub(super) versions: Option<Vec<Configuration>>,
    pub(super) aliases: Option<Vec<Alias>>,
    /// By alias; the function's own under the empty name.
    pub(super) urls: Option<BTreeMap<String, Url>>,
    /// Its own answer, where they are not read in bulk.
    pub(super) tags: Option<Tags>,
    /// At which revision the details were read, and when.
    pub(super) read: Option<(String, Timestamp)>,
}

/// When a function that could not be read is read again.
struct Failed {
    times: u32,
    again: Instant,
}

/// What is known of a function's tags.
pub(super) enum Tagged<'a> {
    /// These.
    Known(&'a Tags),
    /// They are still to be read.
    Pending,
    /// AWS does not tell them.
    Refused,
}

impl Known {
    /// Takes a whole list.
    pub(super) fn list(&mut self, all: Vec<Configuration>) {
        let mut before = std::mem::take(&mut self.functions);
        self.functions = all
            .into_iter()
            .map(|latest| match before.remove(&latest.name) {
                Some(known) => (latest.name.clone(), Function { latest, ..known }),
                None => (latest.name.clone(), Function::new(latest)),
            })
            .collect();
        // One that is made again has nothing of the one before.
        self.held.iter_mut().for_each(|held| held.retain(|name, _| self.functions.contains_key(name)));
        self.refusals.retain(|name| self.functions.contains_key(name));
        self.failed.retain(|name, _| self.functions.contains_key(name));
        let arns: BTreeSet<_> = self.functions.values().map(|function| function.latest.arn.as_str()).collect();
        self.all_tags.retain(|arn, _| arns.contains(arn.as_str()));
        self.listed = Some(Timestamp::now());
    }

    /// Takes all tags at once, which replace what functions were asked for on their own. Of those that are listed now, who is not
    /// among them has none; of those that come later nothing is known.
    pub(super) fn tag(&mut self, mut all: BTreeMap<String, Tags>) {
        for function in self.functions.values_mut() {
            function.tags = None;
            let arn = &function.latest.arn;
            self.all_tags.insert(arn.clone(), all.remove(arn).unwrap_or_default());
        }
        self.tagged = Some(Timestamp::now());
    }

    /// Notes whose details are to be read soon: those that are listed and were not read at their present revision.
    pub(super) fn queue(&mut self, settings: &Settings) {
        let changed = self.functions.iter().filter(|(name, function)| {
            let is_read = function.read.as_ref().is_some_and(|(revision, _)| *revision == function.latest.revision);
            !is_read && !self.failed.contains_key(*name) && self.is_wanted(function, settings)
        });
        self.changed = changed.map(|(name, _)| name.clone()).collect();
    }

    /// Whether a function is listed, as far as is known.
    fn is_wanted(&self, function: &Function, settings: &Settings) -> bool {
        let by_tags = match self.tags(function) {
            Tagged::Known(tags) => settings.refuses_tags(tags),
            Tagged::Pending | Tagged::Refused => None,
        };
        by_tags.is_none() && settings.refuses_name(&function.latest.name).is_none()
    }

    /// The function whose details are read next, and how urgent that is: what changed goes before what failed, and that before all
    /// others, which come in rounds.
    pub(super) fn next(&mut self, now: Instant, settings: &Settings) -> Option<(Lane, String)> {
        if let Some(name) = self.changed.pop_first() {
            return Some((Lane::Fast, name));
        }
        let due = self.failed.iter().filter(|(_, failed)| failed.again <= now).min_by_key(|(_, failed)| failed.again);
        if let Some(name) = due.map(|(name, _)| name.clone()) {
            return Some((Lane::Slow, name));
        }
        if self.round.is_empty() && self.round_due(settings.round).is_some_and(|due| due <= now) {
            let wanted = self
                .functions
                .iter()
                .filter(|(name, function)| !self.failed.contains_key(*name) && self.is_wanted(function, settings));
            let mut round: Vec<_> = wanted.map(|(name, _)| name.clone()).collect();
            round.sort_by_key(|name| self.refusals.last(name));
            self.round = round.into();
            self.round_began = Some(now);
            self.refusals.begin_round();
        }
        self.round.pop_front().map(|name| (Lane::Slow, name))
    }

    /// Whether something that changed is still to be read.
    pub(super) fn is_behind(&self) -> bool {
        !self.changed.is_empty()
    }

    /// A function could not be read: it comes again in its own time. Returns whether it could before.
    pub(super) fn fails(&mut self, name: &str, now: Instant) -> bool {
        let failed = self.failed.entry(name.to_owned()).or_insert(Failed { times: 0, again: now });
        failed.times += 1;
        failed.again = now + limits::BACKOFF.ceiling(failed.times);
        failed.times == 1
    }

    /// All of a function was read, or nothing more is to be.
    pub(super) fn is_done(&mut self, name: &str) {
        self.failed.remove(name);
    }

    /// When there is something to read.
    pub(super) fn due(&self, now: Instant, round: Duration) -> Option<Instant> {
        match self.changed.is_empty() && self.round.is_empty() {
            true => self.failed.values().map(|failed| failed.again).chain(self.round_due(round)).min(),
            false => Some(now),
        }
    }

    /// When the next round begins; the first one after all was read once.
    fn round_due(&self, round: Duration) -> Option<Instant> {
        Some(self.round_began? + round)
    }

    /// All was read once: from now on there are rounds.
    pub(super) fn begin_rounds(&mut self, now: Instant) {
        self.round_began.get_or_insert(now);
    }

    /// What is known of a function's tags.
    pub(super) fn tags<'a>(&'a self, function: &'a Function) -> Tagged<'a> {
        let in_bulk = || self.all_tags.get(&function.latest.arn);
        let own = function.tags.as_ref().filter(|_| self.no_bulk);
        match own.or_else(in_bulk) {
            Some(tags) => Tagged::Known(tags),
            None if self.refusals.is_refused(LIST_TAGS, &function.latest.name) => Tagged::Refused,
            None => Tagged::Pending,
        }
    }

    /// What is known of a function's aliases.
    pub(super) fn aliases(&self, name: &str) -> &[Alias] {
        let held = || Some(&*self.held.as_ref()?.get(name)?.aliases);
        let read = self.functions.get(name).and_then(|function| function.aliases.as_deref());
        read.or_else(held).unwrap_or_default()
    }

    /// What is known of a function's URLs, by alias.
    pub(super) fn urls(&self, name: &str) -> Option<&BTreeMap<String, Url>> {
        let held = || self.held.as_ref()?.get(name).map(|held| &held.urls);
        self.functions.get(name)?.urls.as_ref().or_else(held)
    }

    /// When the oldest details were read; `None` while some were not.
    pub(super) fn details_as_of(&self, settings: &Settings) -> Option<Timestamp> {
        let wanted = self.functions.values().filter(|function| self.is_wanted(function, settings));
        let read = wanted.map(|function| function.read.as_ref().map(|(_, at)| *at));
        read.min().flatten()
    }
}

impl Function {
    fn new(latest: Configuration) -> Self {
        Self { latest, versions: None, aliases: None, urls: None, tags: None, read: None }
    }
}
