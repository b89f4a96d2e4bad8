//! What the sources in AWS share: as whom it is asked ([`Identity`]), where ([`Place`]: an identity in a region), how fast
//! ([`Pace`]), and signed calls.
//!
//! - Nothing is opened, read or asked before a source runs; the configuration names files and roles and holds no secret.
//! - Keys are got anew before they end; while that fails the last good ones stand until they have ended.
//! - Keys are in no record, log line, error or `Debug` text.
//! - Without a configuration all is as AWS's own tools have it: the same variables, files, roles and endpoints.

mod asked;
mod call;
mod credentials;
mod endpoint;
mod error;
mod identity;
pub(crate) mod limits;
mod pace;
mod place;
mod profile;
mod sdk;
mod settings;
mod tag;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use asked::{Asked, asked};
pub use endpoint::{Endpoint, Service};
pub(crate) use error::told;
pub use error::{AwsError, Trouble};
pub use identity::Identity;
pub use pace::{Lane, Pace};
pub(crate) use place::Who;
pub use place::{Aws, Place};
pub(crate) use settings::is_region;
pub use settings::{Base, RawAws, RawIdentity, RawKeyFiles, RawRole, RawWebIdentity, SettingsError};
pub(crate) use tag::Wanted;
