//! `sslConfig`: how TLS is spoken to an upstream.

#![allow(dead_code, reason = "what has no effect yet is here for the schema alone")]

use catalog::model::Tls;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::resources::shape::{Later, LaterMap, Reference};

/// How TLS is spoken.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-at-most-one-of" = ["secretRef", "sslFiles", "sds"]))]
pub(super) struct SslConfig {
    /// The name to ask for and to verify.
    #[schemars(length(min = 1))]
    pub(super) sni: Option<String>,
    /// A Secret of type kubernetes.io/tls: `tls.crt` and `tls.key` are shown to the upstream, and `ca.crt` has the authorities to trust in the
    /// place of the machine's.
    pub(super) secret_ref: Option<Reference>,
    /// Files on the machine.
    pub(super) ssl_files: Option<SslFiles>,
    /// Whether no certificate is shown, though the Secret has one.
    #[serde(default)]
    pub(super) one_way_tls: bool,
    /// A server that gives certificates.
    sds: Option<LaterMap>,
    /// The names that the certificate may have instead.
    verify_subject_alt_name: Option<Later>,
    /// Versions and ciphers.
    parameters: Option<Later>,
    /// Protocols that are offered.
    alpn_protocols: Option<Later>,
    /// Whether renegotiation is allowed.
    allow_renegotiation: Option<Later>,
    /// Whether sessions are not resumed.
    disable_tls_session_resumption: Option<Later>,
}

/// Files on the machine.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SslFiles {
    /// The authorities to trust in the place of the machine's, in PEM.
    #[schemars(length(min = 1))]
    pub(super) root_ca: Option<String>,
    /// The certificate to show.
    tls_cert: Option<Later>,
    /// Its key.
    tls_key: Option<Later>,
    /// Its OCSP answer.
    ocsp_staple: Option<Later>,
}

impl SslConfig {
    /// What the catalog keeps of it, but for the Secret's name.
    pub(super) fn tls(&self) -> Tls {
        Tls {
            server_name: self.sni.clone(),
            root_ca: self.ssl_files.as_ref().and_then(|files| files.root_ca.clone()),
            one_way: self.secret_ref.is_some() && self.one_way_tls,
            ..Tls::default()
        }
    }
}
