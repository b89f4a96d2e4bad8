//! What is kept of a method to call it: the `binding` of a gRPC function in the catalog.

use catalog::model::Digest;
use serde::{Deserialize, Serialize};

/// One method.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    /// `package.Service`.
    pub service: String,
    /// Its name in the service.
    pub method: String,
    /// Whether it takes a stream of messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_streaming: bool,
    /// Whether it answers with a stream of messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub server_streaming: bool,
    /// What `google.api.http` says of it, the additional bindings after the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpRule>,
    /// The content of the one attachment: a serialized `FileDescriptorSet` with every file that the method needs.
    pub attachments: [Digest; 1],
}

/// One way to call a method by HTTP, as its author annotated it (`google.api.HttpRule`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRule {
    /// `GET`, `POST`, … or what a custom pattern says.
    pub method: String,
    /// The path template: `/v1/{name=shelves/*}`.
    pub pattern: String,
    /// The field that the body fills; `*` for the whole message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The field of the answer that becomes the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
}
