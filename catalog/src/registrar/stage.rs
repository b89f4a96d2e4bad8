//! Working out what requests change, one after the other, on top of what those before them changed.

use super::Agreements;
use super::batch::Batch;
use super::overlays::Overlays;
use super::sources::Sources;
use crate::error::CatalogError;
use crate::model::{Kind, SourceId};
use crate::request::{Answer, Request};
use crate::settings::Settings;

use tokio::time::Instant;

/// A batch while it is put together.
pub(super) struct Stage<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) sources: &'a mut Sources,
    pub(super) agreements: &'a mut Agreements,
    pub(super) overlays: &'a mut Overlays,
    pub(super) settings: &'a Settings,
    pub(super) now: Instant,
}

impl Stage<'_> {
    /// Works out what `request` changes; `order` is its number among all that have arrived.
    pub(super) fn request(&mut self, order: u64, request: Request) {
        match request {
            Request::Report(source, report, answer) => {
                let receipt = self.report(&source, report, order);
                self.answer(answer, Ok(receipt));
            }
            Request::Looked(looked, answer) => {
                let merged = self.looked(*looked);
                self.answer(answer, merged);
            }
            Request::Listed(origin, listing, answer) => {
                let receipt = self.listed(&origin, *listing);
                self.answer(answer, receipt);
            }
            Request::Accept(source, answer) => {
                let receipt = self.accept(&source);
                self.answer(answer, receipt);
            }
            Request::Forget(id, answer) => {
                let revision = self.forget(&id);
                self.answer(answer, revision);
            }
            // Taken care of on arrival.
            Request::Configured(..) | Request::Failing(..) | Request::Backup(..) | Request::Close(_) => {}
        }
    }

    /// What a request gets when the batch is durable; a reporter that has gone away needs no answer.
    fn answer<T: Send + 'static>(&mut self, answer: Answer<T>, outcome: Result<T, CatalogError>) {
        self.batch.replies.push(Box::new(move |durable| drop(answer.send(durable.and(outcome)))));
    }
}

/// Puts requests that wait together in the order in which newcomers get their names: of reports by their source's kind, of looks
/// by the function's. They were all unanswered, so none of them relies on another.
pub(super) fn in_turn(requests: &mut [(u64, Request)], settings: &Settings) {
    let place = |request: &Request| match request {
        Request::Report(source, ..) => (0, of_source(source, settings)),
        Request::Looked(looked, _) => (1, of_kind(&looked.kind, settings)),
        Request::Listed(_, listing, _) => (1, of_kind(&listing.kind, settings)),
        _ => (2, 0),
    };
    for run in requests.chunk_by_mut(|(_, a), (_, b)| place(a).0 == place(b).0) {
        run.sort_by_key(|(_, request)| place(request));
    }
}

fn of_source(source: &SourceId, settings: &Settings) -> usize {
    let place = settings.sources.iter().position(|kind| *kind == source.kind);
    place.unwrap_or(settings.sources.len())
}

fn of_kind(kind: &Kind, settings: &Settings) -> usize {
    settings.kinds.iter().position(|known| known == kind).unwrap_or(settings.kinds.len())
}
