//! Every limit of the router, each with its reason.

use std::time::Duration;

/// A request's head, in bytes: what large cookies and tokens need, and no more. Beyond it the answer is 431.
/// (hyper's own limit of 100 header fields holds too; setting it would cost an allocation a request.)
pub(crate) const HEADER_BYTES: usize = 64 << 10;

/// Sweeps for which a connection of a caller may wait for the end of a request's head: 30 s, and up to one sweep more. It is also how
/// long an idle connection is kept: longer than most clients keep theirs.
pub(crate) const HEADER_SWEEPS: u32 = 3;

/// Sweeps for which an HTTP/2 connection of a caller may be idle: five minutes, as its next use would cost it a new handshake.
pub(crate) const HTTP2_IDLE_SWEEPS: u32 = 30;

/// What is read and dropped of a caller's connection that is closed while it sends, in bytes: several times the longest body that is
/// collected.
pub(crate) const LINGER_BYTES: usize = 64 << 20;

/// Sweeps for which such a connection may go on: 10 s, and up to one sweep more.
pub(crate) const LINGER_SWEEPS: u32 = 1;

/// How long a connection to an upstream is silent before the system asks whether it is still there: less than the 350 s after which the
/// gateways of clouds forget it.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(60);

/// Callers' connections of the whole process at most; more wait in the listeners' backlogs.
const CONNECTIONS: usize = 65_536;

/// Callers' connections that each worker may have however little there is: the kernel does not spread them evenly, and one with few
/// would let its callers wait beside idle ones.
const CONNECTIONS_PER_WORKER: usize = 64;

/// Callers' connections of one worker.
pub(crate) fn connections(workers: usize) -> usize {
    part(rustix::process::getrlimit(rustix::process::Resource::Nofile).current, workers)
}

/// A worker's part of what there may be, and of the descriptors half. The rest is for upstreams.
fn part(descriptors: Option<u64>, workers: usize) -> usize {
    let half = descriptors.map_or(CONNECTIONS, |n| usize::try_from(n / 2).unwrap_or(usize::MAX));
    (CONNECTIONS.min(half) / workers).max(CONNECTIONS_PER_WORKER)
}

/// How often at most a worker says that it takes no more connections.
pub(crate) const FULL_PAUSE: Duration = Duration::from_secs(60);

/// Connections that the kernel holds until a worker takes them: its usual own limit.
pub(crate) const BACKLOG: i32 = 4096;

/// How long to wait when no descriptor is left to accept with: some will have been closed by then.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Concurrent requests on one HTTP/2 connection of a caller (RFC 9113, 6.5.2 recommends no fewer than 100).
pub(crate) const CALLER_STREAMS: u32 = 250;

/// How much of one body HTTP/2 may send ahead of us reading it, in bytes.
pub(crate) const STREAM_WINDOW: u32 = 256 << 10;

/// The same for all bodies of a connection.
pub(crate) const CONNECTION_WINDOW: u32 = 1 << 20;

/// After this silence an HTTP/2 connection is asked whether it is still there.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(30);

/// And closed when it does not say so.
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body up to this size is checked against the schema; larger ones pass unchecked and are counted.
pub(crate) const CHECKED_BODY: usize = 1 << 20;

/// An answer that is read as a whole is read on the worker up to this size: about a millisecond of its time.
pub(crate) const READ_IN_PLACE: usize = 64 << 10;

/// Threads of each worker that read longer ones; more answers wait.
pub(crate) const READERS: usize = 4;

/// The bytes of all bodies that the process collects at once, requests and answers, and then of what is sent for them until it is sent;
/// past it a request is answered `overloaded`. A buffer that grows has up to twice the room that its text needs: that is not counted.
pub(crate) const COLLECTED: usize = 256 << 20;

/// And of them for one upstream: one that does not read leaves as much to the others.
pub(crate) const COLLECTED_PER_UPSTREAM: usize = COLLECTED / 2;

/// How long a call may take where neither the caller nor the function says.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// How long a stream may be silent.
pub(crate) const STREAM_SILENCE: Duration = Duration::from_secs(5 * 60);

/// For an upstream connection, TLS included.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Endpoints that one request tries, as long as nothing of it was sent.
pub(crate) const ATTEMPTS: usize = 3;

/// Idle HTTP/1.1 connections kept for one destination, per worker.
pub(crate) const IDLE_PER_DESTINATION: usize = 256;

/// Idle HTTP/1.1 connections kept for all destinations, per worker: bounds descriptors when very many upstreams are called.
pub(crate) const IDLE: usize = 4096;

/// How often a worker looks for what is no longer needed.
pub(crate) const SWEEP: Duration = Duration::from_secs(10);

/// An idle upstream connection is closed after this many sweeps: a minute, as most servers do themselves.
pub(crate) const IDLE_SWEEPS: u32 = 6;

/// HTTP/2 connections to one destination, per worker; when all are full, requests queue on them.
pub(crate) const HTTP2_CONNECTIONS: usize = 16;

/// An upstream's head, in bytes.
pub(crate) const ANSWER_HEADER_BYTES: usize = 256 << 10;

/// How long a connection whose answer is over may take to become free again (its request's body may still be on its way).
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

/// Plans kept by one worker.
pub(crate) const PLANS_PER_WORKER: usize = 1024;

/// Plans kept by the planner for all workers; each may hold a compiled schema of some ten kilobytes.
pub(crate) const PLANS: usize = 4096;

/// How long it is remembered that a function cannot be bound: long enough to keep callers from costing a bind each.
pub(crate) const UNBINDABLE: Duration = Duration::from_secs(10);

/// Plans that are made at once; the rest waits in the queue.
pub(crate) const BINDS: usize = 16;

/// What may wait for the planner; past it a request is answered `overloaded`.
pub(crate) const PLANNER_QUEUE: usize = 1024;

/// Access log lines that may wait for the writer; past it they are dropped and counted.
pub(crate) const LOG_QUEUE: usize = 4096;

/// Functions with metrics of their own; past it they share `function="_other"`.
pub(crate) const SERIES: usize = 1000;

/// A caller's `X-Request-Id` longer than this is replaced: it goes into every log line.
pub(crate) const REQUEST_ID: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_has_its_part_of_the_connections() {
        for (descriptors, workers, expected) in [
            (None, 1, 65_536),
            (None, 16, 4_096),
            (Some(1 << 20), 16, 4_096),
            (Some(1024), 1, 512),
            (Some(1024), 16, 64),
            (Some(0), 1, 64),
        ] {
            assert_eq!(part(descriptors, workers), expected, "{descriptors:?} {workers}");
        }
    }
}
