//! What sources and probes tell the registrar.

use std::sync::Arc;

use crate::model::{Description, Digest, Endpoint, Kind, Origin, UpstreamId, UpstreamSpec};

/// One upstream as its source lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The source's own key for it; never changes for the same thing.
    pub key: Arc<str>,
    /// The name that it asks for; the registrar makes it valid and unique.
    pub name: String,
    /// `None`: the discovery namespace.
    pub namespace: Option<String>,
    /// What the source says of it.
    pub spec: UpstreamSpec,
    /// Where it can be reached now.
    pub endpoints: Vec<Endpoint>,
}

/// What a source says. A run of a source begins with one `Full`; deltas follow.
#[derive(Clone, Debug)]
pub enum Report {
    /// Everything that the source has. Only this can prove an absence.
    Full(Vec<Listed>),
    /// Everything that the source is told of. It doubts itself that the rest is gone: that is held back, however little it is.
    Doubted(Vec<Listed>),
    /// One upstream is new or changed.
    Changed(Box<Listed>),
    /// The source says that this one is gone.
    Removed(Arc<str>),
    /// Only the endpoints of one upstream changed.
    Endpoints(Arc<str>, Vec<Endpoint>),
    /// All that the source says of upstreams that others list.
    Over(Vec<Over>),
}

/// What is said of an upstream that another source lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Over {
    /// Which upstream.
    pub origin: Origin,
    /// The key of what says it.
    pub key: Arc<str>,
    /// The fields that win over what its own source says.
    pub spec: UpstreamSpec,
}

/// All functions of one kind that a source itself lists for one of its upstreams, so that no probe has to look for them.
#[derive(Clone, Debug)]
pub struct ListedFunctions {
    /// The source's key for the upstream.
    pub key: Arc<str>,
    /// Their kind.
    pub kind: Kind,
    /// What they are. Only what it lacks is gone, and that at once, unless it is too much to be believed.
    pub description: Box<Description>,
}

/// What the registrar made of a report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Receipt {
    /// The catalog's revision that has it.
    pub revision: u64,
    /// Set when a full list was held back because it would remove too much: why, for a person.
    pub held_back: Option<String>,
}

/// What a probe of one kind found on one upstream.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The upstream that was looked at.
    pub upstream: UpstreamId,
    /// The kind that looked.
    pub kind: Kind,
    /// Which endpoint answered: what a changed document removes is confirmed by another one, or by time.
    pub endpoint: std::net::SocketAddr,
    /// The answer.
    pub finding: Finding,
}

/// The answer of a probe.
#[derive(Clone, Debug)]
pub enum Finding {
    /// It does not speak this kind. Three in a row over ten minutes remove what an earlier success found.
    NotThis,
    /// It could not be found out. Counts like `NotThis`.
    Failed,
    /// As at the last good probe.
    Unchanged {
        /// The probe's note for its next look. It is not kept for good.
        hint: Option<String>,
    },
    /// Its functions.
    Found {
        /// What it says of itself.
        description: Box<Description>,
        /// The digest of the document or descriptors that the description was made of.
        digest: Digest,
        /// Whether TLS was spoken.
        tls: bool,
        /// The probe's note for its next look.
        hint: Option<String>,
    },
}

/// What the registrar made of a finding.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Merged {
    /// The catalog's revision that has it.
    pub revision: u64,
    /// Functions now known for this kind.
    pub functions: usize,
    /// Set while something that the description lacks is still kept: look again within this time, at another endpoint if there is one.
    pub confirm_within: Option<std::time::Duration>,
}
