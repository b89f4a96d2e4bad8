//! Some fields of an `Upstream`'s spec by themselves, for where a place has the rest: Gloo's annotation `upstream_config`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use catalog::model::Tls;
use serde::Deserialize;

use super::services::ServiceSpec;
use super::tls::SslConfig;
use super::types::{DiscoveryMetadata, KINDS, Rest, Spec};
use crate::resources::fields::{Field, Remarks, Severity};
use crate::resources::node;
use crate::resources::shape::{Reference, Shape};

/// What the fields say.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Overlay {
    /// `sslConfig`: TLS is spoken, and so.
    pub(crate) tls: Option<Tls>,
    /// `sslConfig.secretRef`.
    pub(crate) secret: Option<Reference>,
    /// `rest.basePath`.
    pub(crate) rest_base_path: Option<String>,
    /// `serviceSpec.rest.swaggerInfo.url`.
    pub(crate) openapi: Option<String>,
    /// `discoveryMetadata.labels`.
    pub(crate) labels: BTreeMap<String, String>,
}

/// A spec, but for what says where the upstream is, which what lists it knows better.
static SHAPE: LazyLock<Shape> = LazyLock::new(|| match Shape::of::<Spec>() {
    Shape::Fields { mut known, required, at_most_one_of, .. } => {
        known.extend(KINDS.into_iter().chain(["metadata"]).map(|place| (place.to_owned(), Shape::Later)));
        known.insert("serviceSpec".to_owned(), Shape::of::<ServiceSpec>());
        Shape::Fields { known, required, one_of: Vec::new(), at_most_one_of }
    }
    shape => shape,
});

/// What of it has an effect.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    ssl_config: Option<SslConfig>,
    rest: Option<Rest>,
    service_spec: Option<ServiceSpec>,
    discovery_metadata: Option<DiscoveryMetadata>,
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
    let said: Option<Said> = SHAPE.read(&Field::document(node), &mut remarks);
    let counts = |severity| said.is_some() || severity == Severity::Error;
    let remarks = remarks.0.into_iter().filter(|remark| counts(remark.severity)).map(|remark| remark.message);
    let remarks = remarks.collect();
    (said.map(Overlay::from).unwrap_or_default(), remarks)
}

impl From<Said> for Overlay {
    fn from(said: Said) -> Self {
        let base_path = said.rest.and_then(|rest| rest.base_path);
        Self {
            tls: said.ssl_config.as_ref().map(SslConfig::tls),
            secret: said.ssl_config.and_then(|ssl| ssl.secret_ref),
            rest_base_path: base_path.map(|path| path.trim_end_matches('/').to_owned()),
            openapi: said.service_spec.as_ref().and_then(ServiceSpec::document).map(str::to_owned),
            labels: said.discovery_metadata.map(|known| known.labels).unwrap_or_default(),
        }
    }
}
