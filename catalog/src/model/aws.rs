//! What is particular about an upstream that AWS runs.

use serde::{Deserialize, Serialize};

/// Where in AWS an upstream is, and as whom it is called. Holds no secret: the keys are kept in memory under `identity`.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Aws {
    /// `eu-west-1`: what requests are signed for.
    pub region: String,
    /// The configured credential's name; empty for the default one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub identity: String,
    /// What functions are sent; without one the caller's body as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// What functions answer with; without one the caller gets their answer as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Event>,
}

/// The shape in which a service of AWS passes HTTP to a function, and takes its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// API Gateway's payload format 1.0.
    ApiGatewayV1,
    /// API Gateway's payload format 2.0, which function URLs have too.
    ApiGatewayV2,
    /// An Application Load Balancer's.
    Alb,
    /// The same where multi-value headers are enabled (`lambda.multi_value_headers.enabled` of the target group).
    AlbMultiValue,
}
