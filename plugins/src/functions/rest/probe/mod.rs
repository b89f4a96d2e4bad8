//! Finds the OpenAPI document of an upstream.
//!
//! It is looked for where it was last time (conditionally: an unchanged document costs one round trip), where a hint says, where the
//! upstream itself says (`Link: rel="service-desc"`, RFC 8631; `/.well-known/api-catalog`, RFC 9727), and at the usual paths, one after
//! the other; the first document that can be read is the one. The most usual path is asked together with the upstream's own word,
//! which goes before it, so that the two cost one round trip. A path that answers with something else is passed over; one whose
//! document is broken is remembered, and is the answer if no other is better.
//!
//! What a document says of other hosts is never followed; where documents may come from is for [`Fetch`] to allow.

mod advertised;
mod paths;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use catalog::model::{Digest, KindState};
use catalog::report::Finding;
use futures_util::future::{BoxFuture, OptionFuture, join};
use http::StatusCode;
use http::header::ETAG;
use serde::{Deserialize, Serialize};

use super::Rest;
use super::document::{self, DocumentError};
use crate::fetch::{Fetch, FetchError, Fetched, Get, offload};
use crate::probe::{Probe, ProbeError, Target};

pub use paths::DOCUMENT_PATHS;

/// To be raised when the same document is read differently than before (when a snapshot of the tests changes, that is): what older
/// readers made of it is then no longer known.
const READER: u32 = 2;

/// Many servers choose the format by it.
const ACCEPT: &str =
    "application/json, application/openapi+json, application/openapi+yaml;q=0.9, application/yaml;q=0.9, */*;q=0.8";

impl Probe for Rest {
    fn probe<'a>(&'a self, target: &'a Target, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Finding, ProbeError>> {
        Box::pin(async move { Look { target, fetch, asked: HashSet::new(), trouble: None }.find().await })
    }
}

/// What a look leaves for the next one.
#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Note {
    /// The [`READER`] that read it.
    reader: u32,
    /// Where the document was, as [`Get::location`].
    location: String,
    /// Its ETag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

impl Note {
    fn of(known: &KindState) -> Option<Self> {
        let note: Self = serde_json::from_str(known.hint.as_deref()?).ok()?;
        (note.reader == READER).then_some(note)
    }
}

type Answer = Result<Fetched, FetchError>;

/// One look at one upstream.
struct Look<'a> {
    target: &'a Target,
    fetch: &'a dyn Fetch,
    /// Locations that need not be asked again.
    asked: HashSet<String>,
    /// The first thing that may hide a document.
    trouble: Option<ProbeError>,
}

impl Look<'_> {
    async fn find(mut self) -> Result<Finding, ProbeError> {
        let hint = self.target.spec.hints.openapi.as_deref();
        let known =
            self.target.known.as_ref().and_then(Note::of).filter(|note| hint.is_none_or(|hint| hint == note.location));
        if let Some(note) = known
            && let Some(finding) = self.at(&note.location, note.etag.as_deref()).await?
        {
            return Ok(finding);
        }
        let paths = self.target.document_paths.clone();
        if let Some(location) = hint
            && let Some(finding) = self.at(location, None).await?
        {
            return Ok(finding);
        }
        let usual = paths.first().filter(|path| self.asked.insert((*path).clone()));
        let ask_usual = OptionFuture::from(usual.map(|path| self.ask(path, None)));
        let (said, mut answer) = join(advertised::locations(self.fetch), ask_usual).await;
        let said = match said {
            // What answered just now is not gone.
            Err(error) if matches!(answer, Some(Ok(_))) => {
                self.trouble.get_or_insert(error.into());
                Vec::new()
            }
            said => said?,
        };
        for location in &said {
            // What is asked for already is not asked for again.
            let is_usual =
                |answer: &Answer| answer.as_ref().ok().and_then(advertised::location_of).as_ref() == Some(location);
            let finding = match answer.take_if(|answer| is_usual(answer)) {
                Some(answer) => self.read(location, answer, None).await?,
                None => self.at(location, None).await?,
            };
            if let Some(finding) = finding {
                return Ok(finding);
            }
        }
        if let (Some(path), Some(answer)) = (usual, answer)
            && let Some(finding) = self.read(path, answer, None).await?
        {
            return Ok(finding);
        }
        for path in paths.iter() {
            if let Some(finding) = self.at(path, None).await? {
                return Ok(finding);
            }
        }
        self.trouble.map_or(Ok(Finding::NotThis), Err)
    }

    async fn ask(&self, location: &str, unless: Option<&str>) -> Answer {
        self.fetch.get(Get { location, accept: ACCEPT, unless, bounds: None }).await
    }

    /// What is at `location`; `None` where it is no document that can be read. An error where nothing else needs to be asked.
    async fn at(&mut self, location: &str, unless: Option<&str>) -> Result<Option<Finding>, ProbeError> {
        if !self.asked.insert(location.to_owned()) {
            return Ok(None);
        }
        let answer = self.ask(location, unless).await;
        self.read(location, answer, unless).await
    }

    /// What came from `location`; else as [`Self::at`].
    async fn read(
        &mut self,
        location: &str,
        answer: Answer,
        unless: Option<&str>,
    ) -> Result<Option<Finding>, ProbeError> {
        let fetched = match answer {
            Ok(fetched) => fetched,
            Err(error) if ends_the_look(&error) => return Err(error.into()),
            Err(error) => {
                self.trouble.get_or_insert(error.into());
                return Ok(None);
            }
        };
        match fetched.status {
            StatusCode::NOT_MODIFIED if unless.is_some() => {
                Ok(Some(Finding::Unchanged { hint: self.target.known.as_ref().and_then(|known| known.hint.clone()) }))
            }
            StatusCode::OK => self.document(location, fetched).await,
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || self.is_hint(location) => {
                self.trouble.get_or_insert(ProbeError::Answered(format!("{location} answers {status}")));
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Reads the document that came from `location`, if it is one.
    async fn document(&mut self, location: &str, fetched: Fetched) -> Result<Option<Finding>, ProbeError> {
        // The path counts: relative servers are resolved against it.
        let digest = Digest::of([&READER.to_be_bytes(), fetched.url.path().as_bytes(), &fetched.body]);
        let etag = fetched.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let hint = serde_json::to_string(&Note { reader: READER, location: location.to_owned(), etag }).ok();
        if self.target.known.as_ref().is_some_and(|known| known.digest == digest) {
            return Ok(Some(Finding::Unchanged { hint }));
        }
        let read = offload(self.fetch, move || document::read(&fetched.body, &fetched.url)).await;
        let unreadable = |cause: String| ProbeError::Unreadable { location: location.to_owned(), cause };
        let trouble = match read {
            Some(Ok(description)) => {
                return Ok(Some(Finding::Found {
                    description: Box::new(description),
                    digest,
                    tls: self.fetch.tls().await?,
                    hint,
                }));
            }
            Some(Err(DocumentError::NotOpenApi)) if !self.is_hint(location) => return Ok(None),
            Some(Err(fault)) => unreadable(fault.to_string()),
            None => unreadable("reading it failed".into()),
        };
        self.trouble.get_or_insert(trouble);
        Ok(None)
    }

    fn is_hint(&self, location: &str) -> bool {
        self.target.spec.hints.openapi.as_deref() == Some(location)
    }
}

/// Whether other paths need not be tried: the endpoint is away, hangs, speaks no HTTP or answers anything at endless length.
fn ends_the_look(error: &FetchError) -> bool {
    matches!(error, FetchError::Connect(_) | FetchError::Timeout(_) | FetchError::Protocol(_) | FetchError::TooLarge(_))
}
