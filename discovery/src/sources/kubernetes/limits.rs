//! Every limit of this source, with its reason.

use std::time::Duration;

/// The longest time for a connection to the API server.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// Events that are taken before the catalog is told of what they changed, so that a burst is told of once and yet soon.
pub(in crate::sources) const BURST: usize = 4_096;
/// Services that are told of at a time, so that the catalog can commit several together.
pub(super) const REPORTS: usize = 64;
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
/// A watch that failed and does not do so again within this time stands again: the library's longest wait between two tries, with its jitter, is half of it.
pub(super) const FAILS_AGAIN: Duration = Duration::from_secs(120);
