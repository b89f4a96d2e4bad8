//! `serviceSpec`: what kind of functions run on an upstream.

#![allow(dead_code, reason = "what has no effect yet is here for the schema alone")]

use schemars::JsonSchema;
use serde::Deserialize;

use crate::resources::shape::Later;

/// What runs there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceSpec {
    /// A REST service.
    pub(super) rest: Option<RestService>,
    /// A gRPC service, as it was written down once.
    grpc: Option<Later>,
    /// A gRPC service, by its descriptors.
    grpc_json_transcoder: Option<Later>,
    /// A GraphQL service.
    graphql: Option<Later>,
}

/// A REST service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RestService {
    /// Its document.
    pub(super) swagger_info: Option<SwaggerInfo>,
    /// Functions that are written down.
    transformations: Option<Later>,
}

/// Where a document is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SwaggerInfo {
    /// A path, or a URL on the upstream itself or an allowed host.
    #[schemars(length(min = 1))]
    pub(super) url: Option<String>,
    /// The document itself.
    inline: Option<Later>,
}

impl ServiceSpec {
    /// Where its document is.
    pub(super) fn document(&self) -> Option<&str> {
        self.rest.as_ref()?.swagger_info.as_ref()?.url.as_deref()
    }
}
