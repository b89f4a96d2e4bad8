//! Some fields of an `Upstream`'s spec by themselves, for where a place has the rest: Gloo's annotation `upstream_config`.

use std::collections::BTreeMap;

use catalog::model::{Tls, UpstreamSpec};

use super::fields::{Field, Remarks, Severity};
use super::node;
use super::upstream;

/// What says where an upstream is, which what lists it knows better.
const PLACES: &[&str] = &["static", "kube", "pipe", "aws", "azure", "consul", "awsEc2", "gcp", "ai", "metadata"];

/// What the fields say.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Overlay {
    /// `sslConfig`: TLS is spoken, and so.
    pub(crate) tls: Option<Tls>,
    /// `rest.basePath`.
    pub(crate) rest_base_path: Option<String>,
    /// `serviceSpec.rest.swaggerInfo.url`.
    pub(crate) openapi: Option<String>,
    /// `discoveryMetadata.labels`.
    pub(crate) labels: BTreeMap<String, String>,
}

/// Reads `text`, a map in JSON or YAML. Beside what it says stands what of it has no effect; where something is wrong it says nothing.
pub(crate) fn read(text: &str) -> (Overlay, Vec<String>) {
    let documents = node::documents(text);
    let node = match documents.as_slice() {
        [] => return Default::default(),
        [Ok(node)] => node,
        [Err(broken)] => return (Overlay::default(), vec![broken.message.clone()]),
        _ => return (Overlay::default(), vec!["is more than one document".to_owned()]),
    };
    let mut remarks = Remarks::default();
    let overlay = of_fields(Field::document(node), &mut remarks).filter(|_| !remarks.refuse());
    let counts = |severity| overlay.is_some() || severity == Severity::Error;
    let remarks = remarks.0.into_iter().filter(|remark| counts(remark.severity)).map(|remark| remark.message);
    let remarks = remarks.collect();
    (overlay.unwrap_or_default(), remarks)
}

fn of_fields(field: Field<'_>, remarks: &mut Remarks) -> Option<Overlay> {
    let mut spec = field.fields(remarks)?;
    let mut made = UpstreamSpec::default();
    let labels = upstream::of_all_kinds(&mut spec, &mut made, remarks);
    let tls = spec.take("sslConfig").and_then(|field| upstream::of_ssl(field, remarks));
    if let Some(service) = spec.take("serviceSpec").and_then(|field| field.fields(remarks)) {
        upstream::of_service(service, &mut made, remarks);
    }
    spec.later(PLACES, remarks);
    spec.done(remarks);
    Some(Overlay { tls, rest_base_path: made.rest_base_path, openapi: made.hints.openapi, labels })
}
