//! An upstream's manifest: what it is, and which records are current.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digests::Digests;
use super::function::time;
use crate::model::{
    Aws, Digest, Hints, Home, Kind, KindState, Origin, Protocol, SoleFunction, SourceId, Tls, Upstream, UpstreamId,
    UpstreamSpec, Validation,
};

/// What makes a change of an upstream visible.
#[derive(Serialize, Deserialize)]
pub(crate) struct ManifestRecord<'a> {
    #[serde(borrow)]
    pub(crate) upstream: UpstreamRecord<'a>,
    /// Its functions, grouped by the definitions that they share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<GroupRecord>,
}

/// Functions whose schemas refer to the same definitions.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    /// The blob that says which definition has which content; none where nothing is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<Digest>,
    /// The contents that the table names, so that they can be dropped without reading it.
    #[serde(default, skip_serializing_if = "Digests::is_empty")]
    pub(crate) definitions: Digests,
    /// The functions' records.
    #[serde(default, skip_serializing_if = "Digests::is_empty")]
    pub(crate) functions: Digests,
}

/// The upstream itself.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpstreamRecord<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    instance: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    spec: SpecRecord<'a>,
    first_seen: i64,
    last_seen: i64,
    revision: u64,
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    kinds: BTreeMap<Cow<'a, str>, KindRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
struct KindRecord<'a> {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    tls: bool,
    digest: Digest,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    hint: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    complaints: Cow<'a, [String]>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SpecRecord<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    host: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    base_path: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    rest_base_path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<Protocol>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    tls: Option<TlsRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws: Option<Cow<'a, Aws>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sole_function: Option<Cow<'a, SoleFunction>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    home: Option<Cow<'a, Home>>,
    #[serde(borrow, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    openapi: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discovery: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Validation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    over: Option<Cow<'a, Origin>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TlsRecord<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    server_name: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    root_ca: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    secret: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    one_way: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    insecure_skip_verify: bool,
}

impl<'a> UpstreamRecord<'a> {
    pub(crate) fn of(upstream: &'a Upstream) -> Self {
        let kind = |(kind, state): (&'a Kind, &'a KindState)| {
            let hint = state.hint.as_deref().map(Cow::Borrowed);
            let complaints = Cow::Borrowed(&*state.complaints);
            (Cow::Borrowed(kind.as_str()), KindRecord { tls: state.tls, digest: state.digest, hint, complaints })
        };
        Self {
            namespace: Cow::Borrowed(&upstream.namespace),
            name: Cow::Borrowed(&upstream.name),
            source: Cow::Borrowed(&upstream.origin.source.kind),
            instance: Cow::Borrowed(&upstream.origin.source.instance),
            key: Cow::Borrowed(&upstream.origin.key),
            spec: SpecRecord::of(&upstream.spec),
            first_seen: upstream.first_seen.as_millisecond(),
            last_seen: upstream.last_seen.as_millisecond(),
            revision: upstream.revision,
            kinds: upstream.kinds.iter().map(kind).collect(),
        }
    }

    /// The upstream with this id. `share` gives one pointer for equal texts, `kind` the kind of a name.
    pub(crate) fn into_upstream(
        self,
        id: UpstreamId,
        mut share: impl FnMut(&str) -> Arc<str>,
        kind: impl Fn(&str) -> Kind,
    ) -> Upstream {
        let state = |(name, record): (Cow<'_, str>, KindRecord<'_>)| {
            let hint = record.hint.map(Cow::into_owned);
            let complaints = record.complaints.into_owned();
            (kind(&name), KindState { tls: record.tls, digest: record.digest, hint, complaints })
        };
        Upstream {
            id,
            namespace: share(&self.namespace),
            name: self.name.into(),
            origin: Origin {
                source: SourceId { kind: share(&self.source), instance: share(&self.instance) },
                key: self.key.into(),
            },
            spec: Arc::new(self.spec.into_spec()),
            first_seen: time(self.first_seen),
            last_seen: time(self.last_seen),
            revision: self.revision,
            kinds: self.kinds.into_iter().map(state).collect(),
        }
    }
}

impl<'a> SpecRecord<'a> {
    fn of(spec: &'a UpstreamSpec) -> Self {
        let text = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        Self {
            host: text(&spec.host),
            base_path: Cow::Borrowed(&spec.base_path),
            rest_base_path: text(&spec.rest_base_path),
            protocol: spec.protocol,
            tls: spec.tls.as_ref().map(|tls| TlsRecord {
                server_name: text(&tls.server_name),
                root_ca: text(&tls.root_ca),
                secret: text(&tls.secret),
                one_way: tls.one_way,
                insecure_skip_verify: tls.insecure_skip_verify,
            }),
            aws: spec.aws.as_ref().map(Cow::Borrowed),
            sole_function: spec.sole_function.as_ref().map(Cow::Borrowed),
            home: spec.home.as_ref().map(Cow::Borrowed),
            labels: spec.labels.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
            openapi: text(&spec.hints.openapi),
            discovery: spec.hints.discovery,
            validation: spec.hints.validation,
            over: spec.over.as_ref().map(Cow::Borrowed),
        }
    }

    fn into_spec(self) -> UpstreamSpec {
        UpstreamSpec {
            host: self.host.map(Cow::into_owned),
            base_path: self.base_path.into_owned(),
            rest_base_path: self.rest_base_path.map(Cow::into_owned),
            protocol: self.protocol,
            tls: self.tls.map(|tls| Tls {
                server_name: tls.server_name.map(Cow::into_owned),
                root_ca: tls.root_ca.map(Cow::into_owned),
                secret: tls.secret.map(Cow::into_owned),
                one_way: tls.one_way,
                insecure_skip_verify: tls.insecure_skip_verify,
            }),
            aws: self.aws.map(Cow::into_owned),
            sole_function: self.sole_function.map(Cow::into_owned),
            home: self.home.map(Cow::into_owned),
            labels: self.labels.into_iter().map(|(k, v)| (k.into_owned(), v.into_owned())).collect(),
            hints: Hints {
                openapi: self.openapi.map(Cow::into_owned),
                discovery: self.discovery,
                validation: self.validation,
            },
            over: self.over.map(Cow::into_owned),
        }
    }
}
