//! Every limit of this source, with its reason.

use std::time::Duration;

use crate::backoff::Backoff;

/// Time between two lists of a region, give or take a fifth: Lambda has nothing to wait on.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);
/// The least time of a round through the versions, aliases, URLs of functions that did not change.
pub(super) const ROUND: Duration = Duration::from_secs(60);
/// What is read of functions one after the other is gathered for so long before the catalog is told: each report writes the
/// upstream's manifest.
pub(super) const GATHER: Duration = Duration::from_secs(1);
/// Waits after a list that failed; other regions go on.
pub(super) const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) };
/// How often a call that was throttled is made again, each time more slowly, before it counts as failed.
pub(super) const THROTTLED_AGAIN: u32 = 4;

/// How many functions in a row are refused one call before it is given up until the next round.
pub(super) const REFUSED_IN_A_ROW: u32 = 3;

/// Functions on a page, as many as Lambda gives.
pub(super) const PER_PAGE: i32 = 50;
/// The most pages of one list: 100,000 functions, and no endless one.
pub(super) const PAGES: usize = 2_000;
/// Tagged functions on a page, as many as the tagging service gives.
pub(super) const TAGGED_PER_PAGE: u32 = 100;
