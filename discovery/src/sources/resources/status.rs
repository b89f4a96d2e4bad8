//! Writes the status of each resource back, when it is something else than what stands there, and only while this replica holds the Lease.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use catalog::Snapshot;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::limits;
use super::view::{Key, Verdict, Verdicts};
use crate::Reports;
use crate::resources::fields::{Remark, Severity};
use crate::resources::node::At;
use crate::resources::status::{REPORTER, Status};
use crate::sources::clouds::Failing;
use crate::sources::hosts::Like;
use crate::sources::kubernetes::secrets::{Known, SecretName};
use crate::sources::kubernetes::told::cause;

/// The part of the source that this is.
pub(super) const PART: &str = "status";

/// Writes statuses.
pub(super) struct Writer<'a> {
    pub(super) client: Client,
    pub(super) reports: &'a Reports,
    /// The namespace under which our statuses stand.
    pub(super) reporter: String,
    pub(super) verdicts: watch::Receiver<Arc<Verdicts>>,
    pub(super) secrets: watch::Receiver<Arc<Known>>,
    /// What of them cannot be listed now.
    pub(super) failures: watch::Receiver<Arc<Failing>>,
    /// Until when we may write.
    pub(super) holds: watch::Receiver<Option<Instant>>,
    /// The Secrets that anything refers to.
    pub(super) wanted: watch::Sender<Arc<BTreeSet<SecretName>>>,
}

/// A status that is to be written.
struct Due {
    key: Key,
    verdict: Arc<Verdict>,
    status: Status,
}

/// Why a status could not be written.
enum Unwritten {
    /// Others may be.
    OfOne(String),
    /// None can be now.
    OfAll(String),
}

/// What was written last: about which writing of the resource, and what.
type Written = BTreeMap<Key, (String, Status)>;

impl Writer<'_> {
    /// Writes what is due, for ever.
    pub(super) async fn keep(mut self) -> Infallible {
        let mut snapshots = self.reports.snapshots();
        let mut written = Written::new();
        let mut again: Option<Instant> = None;
        self.verdicts.mark_changed();
        loop {
            tokio::select! {
                Ok(()) = self.verdicts.changed() => {}
                Ok(()) = self.secrets.changed() => {}
                Ok(()) = self.failures.changed() => {}
                Ok(()) = self.holds.changed() => {}
                // Many changes of the catalog are one look at what they mean for statuses.
                Ok(()) = snapshots.changed() => {
                    snapshots.mark_unchanged();
                    again = again.or_else(|| Some(Instant::now() + limits::SETTLE));
                    continue;
                }
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => again = None,
                else => std::future::pending().await,
            }
            let verdicts = self.verdicts.borrow_and_update().clone();
            self.want_secrets(&verdicts);
            self.holds.mark_unchanged();
            if self.until().is_some() && !self.write_all(&verdicts, &mut written).await {
                again = Some(Instant::now() + limits::REFUSED);
            }
        }
    }

    fn want_secrets(&self, verdicts: &Verdicts) {
        let names: BTreeSet<_> =
            verdicts.values().flat_map(|verdict| verdict.secrets.iter().map(|(name, _)| name.clone())).collect();
        self.wanted.send_if_modified(|wanted| {
            let is_news = **wanted != names;
            if is_news {
                *wanted = Arc::new(names);
            }
            is_news
        });
    }

    /// Writes each status that is another one now. Returns whether all could be.
    async fn write_all(&mut self, verdicts: &Verdicts, written: &mut Written) -> bool {
        let (snapshot, known) = (self.reports.snapshot(), self.secrets.borrow_and_update().clone());
        let failing = self.failures.borrow_and_update().clone();
        written.retain(|key, _| verdicts.contains_key(key));
        let due = verdicts.iter().filter_map(|(key, verdict)| {
            let status = status(verdict, &snapshot, &known, failing.get(&key.1));
            let stands = verdict.said.as_ref() == Some(&status);
            // What was written shows in the resource a little later.
            let shows_soon =
                written.get(key).is_some_and(|(version, last)| *version == verdict.version && *last == status);
            (!stands && !shows_soon).then(|| Due { key: key.clone(), verdict: verdict.clone(), status })
        });
        let due: Vec<Due> = due.collect();
        let writes: Vec<_> = due.into_iter().map(|due| self.attempt(due)).collect();
        let mut writes = stream::iter(writes).buffer_unordered(limits::WRITES);
        let mut failure = None;
        while let Some((Due { key, verdict, status }, outcome)) = writes.next().await {
            match outcome {
                Ok(()) => _ = written.insert(key, (verdict.version.clone(), status)),
                Err(Unwritten::OfAll(cause)) => {
                    failure = Some(cause);
                    break;
                }
                Err(Unwritten::OfOne(cause)) => failure = Some(cause),
            }
        }
        drop(writes);
        let all = failure.is_none();
        self.reports.part(PART, failure);
        all
    }

    fn attempt(&self, due: Due) -> BoxFuture<'_, (Due, Result<(), Unwritten>)> {
        Box::pin(async move {
            // It may be somebody else's turn by now.
            let Some(until) = self.until() else {
                return (due, Err(Unwritten::OfAll("the Lease was lost".to_owned())));
            };
            let until = until.min(Instant::now() + limits::ANSWER);
            let outcome = timeout_at(until, self.write(&due.verdict, &due.status)).await;
            (due, outcome.unwrap_or_else(|_| Err(Unwritten::OfOne("no answer in time".to_owned()))))
        })
    }

    /// Until when the Lease is ours, while it is.
    fn until(&self) -> Option<Instant> {
        self.holds.borrow().filter(|until| *until > Instant::now())
    }

    async fn write(&self, verdict: &Verdict, status: &Status) -> Result<(), Unwritten> {
        let resource = verdict.kind.resource();
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &verdict.namespace, &resource);
        let patch = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {"name": verdict.name, "namespace": verdict.namespace},
            "status": {"statuses": {&*self.reporter: status}},
        });
        let parameters = PatchParams::apply(&format!("{REPORTER}-{}", self.reporter)).force();
        match api.patch_status(&verdict.name, &parameters, &Patch::Apply(&patch)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let of_it = ListParams::default().fields(&format!("metadata.name={}", verdict.name));
                let found = api.list_metadata(&of_it).await.map_err(|error| Unwritten::OfOne(cause(&error)))?;
                match found.items.is_empty() {
                    // It was deleted meanwhile.
                    true => Ok(()),
                    false => Err(Unwritten::OfAll(format!(
                        "the definition of {} in this cluster has no status subresource, so none is written; Portolan's own has one",
                        verdict.kind.name()
                    ))),
                }
            }
            Err(error) => Err(Unwritten::OfOne(cause(&error))),
        }
    }
}

