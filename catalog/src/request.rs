//! What the registrar is asked to do, each with the way of its answer.

use std::fs::File;

use tokio::sync::oneshot;

use crate::error::CatalogError;
use crate::listing::Listing;
use crate::model::{Origin, SourceId, UpstreamId};
use crate::prepare::Looked;
use crate::report::{Merged, Receipt, Report};

/// Requests that may wait in the queue; a full queue makes reporters wait.
pub(crate) const QUEUE: usize = 1024;

/// The way of an answer.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, CatalogError>>;

/// What the registrar is asked to do.
#[derive(Debug)]
pub(crate) enum Request {
    Report(SourceId, Report, Answer<Receipt>),
    /// Answered with `None` when the catalog's entry is not the one any more that the answer was compared with.
    Looked(Box<Looked>, Answer<Option<Merged>>),
    /// Answered with `None` when the catalog's entry is not the one any more that the list was compared with.
    Listed(Origin, Box<Listing>, Answer<Option<Receipt>>),
    Accept(SourceId, Answer<Receipt>),
    Forget(UpstreamId, Answer<u64>),
    Configured(Vec<SourceId>, Answer<()>),
    /// Answered with the file when all of one revision is in it.
    Backup(File, Answer<File>),
    Failing(SourceId, String, Answer<()>),
    Close(Answer<()>),
}

impl Request {
    /// Answers with an error.
    pub(crate) fn refuse(self, error: CatalogError) {
        // A reporter that has gone away needs no answer.
        match self {
            Self::Report(_, _, answer) | Self::Accept(_, answer) => drop(answer.send(Err(error))),
            Self::Looked(_, answer) => drop(answer.send(Err(error))),
            Self::Listed(_, _, answer) => drop(answer.send(Err(error))),
            Self::Forget(_, answer) => drop(answer.send(Err(error))),
            Self::Backup(_, answer) => drop(answer.send(Err(error))),
            Self::Configured(_, answer) | Self::Failing(_, _, answer) | Self::Close(answer) => {
                drop(answer.send(Err(error)));
            }
        }
    }
}
