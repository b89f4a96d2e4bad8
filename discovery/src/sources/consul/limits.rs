//! Every limit of this source, with its reason.

use std::time::Duration;

use crate::backoff::Backoff;

/// The most connections to the agent. It closes the 201st of one client address without a word, and may have other clients here.
pub(super) const CONNECTIONS: usize = 128;
/// Idle connections kept for the next read.
pub(super) const IDLE: usize = 12;
/// Connections that were begun and not needed: a read that finds an idle one while its own is being made takes that.
pub(super) const SPARE: usize = 4;
/// Watches in each data centre: the services, the critical and the warning checks.
pub(super) const WATCHES: usize = 3;
/// Reads at a time in the agent's own data centre.
pub(super) const LOCAL_READS: usize = 8;
/// Reads at a time in another data centre.
pub(super) const REMOTE_READS: usize = 4;
/// Data centres watched at the same time; more would leave too few connections for services in use.
pub(super) const DATA_CENTRES: usize = 8;
/// Services in use that have a blocking query each.
pub(super) const WARM: usize = 100;

/// How many services in use have a query of their own while `centres` data centres are watched: one request more asks for
/// the list of data centres.
pub(super) const fn warm(centres: usize) -> usize {
    let others = centres.saturating_sub(1) * (WATCHES + REMOTE_READS);
    let left = CONNECTIONS.saturating_sub(IDLE + SPARE + 1 + WATCHES + LOCAL_READS + others);
    if left < WARM { left } else { WARM }
}

/// How long a query blocks before Consul answers without news: its own default.
pub(super) const WAIT: Duration = Duration::from_secs(300);
/// The longest time for an answer that blocks on nothing: two of Consul's own RPC timeouts and a little.
pub(super) const READ: Duration = Duration::from_secs(15);
/// The longest time for a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// How often a quiet connection is asked whether it lives.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(15);
/// How often in vain before it is dead.
pub(super) const KEEPALIVE_PROBES: u32 = 3;
/// The longest answer, in bytes: some 30,000 instances of one service.
pub(super) const ANSWER: usize = 64 << 20;
/// How much of an error's text is told, in bytes.
pub(super) const EXCERPT: usize = 256;

/// Answers of one watch taken as they come before it is paced.
pub(super) const BURST: u32 = 20;
/// The pace of a watch after that: a cluster in turmoil is read twenty times a second, and a failing check still counts within 100 ms.
pub(super) const PACE: Duration = Duration::from_millis(50);
/// A round rests this many times as long as it took, so that reading takes at most a third of the time …
pub(super) const REST: u32 = 2;
/// … but a round begins at the latest after this time, so that with its reads it ends within 30 s.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(20);

/// How often the list of data centres is read; it cannot be watched, and the agent's server knows it without asking anybody.
pub(super) const DATA_CENTRES_EVERY: Duration = Duration::from_secs(15);
/// Waits of a data centre that failed. The first retry was made at once.
pub(super) const REMOTE_BACKOFF: Backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(60) };
/// How long the first full list waits for another data centre once the local one is read.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer that loses too much is not believed: Consul's catalog comes back piece by piece after a loss, as the
/// agents sync their services into it, and an agent syncs at the latest after some two minutes.
pub(super) const DISBELIEF: Duration = Duration::from_secs(300);
/// A loss of more services than this at once, and of more than half, is doubted.
pub(super) const MASS: usize = 10;
/// How often a full list that was held back is told again.
pub(super) const TELL_AGAIN: Duration = Duration::from_secs(30);
/// How soon a report is told again that the store could not take: as often as the store itself is tried again.
pub(super) const REFUSED: Duration = Duration::from_secs(1);
/// Reports on their way at a time, so that the catalog can commit several together.
pub(super) const REPORTS: usize = 16;

/// How often the list of services is asked for without waiting for a change, as Consul wakes no query for lost rights, and hosts are
/// resolved again.
pub(super) const AGAIN: Duration = Duration::from_secs(30);
