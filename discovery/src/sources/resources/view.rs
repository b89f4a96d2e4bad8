//! What the resources of a cluster say, and what is to be said of each.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use kube::ResourceExt;
use kube::core::DynamicObject;

use super::kinds::{Kind, UPSTREAM};
use crate::resources::fields::{Remark, Remarks, Severity};
use crate::resources::status::Status;
use crate::resources::upstream::Surroundings;
use crate::sources::hosts::{Like, Target, Written};
use crate::sources::kubernetes::secret::Holds;
use crate::sources::kubernetes::secrets::SecretName;
use crate::sources::kubernetes::told::key_of;
use crate::sources::kubernetes::view::namespace;
use crate::sources::kubernetes::watch::tells_of;

/// What is to be said of one resource.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) kind: &'static Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Which writing of the resource this is about.
    pub(super) version: String,
    pub(super) remarks: Vec<Remark>,
    /// The upstream that it stands for.
    pub(super) like: Option<Like>,
    /// The Secrets that it names, and what each is to hold.
    pub(super) secrets: Vec<(SecretName, Holds)>,
    /// What we have said in it.
    pub(super) said: Option<Status>,
}

/// A resource, by the plural of its kind and by key.
pub(super) type Key = (&'static str, Arc<str>);

/// Of all resources.
pub(super) type Verdicts = BTreeMap<Key, Arc<Verdict>>;

/// The resources of a cluster, as far as it was told of.
pub(super) struct View {
    around: Surroundings,
    /// Whose statuses are ours.
    reporter: String,
    verdicts: Verdicts,
    targets: BTreeMap<Key, Target>,
    /// Kinds that the server does not know.
    unknown: BTreeSet<String>,
    gone: Vec<Arc<str>>,
}

impl View {
    /// Of a cluster of which an earlier run `held` these. Statuses under the namespace `reporter` are ours.
    pub(super) fn new(around: Surroundings, reporter: String, held: impl Iterator<Item = Target>) -> Self {
        let targets = held.map(|target| ((UPSTREAM.plural, target.key.clone()), target)).collect();
        let (verdicts, unknown, gone) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        Self { around, reporter, verdicts, targets, unknown, gone }
    }

    /// `object` is there. One that is refused leaves in force what it said before.
    pub(super) fn put(&mut self, kind: &'static Kind, object: &DynamicObject) {
        self.unknown.remove(&kind.name());
        let mut remarks = Remarks::default();
        let target = (kind.read)(object, &self.around, &mut remarks);
        let key = (kind.plural, key_of(object));
        let said = object.data.pointer("/status/statuses").and_then(|statuses| statuses.get(&self.reporter));
        let verdict = Verdict {
            kind,
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            version: object.resource_version().unwrap_or_default(),
            remarks: remarks.0,
            like: target.as_ref().and_then(|target| target.like.clone()),
            // Of what is in force, be that what it said before.
            secrets: target.as_ref().or(self.targets.get(&key)).map(|target| self.secrets(target)).unwrap_or_default(),
            said: said.and_then(|said| serde_json::from_value(said.clone()).ok()),
        };
        self.verdicts.insert(key.clone(), Arc::new(verdict));
        if let Some(target) = target {
            self.targets.insert(key, target);
        }
    }

    /// It was deleted.
    pub(super) fn gone(&mut self, kind: &'static Kind, key: &Arc<str>) {
        let key = (kind.plural, key.clone());
        self.verdicts.remove(&key);
        if self.targets.remove(&key).is_some() {
            self.gone.push(key.1);
        }
    }

    /// The watch of this name tells of these, and of no other. What they lack may be the server's loss, so it is not said to be gone for
    /// certain.
    pub(super) fn listed(&mut self, watch: &str, kind: &'static Kind, keys: &HashSet<Arc<str>>) {
        self.unknown.remove(&kind.name());
        let stays =
            |(plural, key): &Key| *plural != kind.plural || !tells_of(watch, namespace(key)) || keys.contains(key);
        self.verdicts.retain(|key, _| stays(key));
        self.targets.retain(|key, _| stays(key));
    }

    /// The server knows no such kind, so there is none. Returns whether that is news.
    pub(super) fn unknown(&mut self, watch: &str, kind: &'static Kind) -> bool {
        let is_news = !self.unknown.contains(&kind.name());
        self.listed(watch, kind, &HashSet::new());
        self.unknown.insert(kind.name());
        is_news
    }

    /// All that there is to list now.
    pub(super) fn written(&mut self) -> Written {
        let refused = |verdict: &Verdict| {
            let error = verdict.remarks.iter().find(|remark| remark.severity == Severity::Error)?;
            Some((format!("{} {}/{}", verdict.kind.kind, verdict.namespace, verdict.name), error.message.clone()))
        };
        let unknown = self.unknown.iter().map(|name| {
            (name.clone(), "the cluster does not know this kind of resource: its definition is not applied".to_owned())
        });
        Written {
            targets: self.targets.values().cloned().collect(),
            left_out: self.verdicts.values().filter_map(|verdict| refused(verdict)).chain(unknown).collect(),
            gone: std::mem::take(&mut self.gone),
        }
    }

    /// What is to be said of each.
    pub(super) fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// The Secrets whose contents are taken under names of the keyring.
    fn secrets(&self, target: &Target) -> Vec<(SecretName, Holds)> {
        let prefix = self.around.secrets.as_deref().unwrap_or_default();
        let tls = target.spec.tls.as_ref().and_then(|tls| tls.secret.as_deref());
        // Of one that only an earlier run has read, its identity begins with the Secret.
        let held = || target.spec.aws.as_ref()?.identity.split(' ').next();
        let aws = target.cloud.as_ref().map_or_else(held, |cloud| cloud.who.secret.as_deref());
        let of = |name: Option<&str>, holds| Some((secret_called(name?, prefix)?, holds));
        [of(tls, Holds::Certificate), of(aws, Holds::Keys)].into_iter().flatten().collect()
    }
}

/// Whether what an earlier run made of a resource is only what it may be `around` there now.
pub(super) fn may_be(held: &Target, around: &Surroundings) -> bool {
    let Some(scope) = &around.scope else { return true };
    let (own, prefix) = (namespace(&held.key), around.secrets.as_deref().unwrap_or_default());
    let may_use = |name: &str| secret_called(name, prefix).map(|(of, _)| scope.secrets_of(&of, own).is_ok());
    let tls = held.spec.tls.as_ref().and_then(|tls| tls.secret.as_deref()).and_then(may_use);
    let identity = held.spec.aws.as_ref().map(|aws| aws.identity.split(' ').next().unwrap_or_default());
    let aws = identity.map(|identity| may_use(identity).unwrap_or_else(|| scope.own_aws(own).is_ok()));
    tls != Some(false) && aws != Some(false)
}

/// The Secret that is called `name` on the keyring, where names of what is read begin with `prefix`.
pub(super) fn secret_called(name: &str, prefix: &str) -> Option<SecretName> {
    let (namespace, name) = name.strip_prefix(prefix)?.strip_prefix('/')?.split_once('/')?;
    Some((namespace.to_owned(), name.to_owned()))
}
