//! Every limit of what clouds list for resources, with its reason.

/// The most places, each a region as one identity: as many as Secrets are watched, and each costs a reader and some calls a minute.
pub(super) const PLACES: usize = 500;
