//! What happens to a request on its arrival: what it says of endpoints and of its source is shown at once, whatever the store does.

use tokio::sync::mpsc;

use super::batch::Reply;
use super::{MAX_WAITING, Registrar};
use crate::error::CatalogError;
use crate::model::{Origin, SourceId};
use crate::report::{Listed, Receipt, Report};
use crate::request::{Answer, Request};
use crate::store::StoreError;

impl Registrar {
    /// Takes a request and all that came with it, and shows what is soft of them.
    pub(super) fn receive(&mut self, first: Option<Request>) {
        let mut replies = Vec::new();
        let mut is_news = false;
        let mut next = first.ok_or(mpsc::error::TryRecvError::Disconnected);
        loop {
            match next {
                Ok(request) => is_news |= self.arrive(request, &mut replies),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.closing.get_or_insert_default();
                    break;
                }
            }
            next = self.requests.try_recv();
        }
        if is_news {
            self.current.sources = self.sources.views();
            self.publish();
        }
        replies.into_iter().for_each(|reply| reply(Ok(())));
    }

    /// Takes one request. Returns whether there is something to show; whoever needs nothing else is answered after that.
    fn arrive(&mut self, request: Request, replies: &mut Vec<Reply>) -> bool {
        self.arrivals += 1;
        match request {
            Request::Failing(source, reason, answer) => {
                self.sources.failed(&source, reason, self.settings.now());
                replies.push(answered(answer, ()));
                true
            }
            Request::Configured(sources, answer) => {
                self.sources.configure(sources, &self.current, self.settings.now());
                replies.push(answered(answer, ()));
                true
            }
            Request::Close(answer) => {
                self.closing.get_or_insert_default().push(answer);
                false
            }
            Request::Backup(file, answer) => {
                self.backups.push_back((file, answer));
                false
            }
            Request::Report(source, Report::Endpoints(key, endpoints), answer) => {
                let is_heard = self.sources.heard(&source);
                let origin = Origin { source: source.clone(), key: key.clone() };
                let Some(id) = self.current.origins.get(&origin).cloned() else {
                    // It may be among the newcomers that wait.
                    self.wait(Request::Report(source, Report::Endpoints(key, endpoints), answer));
                    return is_heard;
                };
                let receipt = Receipt { revision: self.current.revision, held_back: None };
                replies.push(answered(answer, receipt));
                let (shown, settings) = (&mut self.current.endpoints, &self.settings);
                is_heard | self.endpoints.set(shown, &id, endpoints, self.arrivals, settings)
            }
            Request::Report(source, report, answer) => {
                let is_heard = self.sources.heard(&source);
                let is_news = match &report {
                    Report::Full(all) | Report::Doubted(all) => self.show_endpoints(&source, all),
                    Report::Changed(one) => self.show_endpoints(&source, std::slice::from_ref(one)),
                    Report::Removed(_) | Report::Endpoints(..) | Report::Over(_) => false,
                };
                self.wait(Request::Report(source, report, answer));
                is_heard | is_news
            }
            Request::Listed(origin, listing, answer) => {
                let is_heard = self.sources.heard(&origin.source);
                self.wait(Request::Listed(origin, listing, answer));
                is_heard
            }
            request => {
                self.wait(request);
                false
            }
        }
    }

    fn wait(&mut self, request: Request) {
        match self.waiting.len() < MAX_WAITING {
            true => self.waiting.push_back((self.arrivals, request)),
            false => request.refuse(busy()),
        }
    }

    /// Shows the endpoints of those listed that the catalog knows. Returns whether anything is different then.
    fn show_endpoints(&mut self, source: &SourceId, listed: &[Listed]) -> bool {
        let mut is_news = false;
        for listed in listed {
            let origin = Origin { source: source.clone(), key: listed.key.clone() };
            if let Some(id) = self.current.origins.get(&origin).cloned() {
                let (shown, endpoints) = (&mut self.current.endpoints, listed.endpoints.clone());
                is_news |= self.endpoints.set(shown, &id, endpoints, self.arrivals, &self.settings);
            }
        }
        is_news
    }
}

fn answered<T: Send + 'static>(answer: Answer<T>, value: T) -> Reply {
    Box::new(move |durable| drop(answer.send(durable.map(|()| value))))
}

fn busy() -> CatalogError {
    let cause = format!("{MAX_WAITING} wait for it already").into();
    CatalogError::Store(StoreError::Unavailable { act: "take another change", cause })
}
