//! Every limit of the calls to AWS, with its reason.

use std::time::Duration;

use crate::backoff::Backoff;

/// Time between two calls of one identity in one region: some 12 a second, as Lambda's control plane takes 15 and the network may delay
/// one, by a fifth of a second here, and bunch it with those behind it.
pub(crate) const PACE: Duration = Duration::from_millis(80);
/// Time between two calls of the slow lane: 5 a second, so that what is read in rounds leaves two thirds to what changed.
pub(crate) const SLOW: Duration = Duration::from_millis(200);
/// How much longer the times between calls get with each throttled one.
pub(crate) const SLOWER: u32 = 2;
/// The most times longer that they get.
pub(crate) const SLOWEST: u32 = 16;
/// Calls answered in a row before they get shorter again.
pub(crate) const EASE: u32 = 20;

/// The longest time for a connection to AWS.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);
/// The longest time for an answer: a page of DescribeInstances takes seconds in a large account.
pub(crate) const ANSWER: Duration = Duration::from_secs(20);
/// The longest answer to a call of ours or of AWS's own crates, in bytes: a page of 500 instances with 50 tags each is a sixth of it.
pub(crate) const ANSWER_BYTES: usize = 32 << 20;
/// How much of an error's text is told, in bytes.
pub(crate) const EXCERPT: usize = 256;

/// The longest time to get keys: a chain of a few roles, each a call to STS.
pub(crate) const KEYS: Duration = Duration::from_secs(30);
/// Keys are got anew this long before they end, as AWS's own tools do.
pub(crate) const BEFORE_THE_END: Duration = Duration::from_secs(300);
/// Keys that have no end are read again this often: files are rotated.
pub(crate) const READ_AGAIN: Duration = Duration::from_secs(300);
/// How soon keys that AWS refused are read again at the earliest.
pub(crate) const DOUBTED: Duration = Duration::from_secs(10);
/// How soon whoever keeps keys looks again while others get them.
pub(crate) const RENEWING: Duration = Duration::from_secs(1);
/// Waits after keys could not be got.
pub(crate) const KEYS_BACKOFF: Backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(60) };

/// The largest file that holds a key, in bytes.
pub(crate) const KEY_FILE: u64 = 16 << 10;
/// The largest configuration file of AWS's tools that is read for a profile's region, in bytes.
pub(crate) const PROFILES: u64 = 1 << 20;
/// The most identities.
pub(crate) const IDENTITIES: usize = 100;
/// The most regions of one identity; AWS has fewer.
pub(crate) const REGIONS: usize = 64;
/// The longest chain of roles.
pub(crate) const ROLES: usize = 8;
