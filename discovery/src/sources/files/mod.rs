//! Resources in files: `Upstream`s with hosts written down, from a file or a folder that is watched.
//!
//! A document that is wrong costs itself only; what it said before stays listed. Only what is read without a fault proves an absence.

mod read;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use catalog::model::SourceId;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};

pub use read::Complaint;
use read::{Content, Found};

use super::clouds::{self, Clouds};
use super::hosts::{self, Lookup, Target, Written};
use crate::reports::Reports;
pub use crate::resources::fields::Severity;
use crate::source::{Source, SourceError};

/// Everything that is wrong with the resources at `path`, a file or a folder, in the order of files and lines. Blocks.
pub fn check(path: &Path) -> Vec<Complaint> {
    let mut complaints = match read::read(path) {
        Ok(content) => content.complaints,
        Err(error) => {
            let (file, message) = (path.to_owned(), error.to_string());
            vec![Complaint { file, line: 1, column: 1, resource: None, severity: Severity::Error, message }]
        }
    };
    complaints.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    complaints
}

/// What a file of this text holds that is good, and what is wrong with the rest.
pub(crate) fn of_text(text: &str) -> (Vec<Target>, Vec<Complaint>) {
    let mut content = Content::default();
    content.read_text(Path::new("text"), text);
    let good = content.found.into_iter().filter_map(|found| match found {
        Found::Good(target) => Some(*target),
        Found::Refused(_) | Found::Unreadable => None,
    });
    (good.collect(), content.complaints)
}

/// The source of the resources at one path.
pub struct Files {
    id: SourceId,
    path: PathBuf,
    lookup: Lookup,
    clouds: Clouds,
    again: Option<tokio::sync::watch::Receiver<()>>,
}

impl Files {
    /// Lists the upstreams at `path`, a file or a folder. What of them is in clouds is asked for as `clouds` says.
    pub fn new(path: PathBuf, clouds: Clouds) -> Self {
        Self {
            id: SourceId::new("static", &named(&path).to_string_lossy()),
            path,
            lookup: hosts::system(),
            clouds,
            again: None,
        }
    }

    /// The same, read at once whenever `again` changes.
    pub fn again(self, again: Option<tokio::sync::watch::Receiver<()>>) -> Self {
        Self { again, ..self }
    }
}

/// `path` as one and the same place is always named: from the root, without detours. Links are not followed: what a place is for stays
/// the same when a deployment lets its link lead elsewhere.
fn named(path: &Path) -> PathBuf {
    // Only an empty path, or one in a folder that is gone, has no place.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.components().fold(PathBuf::new(), |mut named, part| {
        match part {
            Component::ParentDir => drop(named.pop()),
            part => named.push(part),
        }
        named
    })
}

impl Source for Files {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn run<'a>(&'a self, reports: &'a Reports) -> BoxFuture<'a, Result<Infallible, SourceError>> {
        Box::pin(async move {
            let changes = watch::Changes::of(&self.path).map_err(|cause| self.broken(cause))?;
            let reading = Reading { files: self, reports, changes, again: self.again.clone(), last: None };
            let written = stream::try_unfold(reading, Reading::next).boxed();
            // There are no Secrets here, and no place for statuses: what fails is shown with the source.
            let secrets = clouds::Secrets { changes: stream::pending().boxed(), is_awaited: Box::new(|_| false) };
            let failing = Default::default();
            clouds::keep(reports, self.lookup.clone(), &self.clouds, written, secrets, failing).await
        })
    }
}

impl Files {
    fn broken(&self, cause: impl ToString) -> SourceError {
        SourceError::Place { act: format!("reading {}", self.path.display()), cause: cause.to_string() }
    }
}

type View = BTreeMap<Arc<str>, Target>;

/// One run: what was read last, and the watch that says when to read again.
struct Reading<'a> {
    files: &'a Files,
    reports: &'a Reports,
    changes: watch::Changes,
    again: Option<tokio::sync::watch::Receiver<()>>,
    last: Option<View>,
}

impl Reading<'_> {
    /// Reads at once, then whenever something may have changed.
    async fn next(mut self) -> Result<Option<(Written, Self)>, SourceError> {
        if self.last.is_some() {
            tokio::select! {
                () = self.changes.next() => {}
                () = asked(&mut self.again) => {}
            }
        }
        let path = self.files.path.clone();
        let read = tokio::task::spawn_blocking(move || read::read(&path)).await;
        let content = read.map_err(|cause| self.files.broken(cause))?.map_err(|cause| self.files.broken(cause))?;
        content.complaints.iter().for_each(|complaint| tracing::warn!(%complaint, "resource"));
        let last = self.last.take().unwrap_or_else(|| self.held(&content));
        let errors = content.complaints.iter().filter(|complaint| complaint.severity == Severity::Error);
        let left_out = errors.map(left_out).collect();
        let view = merged(last, content);
        let targets = view.values().cloned().collect();
        self.last = Some(view);
        Ok(Some((Written { targets, left_out, gone: Vec::new() }, self)))
    }

    /// What an earlier run listed, where this one cannot read everything.
    fn held(&self, content: &Content) -> View {
        match content.found.iter().all(|found| matches!(found, Found::Good(_))) {
            true => View::new(),
            false => {
                let over = self.reports.held_over().into_iter().map(|(over, name)| Target::laid_over(over, name));
                let held = self.reports.held().into_iter().map(Target::from).chain(over);
                held.map(|target| (target.key.clone(), target)).collect()
            }
        }
    }
}

/// Returns when somebody asks for another reading.
async fn asked(again: &mut Option<tokio::sync::watch::Receiver<()>>) {
    if let Some(again) = again
        && again.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// A complaint as the board shows it: by the resource's name, where it has one.
fn left_out(complaint: &Complaint) -> (String, String) {
    let Complaint { file, line, column, resource, message, .. } = complaint;
    let place = format!("{}:{line}:{column}", file.display());
    match resource {
        Some(name) => (format!("{name} in {place}"), message.clone()),
        None => (place, message.clone()),
    }
}

/// What is read now, with what was read `last` where that is not readable any more.
fn merged(last: View, content: Content) -> View {
    let mut view = View::new();
    let mut refused = Vec::new();
    let mut unreadable = false;
    for found in content.found {
        match found {
            Found::Good(target) => drop(view.insert(target.key.clone(), *target)),
            Found::Refused(key) => refused.push(key),
            Found::Unreadable => unreadable = true,
        }
    }
    for (key, target) in last {
        if unreadable || refused.iter().any(|refused| **refused == *key) {
            view.entry(key).or_insert(target);
        }
    }
    view
}
