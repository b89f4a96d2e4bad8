//! Every limit of this source, with its reason.

use std::time::Duration;

use crate::backoff::Backoff;

/// Time between two lists of a region: EC2 has nothing to wait on, and takes some calls a second of all that an account runs.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);
/// Waits of a region that failed.
pub(super) const FAILED: Backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(60) };
/// Instances on a page; AWS takes 5 to 1,000. A page of this many is some megabytes.
pub(super) const PAGE: &str = "500";
/// The most pages of one list: 100,000 instances in one region.
pub(super) const PAGES: usize = 200;
/// How often one page is asked for again because of throttling before the list fails.
pub(super) const THROTTLED: u32 = 4;
/// How long the first full list waits for other regions once one has answered: one that hangs must not hide the others.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How often a full list that was held back is told again.
pub(super) const TELL_AGAIN: Duration = Duration::from_secs(30);
/// How soon everything is told again after the store could not take something: as often as the store itself is tried again.
pub(super) const REFUSED: Duration = Duration::from_secs(1);
