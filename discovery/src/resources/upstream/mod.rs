//! `Upstream` of `gloo.solo.io/v1`: its type, and what it is to the catalog.

mod map;
pub(crate) mod overlay;
mod services;
mod tls;
mod types;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::resources::fields::{Field, Fields, Remarks};
use crate::resources::node::{At, Node};
use crate::resources::shape::Shape;
use crate::sources::hosts::Target;
use crate::sources::kubernetes::Scope;

pub(crate) use types::Spec;

static SPEC: LazyLock<Shape> = LazyLock::new(Shape::of::<Spec>);

/// What Kubernetes itself writes into metadata.
#[rustfmt::skip]
const SYSTEM_METADATA: &[&str] = &[
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "ownerReferences", "finalizers",
    "selfLink", "generateName", "deletionGracePeriodSeconds",
];

/// Where a resource was written down.
#[derive(Clone, Default, Debug)]
pub(crate) struct Surroundings {
    /// The instance of the source `kubernetes` whose Services are meant; without one any.
    pub(crate) cluster: Option<Arc<str>>,
    /// What the names of Secrets begin with on the keyring; without this there are none.
    pub(crate) secrets: Option<Arc<str>>,
    /// What may be referred to; without this, whatever the machine has.
    pub(crate) scope: Option<Arc<Scope>>,
}

/// What a document says of an upstream, beside its spec.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    key: Arc<str>,
    name: String,
    namespace: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: Vec<(At, String, String)>,
    at: At,
}

/// The upstream that a document at `at` describes, in the fields that are left of it; `None` where it is refused, and the remarks say why.
pub(crate) fn read(
    metadata: Fields<'_>,
    spec: Option<&Node>,
    at: At,
    around: &Surroundings,
    remarks: &mut Remarks,
) -> Option<Target> {
    let metadata = of_metadata(metadata, at, remarks);
    let Some(spec) = spec else {
        remarks.error(at, "spec: is missing");
        return None;
    };
    let field = Field { path: "spec".into(), node: spec };
    let typed: Option<Spec> = SPEC.read(&field, remarks);
    let target = map::described(metadata?, &typed?, &field, around, remarks);
    Some(target).filter(|_| !remarks.refuse())
}

fn of_metadata(mut metadata: Fields<'_>, at: At, remarks: &mut Remarks) -> Option<Metadata> {
    let name = metadata.need("name", remarks).and_then(|name| name.text(remarks));
    let namespace = metadata.take("namespace").and_then(|namespace| namespace.text(remarks));
    let labels = texts(metadata.take("labels"), remarks).into_iter().map(|(_, name, value)| (name, value)).collect();
    let annotations = texts(metadata.take("annotations"), remarks);
    metadata.ignore(SYSTEM_METADATA);
    metadata.done(remarks);
    let name = name?;
    let key = format!("{}/{name}", namespace.as_deref().unwrap_or_default());
    Some(Metadata { key: key.into(), name, namespace, labels, annotations, at })
}

fn texts(field: Option<Field<'_>>, remarks: &mut Remarks) -> Vec<(At, String, String)> {
    let fields = field.and_then(|field| field.fields(remarks));
    let fields: Vec<_> = fields.into_iter().flat_map(Fields::rest).collect();
    fields.into_iter().filter_map(|(key, field)| Some((key.at, key.name.clone(), field.label(remarks)?))).collect()
}
