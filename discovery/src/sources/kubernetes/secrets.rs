//! Secrets that objects refer to, each watched by its name, so that a right to read those alone is enough. What they hold goes to the
//! keyring and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use k8s_openapi::api::core::v1;
use kube::runtime::watcher;
use kube::{Api, Client};
use plugins::Keyring;
use tokio::sync::watch as channel;
use tokio_stream::{StreamExt, StreamMap};

use super::limits;
use super::secret::{Held, Holds};
use super::told;
use crate::Reports;

/// A Secret, by namespace and name.
pub(in crate::sources) type SecretName = (String, String);

/// What is known of each Secret: what it holds, or why nothing of it can be used.
pub(in crate::sources) type Known = BTreeMap<SecretName, Result<Holds, String>>;

/// The part of a source that reads them.
pub(in crate::sources) const PART: &str = "secrets";

/// The watches of all Secrets that are wanted.
pub(in crate::sources) struct Secrets<'a> {
    pub(in crate::sources) reports: &'a Reports,
    pub(in crate::sources) client: Client,
    pub(in crate::sources) config: watcher::Config,
    pub(in crate::sources) keyring: Keyring,
    /// What their names on the keyring begin with.
    pub(in crate::sources) prefix: Arc<str>,
    pub(in crate::sources) known: channel::Sender<Arc<Known>>,
    /// Where no status says what is known: the part does, where it is not this.
    pub(in crate::sources) expected: Option<Holds>,
}

/// Those whose watches fail, and why.
type Faults = BTreeMap<SecretName, String>;

/// What a watch of one says: what is there, or why that is not known.
type Said = Result<Option<v1::Secret>, String>;

impl Secrets<'_> {
    /// Watches what is `wanted`, whatever that is by then.
    pub(in crate::sources) async fn keep(self, mut wanted: channel::Receiver<Arc<BTreeSet<SecretName>>>) -> Infallible {
        let mut watches: StreamMap<SecretName, BoxStream<'static, Said>> = StreamMap::new();
        let mut failing = Faults::new();
        wanted.mark_changed();
        loop {
            tokio::select! {
                Ok(()) = wanted.changed() => {
                    let names = wanted.borrow_and_update().clone();
                    self.watch_only(&names, &mut watches);
                    failing.retain(|name, _| names.contains(name));
                }
                Some((name, said)) = watches.next() => self.take(name, said, &mut failing),
                else => std::future::pending().await,
            }
            self.reports.part(PART, self.fault(&failing));
        }
    }

    /// What is wrong with the first one.
    fn fault(&self, failing: &Faults) -> Option<String> {
        let ((namespace, name), fault) = match (failing.first_key_value(), self.expected) {
            (Some((name, cause)), _) => (name.clone(), cause.clone()),
            (None, Some(expected)) => {
                let known = self.known.borrow();
                known.iter().find_map(|(name, known)| Some((name.clone(), expected.lacks(known)?)))?
            }
            (None, None) => return None,
        };
        Some(format!("{namespace}/{name}: {fault}"))
    }

    fn watch_only(&self, names: &BTreeSet<SecretName>, watches: &mut StreamMap<SecretName, BoxStream<'static, Said>>) {
        let dropped: Vec<_> = watches.keys().filter(|name| !names.contains(*name)).cloned().collect();
        for name in dropped {
            watches.remove(&name);
            self.put(&name, None);
        }
        self.know(|known| known.retain(|name, _| names.contains(name)));
        for name in names {
            if watches.contains_key(name) {
                continue;
            }
            if watches.len() >= limits::SECRETS {
                let reason = format!("more than {} Secrets are not watched", limits::SECRETS);
                self.know(|known| _ = known.insert(name.clone(), Err(reason)));
                continue;
            }
            watches.insert(name.clone(), self.watch(name));
        }
    }

    fn watch(&self, (namespace, name): &SecretName) -> BoxStream<'static, Said> {
        told::one(Api::namespaced(self.client.clone(), namespace), self.config.clone(), name)
    }

    fn take(&self, name: SecretName, said: Said, failing: &mut Faults) {
        if said.is_ok() {
            failing.remove(&name);
        }
        let known = match said {
            Ok(Some(secret)) => match Held::read(&secret) {
                Ok(held) => {
                    let holds = held.holds();
                    self.put(&name, Some(held));
                    Ok(holds)
                }
                // What was read before is used on, as with a resource that is refused.
                Err(fault) => Err(fault),
            },
            Ok(None) => {
                self.put(&name, None);
                Err("there is no such Secret".to_owned())
            }
            Err(cause) => {
                if failing.insert(name.clone(), cause.clone()).is_none() {
                    tracing::warn!(namespace = name.0, secret = name.1, %cause, "kubernetes.secret_not_watched");
                }
                // What was known before counts on.
                if self.known.borrow().contains_key(&name) {
                    return;
                }
                Err(cause)
            }
        };
        self.know(|all| _ = all.insert(name, known));
    }

    fn know(&self, change: impl FnOnce(&mut Known)) {
        self.known.send_modify(|known| change(Arc::make_mut(known)));
    }

    fn put(&self, (namespace, name): &SecretName, held: Option<Held>) {
        let name = format!("{}/{namespace}/{name}", self.prefix);
        let (certificate, keys) = held.map_or((None, None), Held::parts);
        self.keyring.certificates().place(&name).put(certificate);
        self.keyring.ring(&format!("aws/{name}")).put(keys);
    }
}
