//! Every limit of this source, with its reason.

use std::time::Duration;

/// Time between two lists of a region: EC2 has nothing to wait on, and takes some calls a second of all that an account runs.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);
