//! Servers that no probe should meet. Each takes any number of connections, and treats them all alike.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::installed::named;

/// What a trap does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A page of HTML at every path, as many a web application has it.
    Html,
    /// Takes the request and never answers.
    Hanging,
    /// An answer of JSON that comes byte by byte and has no end.
    Dripping,
    /// 200 MB of a document.
    Endless,
    /// 1 MB that decompress to 1 GB.
    GzipBomb,
    /// JSON that ends too early.
    BrokenJson,
    /// Every path leads to another one.
    RedirectLoop,
    /// Resets each connection once a request has come.
    Reset,
    /// Closes each connection at once.
    Closing,
    /// Answers every request with what is no HTTP.
    Garbage,
}

/// All of them, by the names of their upstreams.
pub const ALL: [(&str, Kind); 10] = [
    ("html", Kind::Html),
    ("hanging", Kind::Hanging),
    ("dripping", Kind::Dripping),
    ("endless", Kind::Endless),
    ("gzip-bomb", Kind::GzipBomb),
    ("broken-json", Kind::BrokenJson),
    ("redirect-loop", Kind::RedirectLoop),
    ("reset", Kind::Reset),
    ("closing", Kind::Closing),
    ("garbage", Kind::Garbage),
];

/// How much an endless answer has in the end.
const ENDLESS: usize = 200 << 20;

/// A running trap; it stops when this is dropped.
pub struct Trap {
    /// Where it listens.
    pub address: SocketAddr,
    connections: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Trap {
    /// Starts on a free port.
    pub async fn start(kind: Kind) -> Trap {
        let bomb = Arc::new(if kind == Kind::GzipBomb { bomb() } else { vec![] });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let connections: Arc<AtomicU64> = Arc::default();
        let count = Arc::clone(&connections);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let bomb = Arc::clone(&bomb);
                // Whoever is caught may leave at any time.
                open.spawn(async move { spring(kind, stream, &bomb).await.unwrap_or_default() });
                while open.try_join_next().is_some() {}
            }
        });
        Trap { address, connections, _tasks: tasks }
    }

    /// How many connections came so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn spring(kind: Kind, mut stream: TcpStream, bomb: &[u8]) -> std::io::Result<()> {
    if kind == Kind::Closing {
        return Ok(());
    }
    let mut requests = 0;
    while let Some(path) = request(&mut stream).await? {
        requests += 1;
        match kind {
            Kind::Html => {
                whole(&mut stream, "text/html", b"<!doctype html><title>Welcome</title><p>openapi: 3.0.0").await?
            }
            Kind::BrokenJson => {
                whole(&mut stream, "application/json", br#"{"openapi": "3.0.0", "paths": {"/a": {"get": "#).await?
            }
            Kind::Garbage => stream.write_all(b"\x00\x01 220 ready to serve\r\n").await?,
            Kind::Hanging => std::future::pending().await,
            Kind::Dripping => drip(&mut stream).await?,
            Kind::Endless => endless(&mut stream).await?,
            Kind::GzipBomb => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
                    bomb.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(bomb).await?;
            }
            Kind::RedirectLoop => {
                let head = format!("HTTP/1.1 302 Found\r\nlocation: /{requests}{path}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
            }
            Kind::Reset => return stream.set_zero_linger(),
            Kind::Closing => return Ok(()),
        }
    }
    Ok(())
}

/// Reads a request's head, and returns its path; none where the connection has ended. The requests have no bodies that matter.
async fn request(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let (mut head, mut piece) = (vec![], [0; 4096]);
    loop {
        match stream.read(&mut piece).await? {
            0 => return Ok(None),
            read => head.extend_from_slice(&piece[..read]),
        }
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            let line = String::from_utf8_lossy(&head);
            return Ok(Some(line.split(' ').nth(1).unwrap_or_default().to_owned()));
        }
    }
}

async fn whole(stream: &mut TcpStream, kind: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}

async fn drip(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"openapi\": \"").await?;
    loop {
        stream.write_all(b"3").await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"openapi\": \"3.0.0\", \"x\": \"")
        .await?;
    let piece = vec![b'a'; 1 << 20];
    for _ in 0..ENDLESS / piece.len() {
        stream.write_all(&piece).await?;
    }
    stream.shutdown().await
}

/// By Python: its zlib is fast also where the tests are not.
fn bomb() -> Vec<u8> {
    const SCRIPT: &str = "import sys, zlib
z = zlib.compressobj(9, zlib.DEFLATED, 31)
out = sys.stdout.buffer
out.write(z.compress(b'{\"openapi\": \"3.0.0\", \"x\": \"'))
for _ in range(1024): out.write(z.compress(b'a' * (1 << 20)))
out.write(z.flush())";
    let output = Command::new(named("PORTOLAN_TEST_PYTHON")).args(["-c", SCRIPT]).output();
    output.expect("Python runs").stdout
}
