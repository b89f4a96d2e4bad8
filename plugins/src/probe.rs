//! The describing half of a function kind.

use std::sync::Arc;

use catalog::model::{KindState, Protocol, UpstreamId, UpstreamSpec};
use catalog::report::Finding;
use futures_util::future::BoxFuture;

use crate::fetch::{Fetch, FetchError};

/// Looks at one upstream and says whether it offers functions of this kind, and which. Pure but for [`Fetch`]: keeps nothing
/// between two looks but what [`Finding::Found`] hands back as `hint`.
pub trait Probe: Send + Sync {
    /// Whether an upstream of which its source says `spec` is worth a look. Where only gRPC is spoken, that is for kinds that are
    /// spoken over gRPC to say.
    fn looks_at(&self, spec: &UpstreamSpec) -> bool {
        !matches!(spec.protocol, Some(Protocol::Grpc | Protocol::Grpcs))
    }

    /// One look. An error means that it could not be found out; [`Finding::NotThis`] that it was, and the answer is no.
    fn probe<'a>(&'a self, target: &'a Target, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Finding, ProbeError>>;
}

/// What a probe is told of the upstream.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its id.
    pub id: UpstreamId,
    /// What its source says of it.
    pub spec: Arc<UpstreamSpec>,
    /// What this kind knows since its last good look.
    pub known: Option<KindState>,
    /// Paths where documents are usually found, in the order to try; the defaults or what the configuration says.
    pub document_paths: Arc<[String]>,
}

/// Why a look gave no answer. The text is for `portolan why`.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The network.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// There is a description, and it cannot be read.
    #[error("{location}: {cause}")]
    Unreadable {
        /// Where it is.
        location: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The upstream answered with an error of its own.
    #[error("{0}")]
    Answered(String),
}