/// What is to be said of a resource: what it says itself, whether what it refers to is there, and why what it names cannot be listed.
fn status(verdict: &Verdict, snapshot: &Snapshot, known: &Known, failure: Option<&String>) -> Status {
    let mut remarks = verdict.remarks.clone();
    let mut warn = |message| remarks.push(Remark { at: At::NOWHERE, severity: Severity::Warning, message });
    if let Some(like) = verdict.like.as_ref().filter(|like| like.found(snapshot).is_none()) {
        warn(not_found(like));
    }
    for (secret, holds) in &verdict.secrets {
        // One that was not read yet is not complained about.
        if let Some(fault) = known.get(secret).and_then(|known| holds.lacks(known)) {
            let (namespace, name) = secret;
            warn(format!("the Secret {namespace}/{name}: {fault}"));
        }
    }
    failure.into_iter().for_each(|failure| warn(failure.clone()));
    Status::of(&remarks)
}

fn not_found(like: &Like) -> String {
    match &*like.kind {
        "kubernetes" => format!("there is no port of a Service {} yet", like.key),
        kind => format!("the source {kind} lists no {} yet", like.key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::status::State;
    use crate::sources::kubernetes::secret::Holds;
    use crate::sources::resources::kinds::UPSTREAM;

    #[test]
    fn what_it_refers_to_and_is_not_there_is_a_warning() {
        let like = Like {
            kind: "consul".into(),
            instance: None,
            key: "pets".into(),
            name: "pets".into(),
            with: Vec::new(),
            without: Vec::new(),
        };
        let secret: SecretName = ("shop".into(), "pets".into());
        let verdict = Verdict {
            kind: &UPSTREAM,
            namespace: "shop".into(),
            name: "pets".into(),
            version: "1".into(),
            remarks: Vec::new(),
            like: Some(like),
            secrets: vec![(secret.clone(), Holds::Certificate)],
            said: None,
        };
        let check = |like: bool, known: Option<Result<Holds, String>>, failure: Option<&str>, wanted: &str| {
            let verdict = Verdict { like: verdict.like.clone().filter(|_| like), ..verdict.clone() };
            let known = known.map(|known| (secret.clone(), known)).into_iter().collect();
            let status = status(&verdict, &Snapshot::default(), &known, failure.map(str::to_owned).as_ref());
            assert_eq!(format!("{:?} {}", status.state, status.reason), wanted);
        };
        check(false, None, None, "Accepted ");
        check(false, Some(Ok(Holds::Certificate)), None, "Accepted ");
        check(
            false,
            Some(Ok(Holds::Keys)),
            None,
            "Warning the Secret shop/pets: holds keys of AWS, and none of tls.crt, tls.key and ca.crt",
        );
        check(false, Some(Err("there is none".into())), None, "Warning the Secret shop/pets: there is none");
        check(true, None, None, "Warning the source consul lists no pets yet");
        check(false, Some(Ok(Holds::Certificate)), Some("no answer"), "Warning no answer");
        assert_eq!(State::default(), State::Pending);
    }
}
