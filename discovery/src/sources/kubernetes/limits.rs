//! Every limit of this source, with its reason.

use std::time::Duration;

use crate::backoff::Backoff;

/// The longest time for a connection to the API server.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// Events that are taken before the catalog is told of what they changed, so that a burst is told of once and yet soon.
pub(in crate::sources) const BURST: usize = 4_096;
/// Services that are told of at a time, so that the catalog can commit several together.
pub(super) const REPORTS: usize = 64;
/// ConfigMaps with documents that are watched: each takes a connection to the API server.
pub(super) const CONFIG_MAPS: usize = 100;
/// The most Secrets that are watched: each costs a connection's stream.
pub(super) const SECRETS: usize = 500;
/// Digits of a document's digest by which its versions are told apart.
pub(super) const VERSION: usize = 16;
/// How often a kind of objects that the cluster has not is asked for.
pub(super) const KIND_APPEARS: Duration = Duration::from_secs(60);
/// How soon everything is told again after the store could not take something: as often as the store itself is tried again.
pub(super) const REFUSED: Duration = Duration::from_secs(1);
/// How often a full list that was held back is told again.
pub(super) const TELL_AGAIN: Duration = Duration::from_secs(30);
/// While every watch stands, the catalog is told this often that all is as it was.
pub(in crate::sources) const ALIVE: Duration = Duration::from_secs(15);
/// The minor version of Kubernetes 1 from which lists are streamed: there they are on by default. They were in 1.32 too, and not in 1.33.
pub(in crate::sources) const STREAMS_LISTS: u32 = 34;
/// How long the server keeps a watch open, in seconds: what is dead shows a little later.
pub(in crate::sources) const WATCH: u32 = 60;
/// The longest silence of a connection.
pub(super) const READ: Duration = Duration::from_secs(75);
/// How long a watch that failed waits before it tries again: a server that was away is not to be found long after it is back.
pub(super) const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(10) };
/// A watch that failed and does not do so again within this time stands again: it is longer than the longest wait and the longest silence.
pub(in crate::sources) const FAILS_AGAIN: Duration = Duration::from_secs(120);
/// How long Services may fail to be watched before the run is over, and with it what was listed stale.
pub(super) const BLIND: Duration = Duration::from_secs(30);
/// How long the full list waits for the other watches once Services are known: one that hangs must not hide them.
pub(super) const READING: Duration = Duration::from_secs(10);
/// The longest time for finding out where the API server is and as whom to ask: a program of the user's may run for that.
pub(super) const CREDENTIALS: Duration = Duration::from_secs(30);
/// Requests to the API server within [`EACH`], so that a server that ends each watch at once is not asked without end.
pub(super) const REQUESTS: u64 = 20;
/// See [`REQUESTS`].
pub(super) const EACH: Duration = Duration::from_secs(1);
