//! EC2: instances of one group, which a tag names, are the endpoints of one upstream, in all regions and accounts together.
//!
//! Promises that each region is read as each identity on its own: one that fails keeps its last view, of an earlier run too, and is
//! named in the status; that a list which breaks off halfway counts for nothing; that a group whose instances all stand still stays,
//! with no endpoint; and that an instance which has the tag and is not listed is named with the reason. EC2 has nothing to wait on, so
//! it is polled.

mod chosen;
mod limits;
mod map;
mod poll;
mod publish;
mod settings;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod wire;

use std::convert::Infallible;

use catalog::model::SourceId;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::select_all;

pub(crate) use chosen::{Chosen, Filter};
pub(crate) use poll::polled;
pub use settings::{Address, RawSettings, Settings};

use self::map::Seen;
use self::publish::{Part, Publisher};
use crate::aws::Place;
use crate::{Reports, Source, SourceError};

/// The source `ec2`.
pub struct Ec2 {
    id: SourceId,
    places: Vec<Place>,
    settings: Settings,
}

impl Ec2 {
    /// Lists the instances of `places`. Connects to nothing before it runs.
    pub fn new(id: SourceId, places: Vec<Place>, settings: Settings) -> Self {
        Self { id, places, settings }
    }

    async fn watch(&self, reports: &Reports) -> Result<Infallible, SourceError> {
        let seen = |place: &Place| Seen { identity: place.identity.name().to_owned(), region: place.region.clone() };
        let parts = self.places.iter().map(|place| Part::new(place.name(), seen(place))).collect();
        let lists = self.places.iter().enumerate().map(|(number, place)| {
            Box::pin(
                polled(place, Some(&self.settings.group_tag), self.settings.interval).map(move |list| (number, list)),
            )
        });
        Publisher::new(reports, &self.settings, parts).publish(select_all(lists)).await
    }
}

impl Source for Ec2 {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        Box::pin(self.watch(reports))
    }
}
