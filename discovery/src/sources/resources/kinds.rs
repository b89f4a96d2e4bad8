//! Every kind of resource that is read from a cluster, as one table.

use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};

use crate::resources::fields::{Field, Remarks};
use crate::resources::node::{At, Node};
use crate::resources::upstream::{self, Surroundings};
use crate::sources::hosts::Target;

/// One kind of resource.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    /// What a resource says; `None` where it is refused, and the remarks say why.
    pub(super) read: fn(&DynamicObject, &Surroundings, &mut Remarks) -> Option<Target>,
}

/// What stands for an upstream.
pub(super) static UPSTREAM: Kind =
    Kind { group: "gloo.solo.io", version: "v1", kind: "Upstream", plural: "upstreams", read: an_upstream };

/// Every kind.
pub(super) static KINDS: &[&Kind] = &[&UPSTREAM];

impl Kind {
    /// As the API server calls it.
    pub(super) fn resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.into(),
            version: self.version.into(),
            api_version: format!("{}/{}", self.group, self.version),
            kind: self.kind.into(),
            plural: self.plural.into(),
        }
    }

    /// The name of its definition.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }
}

/// What an object that is an `Upstream` says.
pub(crate) fn an_upstream(object: &DynamicObject, around: &Surroundings, remarks: &mut Remarks) -> Option<Target> {
    let metadata = &object.metadata;
    // The rest of it is Kubernetes' own.
    let metadata = json!({
        "name": metadata.name, "namespace": metadata.namespace, "labels": metadata.labels, "annotations": metadata.annotations,
    });
    let metadata = Node::of_json(&metadata);
    let spec = object.data.get("spec").filter(|spec| !matches!(spec, Value::Null)).map(Node::of_json);
    let metadata = Field { path: "metadata".into(), node: &metadata }.fields(remarks)?;
    upstream::read(metadata, spec.as_ref(), At::NOWHERE, around, remarks)
}
