//! Consul: what is registered in its catalog, with the health that it knows.
//!
//! Promises that an instance with a failing check, a new service and a lost one are reported as soon as Consul tells, that a new
//! instance of a service in use is too, and of any other within a round (30 s at most); that no more than 128 connections go to
//! the agent; and that what a list lacks because rights or data were lost is kept for five minutes, if anything shows that: an index that
//! did not grow, a token that begins to hide something, more than half gone at once.
//!
//! Reads in Consul's default consistency: a follower that lags (`stale`) could answer a read with what was before the change that
//! a watch has just told of. Refuses to follow Consul's mesh: its proxies are left out, and so is Consul itself.

mod belief;
mod centre;
mod checks;
mod client;
mod error;
mod files;
mod limits;
mod map;
mod publish;
mod queue;
mod resolve;
mod settings;
#[cfg(test)]
mod tests;
mod view;
mod watch;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;

use catalog::CatalogError;
use catalog::model::SourceId;
use catalog::report::{Listed, Receipt, Report};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch::{Receiver, channel};
use tokio::time::{Instant, sleep};
use tokio_stream::StreamMap;

pub use self::settings::{Settings, SettingsError};

use self::centre::{Centre, Tools};
use self::client::Client;
use self::error::{Cause, ConsulError};
use self::resolve::Resolver;
use self::view::View;
use super::hosts::{self, Lookup};
use crate::{Reports, Source, SourceError};

/// The services that are called or that a route names, by their keys, the most wanted first. Those get a blocking query each.
pub type InUse = Arc<[Arc<str>]>;

/// The source `consul`.
pub struct Consul {
    id: SourceId,
    settings: Settings,
    in_use: Receiver<InUse>,
    view: View,
    resolver: Resolver,
}

impl Consul {
    /// Watches the agent that `settings` name, most closely the services `in_use`. Connects to nothing before it runs.
    pub fn new(id: SourceId, settings: Settings, in_use: Receiver<InUse>) -> Self {
        Self::resolved_by(hosts::system(), id, settings, in_use)
    }

    fn resolved_by(lookup: Lookup, id: SourceId, settings: Settings, in_use: Receiver<InUse>) -> Self {
        Self { id, settings, in_use, view: View::default(), resolver: Resolver::new(lookup) }
    }

    /// Watches until it breaks, and tells `catalog`.
    pub async fn tell(&self, catalog: &dyn Tell) -> Result<Infallible, SourceError> {
        tokio::select! {
            broken = self.watch(catalog) => Ok(broken?),
            refused = publish::publish(&self.view, catalog) => Ok(refused?),
        }
    }

    /// Watches until the local data centre fails twice in a row.
    async fn watch(&self, catalog: &dyn Tell) -> Result<Infallible, ConsulError> {
        let client = Client::new(&self.settings).await?;
        let tools = Tools { client: &client, view: &self.view, catalog, resolver: &self.resolver };
        let names = self.view.begin(&Self::data_centres(&client).await?, || catalog.held());
        let (count, counted) = channel(names.len());
        let mut running = StreamMap::new();
        for place in names.into_iter().enumerate() {
            running.insert(place.0, self.centre(tools, place, counted.clone()));
        }
        let mut later = Self::more_data_centres(&client);
        loop {
            tokio::select! {
                Some((_, Err(broken))) = running.next() => return Err(broken),
                Some(names) = later.next() => {
                    for (at, name) in self.view.listed(&names) {
                        running.remove(&at);
                        catalog.part(&name, None);
                    }
                    for place in self.view.add(&names) {
                        running.insert(place.0, self.centre(tools, place, counted.clone()));
                    }
                    count.send_if_modified(|count| std::mem::replace(count, running.len()) != running.len());
                }
            }
        }
    }

    /// One data centre. The local one ends with its failure, and the run with it; another is tried for as long as it is there.
    fn centre<'a>(
        &'a self,
        tools: Tools<'a>,
        place: (usize, Arc<str>),
        count: Receiver<usize>,
    ) -> BoxStream<'a, Result<Infallible, ConsulError>> {
        if place.0 == 0 {
            return stream::once(Centre::new(tools, place, self.in_use.clone(), count).watch()).boxed();
        }
        let watched = async move {
            let mut failures = 0;
            loop {
                let began = Instant::now();
                // The connections are for what is near: other data centres have no queries for single services.
                let none = channel(InUse::default()).1;
                let Err(error) = Centre::new(tools, place.clone(), none, count.clone()).watch().await;
                failures = if began.elapsed() > limits::REMOTE_BACKOFF.most { 1 } else { failures + 1 };
                if failures == 1 {
                    tracing::warn!("cannot {}: {error}", error.act);
                }
                tools.catalog.part(&place.1, Some(SourceError::from(error).to_string()));
                sleep(limits::REMOTE_BACKOFF.wait(failures)).await;
            }
        };
        stream::once(watched).boxed()
    }

    /// The data centres to begin with, the agent's own first.
    async fn data_centres(client: &Client) -> Result<Vec<Arc<str>>, ConsulError> {
        let local = match client.read::<wire::Agent>(&["agent", "self"], None).await {
            Ok(agent) => agent.body.config.datacenter,
            // Needs agent:read, which nothing else here does; the nearest is listed first.
            Err(ConsulError { cause: Cause::Forbidden(_), .. }) => String::new(),
            Err(error) => return Err(error),
        };
        let mut names = client.read::<Vec<String>>(&["catalog", "datacenters"], None).await?.body;
        match names.iter().position(|name| *name == local) {
            Some(at) => names[..=at].rotate_right(1),
            None if !local.is_empty() => names.insert(0, local),
            None => {}
        }
        if names.is_empty() {
            let cause = Cause::Unreadable("it names none".to_owned());
            return Err(ConsulError::new("read the data centres", cause));
        }
        Ok(names.into_iter().map(Arc::from).collect())
    }

    /// The data centres that Consul lists from time to time.
    fn more_data_centres(client: &Client) -> BoxStream<'_, Vec<Arc<str>>> {
        let lists = stream::unfold((), move |()| async move {
            sleep(crate::backoff::jitter(limits::DATA_CENTRES_EVERY)).await;
            let listed = client.read::<Vec<String>>(&["catalog", "datacenters"], None).await;
            // A failure shows in the watches of the local data centre, too.
            let names = listed.map(|answer| answer.body).unwrap_or_default();
            Some((names.into_iter().map(Arc::from).collect(), ()))
        });
        lists.boxed()
    }
}

impl Source for Consul {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        Box::pin(self.tell(reports))
    }
}

/// The catalog, as this source needs it.
pub trait Tell: Send + Sync {
    /// Hands a report to the catalog; returns when it is durable and visible.
    fn tell(&self, report: Report) -> BoxFuture<'_, Result<Receipt, CatalogError>>;

    /// What the catalog holds of this source.
    fn held(&self) -> Vec<Listed>;

    /// A data centre other than the local one cannot be read; `None` when it can be again.
    fn part(&self, data_centre: &str, failure: Option<String>);

    /// Consul answered, and what the catalog was told is as of now.
    fn alive(&self);
}

impl Tell for Reports {
    fn tell(&self, report: Report) -> BoxFuture<'_, Result<Receipt, CatalogError>> {
        Box::pin(self.send(report))
    }

    fn held(&self) -> Vec<Listed> {
        Reports::held(self)
    }

    fn alive(&self) {
        Reports::alive(self);
    }

    fn part(&self, data_centre: &str, failure: Option<String>) {
        Reports::part(self, data_centre, failure);
    }
}
