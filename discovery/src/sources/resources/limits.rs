//! Every limit of this source, with its reason.

use std::time::Duration;

/// Failures of a watch one after the other until the source fails: fewer are a server that restarts or a connection that ends.
pub(super) const FAILURES: u32 = 3;
/// How long a lease is held without being renewed: Kubernetes' own controllers take as long.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// How often the holder renews it.
pub(super) const RENEW: Duration = Duration::from_secs(5);
/// Without a renewal the holder stops writing this early, so that no clock lets two write at a time.
pub(super) const STOP: Duration = Duration::from_secs(10);
/// The longest wait for one answer to a write.
pub(super) const ANSWER: Duration = Duration::from_secs(4);
/// Statuses that are written at a time.
pub(super) const WRITES: usize = 8;
/// How soon statuses are looked at again that could not be written, or that depend on what changes in the catalog.
pub(super) const SETTLE: Duration = Duration::from_secs(1);
/// How soon after a write that was refused.
pub(super) const REFUSED: Duration = Duration::from_secs(30);
