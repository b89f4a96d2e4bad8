//! One place: an identity in a region. Lists its functions again and again, and in between reads what lists do not tell: versions,
//! aliases, URLs, first of what changed, then of all others in rounds.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use catalog::CatalogError;
use catalog::model::Kind;
use jiff::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep_until};

use super::client::Client;
use super::describe::describe;
use super::given::Onto;
use super::held::Held;
use super::known::{Function, Known, LIST_TAGS, Tagged};
use super::limits;
use super::settings::{Settings, Versions};
use super::standing::Standing;
use crate::aws::{AwsError, Lane, Place, Trouble};
use crate::backoff::jitter;
use crate::{Reports, SourceError};

/// The kind of all that is listed here.
static LAMBDA: Kind = Kind::new("lambda");

/// One place, with what is known of it.
pub(crate) struct Region {
    pub(super) place: Place,
    /// What it is called where the source's state is shown.
    pub(crate) key: Arc<str>,
    known: Mutex<Known>,
}

/// Who is told.
pub(crate) struct Told<'a> {
    pub(crate) reports: &'a Reports,
    pub(crate) standing: &'a watch::Sender<Standing>,
    pub(crate) settings: &'a Settings,
}

impl Region {
    pub(super) fn new(place: Place) -> Self {
        Self::called(place.name().into(), place)
    }

    pub(crate) fn called(key: Arc<str>, place: Place) -> Self {
        Self { key, place, known: Mutex::default() }
    }

    /// Watches until the catalog is gone, and tells that what functions these `upstreams` have: others, when there are others, as soon as
    /// there are. What fails here is told, and tried again.
    pub(crate) async fn watch(
        &self,
        told: &Told<'_>,
        mut upstreams: watch::Receiver<Arc<[Onto]>>,
    ) -> Result<Infallible, SourceError> {
        let mut known = self.known.lock().await;
        if known.held.is_none() {
            let upstreams = upstreams.borrow_and_update().clone();
            let held = upstreams.iter().flat_map(|upstream| told.reports.held_functions(&upstream.key, &LAMBDA));
            known.held = Some(Held::each(held));
        }
        let (client, now) = (Client::new(self.place.clone()), Instant::now());
        let mut watch = Watch {
            key: &self.key,
            upstreams,
            client: &client,
            known: &mut known,
            told,
            list_at: now,
            read_at: now,
            tell_at: None,
            failures: 0,
        };
        loop {
            watch.step().await?;
        }
    }
}

/// A watch that runs.
struct Watch<'a> {
    key: &'a Arc<str>,
    upstreams: watch::Receiver<Arc<[Onto]>>,
    client: &'a Client,
    known: &'a mut Known,
    told: &'a Told<'a>,
    /// When to list again.
    list_at: Instant,
    /// Before this nothing else is read, because reading failed.
    read_at: Instant,
    /// When to tell the catalog what is new.
    tell_at: Option<Instant>,
    /// How many lists or readings failed in a row.
    failures: u32,
}

/// A call could not be made now; later it may.
struct Later;

