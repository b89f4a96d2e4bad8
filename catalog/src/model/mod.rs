//! The domain: what an upstream, an endpoint and a function are, whoever found them.

mod aws;
mod digest;
mod endpoint;
mod function;
mod home;
mod kind;
pub mod name;
mod origin;
mod sole;
mod upstream;

pub use aws::{Aws, Event};
pub use digest::Digest;
pub use endpoint::{Endpoint, EndpointSet, Health};
pub use function::{Described, Description, Function, Materials};
pub use home::Home;
pub use kind::Kind;
pub use origin::{Origin, SourceId};
pub use sole::SoleFunction;
pub use upstream::{Hints, KindState, Protocol, Stale, Tls, Upstream, UpstreamId, UpstreamSpec, Validation};
