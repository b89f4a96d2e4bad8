//! Every limit of what clouds list for resources, with its reason.

use std::time::Duration;

/// The most places, each a region as one identity: as many as Secrets are watched, and each costs a reader and some calls a minute.
pub(super) const PLACES: usize = 500;
/// How long the first list waits for places that have said nothing yet: it is what a fresh daemon is ready by, and a place that hangs must
/// not hide all else that is written down.
pub(super) const FIRST_ANSWERS: Duration = Duration::from_secs(10);