impl Watch<'_> {
    /// Does what is due, one thing, or waits for it.
    async fn step(&mut self) -> Result<(), SourceError> {
        let now = Instant::now();
        if self.upstreams.has_changed().is_ok_and(|has| has) {
            self.upstreams.mark_unchanged();
            // Of what is known nobody waits for AWS.
            self.tell_at = self.known.listed.map(|_| now);
        }
        if self.tell_at.is_some_and(|at| at <= now) {
            return self.tell().await;
        }
        if self.list_at <= now {
            self.list().await;
            return Ok(());
        }
        // There is nothing to read before the first list.
        let may_read = self.read_at <= now && self.known.listed.is_some();
        if may_read && let Some((lane, name)) = self.known.next(now, self.told.settings) {
            match self.read(lane, &name).await {
                Ok(()) => self.known.is_done(&name),
                // One that fails again and again says nothing of others.
                Err(Later) if self.known.fails(&name, Instant::now()) => {
                    self.failures += 1;
                    self.read_at = Instant::now() + limits::BACKOFF.ceiling(self.failures);
                }
                Err(Later) => {}
            }
            return Ok(());
        }
        if !self.known.is_behind() && self.known.listed.is_some() {
            self.known.begin_rounds(now);
        }
        let reading = self.known.due(now, self.told.settings.round).map(|due| due.max(self.read_at));
        let next = [Some(self.list_at), self.tell_at, reading.filter(|_| self.known.listed.is_some())];
        tokio::select! {
            () = sleep_until(next.into_iter().flatten().min().unwrap_or(self.list_at)) => {}
            Ok(()) = self.upstreams.changed() => self.upstreams.mark_changed(),
        }
        Ok(())
    }

    async fn list(&mut self) {
        let listed = self.client.functions().await;
        match listed {
            Ok(all) => {
                self.failures = 0;
                self.known.list(all);
                self.list_tags().await;
                self.known.queue(self.told.settings);
                // Tags may have taken longer than the interval, and between two lists there is to be time to read.
                let now = Instant::now();
                self.list_at = now + jitter(self.told.settings.interval);
                self.tell_at = Some(now);
                self.told.reports.part(self.key, None);
                self.told.standing.send_if_modified(|standing| standing.answers(self.key));
            }
            Err(error) => {
                self.failures += 1;
                let wait = limits::BACKOFF.wait(self.failures);
                if self.failures == 1 {
                    tracing::warn!(place = %self.key, %error, act = %error.act, "aws.list_failed");
                }
                self.list_at = Instant::now() + wait;
                self.told.reports.part(self.key, Some(error.told()));
                self.told.standing.send_if_modified(|standing| standing.fails(self.key, &error));
            }
        }
    }

    /// All tags at once. Where that fails, each function is asked for its own, later.
    async fn list_tags(&mut self) {
        let answer = self.client.all_tags().await;
        self.show("GetResources", answer.as_ref().err());
        self.known.no_bulk = answer.is_err();
        if let Ok(all) = answer {
            self.show(LIST_TAGS, None);
            self.known.refusals.forget(LIST_TAGS);
            self.known.tag(all);
        }
    }

    /// Reads what a list does not tell of one function, and writes each answer down as it comes. The futures of the SDK are large,
    /// and so they are boxed.
    async fn read(&mut self, lane: Lane, name: &str) -> Result<(), Later> {
        let Some(function) = self.known.functions.get(name) else { return Ok(()) };
        let (arn, revision) = (function.latest.arn.clone(), function.latest.revision.clone());
        let client = self.client;
        if self.known.no_bulk || !matches!(self.known.tags(function), Tagged::Known(_)) {
            let asked = self.may(LIST_TAGS, name).then(|| Box::pin(client.tags(lane, &arn)));
            let tags = self.answer(LIST_TAGS, name, asked).await?;
            self.learned(name, |function| &mut function.tags, tags);
        }
        if self.told.settings.versions > Versions::Latest {
            const VERSIONS: &str = "ListVersionsByFunction";
            const ALIASES: &str = "ListAliases";
            let asked = self.may(VERSIONS, name).then(|| Box::pin(client.versions(lane, name)));
            let versions = self.answer(VERSIONS, name, asked).await?;
            self.learned(name, |function| &mut function.versions, versions);
            let asked = self.may(ALIASES, name).then(|| Box::pin(client.aliases(lane, name)));
            let aliases = self.answer(ALIASES, name, asked).await?;
            self.learned(name, |function| &mut function.aliases, aliases);
        }
        let aliases = self.known.aliases(name).iter().map(|alias| alias.name.clone());
        self.read_urls(lane, name, [String::new()].into_iter().chain(aliases).collect()).await?;
        self.failures = 0;
        if let Some(function) = self.known.functions.get_mut(name) {
            function.read = Some((revision, Timestamp::now()));
        }
        Ok(())
    }

    /// Reads the URLs of a function and its aliases; those without an answer stay as they are.
    async fn read_urls(&mut self, lane: Lane, name: &str, aliases: BTreeSet<String>) -> Result<(), Later> {
        const URL: &str = "GetFunctionUrlConfig";
        let client = self.client;
        let mut urls = self.known.urls(name).cloned().unwrap_or_default();
        urls.retain(|alias, _| aliases.contains(alias));
        let mut all = Ok(());
        for alias in aliases {
            let qualifier = Some(&*alias).filter(|alias| !alias.is_empty());
            let asked = self.may(URL, name).then(|| Box::pin(client.url(lane, name, qualifier)));
            match self.answer(URL, name, asked).await {
                Ok(Some(Some(url))) => _ = urls.insert(alias, url),
                Ok(Some(None)) => _ = urls.remove(&alias),
                Ok(None) => {}
                Err(Later) => {
                    all = Err(Later);
                    break;
                }
            }
        }
        self.learned(name, |function| &mut function.urls, Some(urls));
        all
    }

    /// Writes down what was read of a function, if it was.
    fn learned<T: PartialEq>(&mut self, name: &str, field: fn(&mut Function) -> &mut Option<T>, read: Option<T>) {
        let Some(field) = self.known.functions.get_mut(name).map(field) else { return };
        if read.is_some() && *field != read {
            *field = read;
            let now = Instant::now();
            let at = if self.known.is_behind() { now + limits::GATHER } else { now };
            self.tell_at.get_or_insert(at);
        }
    }

    fn may(&self, action: &str, name: &str) -> bool {
        self.known.refusals.may_ask(action, name)
    }

    /// The answer of a call that was `asked` about a function. What AWS refuses is not asked again before the next round, and is
    /// `None` like what was not asked.
    async fn answer<T>(
        &mut self,
        action: &'static str,
        name: &str,
        asked: Option<impl Future<Output = Result<T, AwsError>>>,
    ) -> Result<Option<T>, Later> {
        let Some(asked) = asked else {
            self.known.refusals.pass_over(action, name);
            return Ok(None);
        };
        match asked.await {
            Ok(answer) => {
                self.known.refusals.allow(action, name);
                // While it is refused of another function, it fails.
                if !self.known.refusals.is_any(action) {
                    self.show(action, None);
                }
                Ok(Some(answer))
            }
            Err(error) => {
                self.show(action, Some(&error));
                let is_refused = matches!(error.trouble, Trouble::Denied | Trouble::Refused | Trouble::Unreadable);
                if !is_refused {
                    return Err(Later);
                }
                self.known.refusals.refuse(action, name);
                Ok(None)
            }
        }
    }

    /// Shows that one call fails in this place, or does no more.
    fn show(&self, action: &str, error: Option<&AwsError>) {
        self.told.reports.part(&format!("{} {action}", self.key), error.map(AwsError::told));
    }

    /// Tells the catalog all that is known.
    async fn tell(&mut self) -> Result<(), SourceError> {
        let (reports, settings) = (self.told.reports, self.told.settings);
        let (description, left_out) = describe(self.known, settings);
        let left_out = left_out.into_iter().map(|(name, rule)| (format!("{} {name}", self.key), rule)).collect();
        self.told.standing.send_if_modified(|standing| standing.leaves_out(self.key, left_out));
        self.tell_at = None;
        let upstreams = self.upstreams.borrow().clone();
        for upstream in &*upstreams {
            let functions = upstream.describe(description.clone());
            let taken = tokio::select! {
                biased;
                // The catalog may never have this one, or have it as something else.
                Ok(()) = self.upstreams.changed() => {
                    self.upstreams.mark_changed();
                    return Ok(());
                }
                taken = reports.functions(&upstream.key, &LAMBDA, functions) => taken,
            };
            match taken {
                Ok(receipt) => {
                    if let Some(reason) = receipt.held_back {
                        tracing::warn!(place = %self.key, "{reason}");
                    }
                }
                Err(CatalogError::Closed) => return Err(CatalogError::Closed.into()),
                // Nothing is lost: all of it is told again.
                Err(error) => {
                    tracing::debug!(place = %self.key, %error, "aws.not_taken");
                    self.tell_at = Some(Instant::now() + limits::GATHER);
                }
            }
        }
        let details = self.known.details_as_of(settings);
        for (part, read) in [("functions", self.known.listed), ("tags", self.known.tagged), ("details", details)] {
            if let Some(read) = read {
                reports.as_of(&format!("{} {part}", self.key), read);
            }
        }
        Ok(())
    }
}
