//! Tells HTTP/1 and HTTP/2 with prior knowledge apart by a connection's first bytes.
//!
//! HTTP/2 begins with `PRI * HTTP/2.0` (RFC 9113, 3.4), and `PRI` is a method that HTTP/1 never has. So three bytes decide; they
//! are read once and handed to whichever protocol it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The protocol of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    /// HTTP/1.0 or 1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

const FIRST: &[u8; 3] = b"PRI";

/// A connection whose first bytes were read ahead.
#[derive(Debug)]
pub(crate) struct Begun<T> {
    io: T,
    head: [u8; FIRST.len()],
    /// The part of `head` that was not read yet.
    rest: std::ops::Range<usize>,
}

/// Reads the first bytes and says what they mean.
pub(crate) async fn read<S: AsyncRead + Unpin, T>(mut stream: S, wrap: fn(S) -> T) -> io::Result<(Protocol, Begun<T>)> {
    let mut head = [0; FIRST.len()];
    let mut len = 0;
    while len < FIRST.len() && head[..len] == FIRST[..len] {
        match stream.read(&mut head[len..]).await? {
            0 => break,
            n => len += n,
        }
    }
    let protocol = if head == *FIRST { Protocol::Http2 } else { Protocol::Http1 };
    Ok((protocol, Begun { io: wrap(stream), head, rest: 0..len }))
}

impl<T: Read + Unpin> Read for Begun<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let end = self.rest.end.min(self.rest.start + buf.remaining());
        buf.put_slice(&self.head[self.rest.start..end]);
        self.rest.start = end;
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for Begun<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// What `sent` is taken for; all of it must still be readable.
    async fn check(sent: &'static [u8]) -> Protocol {
        let (protocol, begun) = read(sent, TokioIo::new).await.unwrap();
        let mut all = Vec::new();
        TokioIo::new(begun).read_to_end(&mut all).await.unwrap();
        assert_eq!(all, sent);
        protocol
    }

    #[tokio::test]
    async fn three_bytes_decide() {
        for (sent, expected) in [
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], Protocol::Http2),
            (b"PROPFIND /a HTTP/1.1\r\n", Protocol::Http1),
            (b"POST / HTTP/1.1\r\n", Protocol::Http1),
            (b"GET / HTTP/1.1\r\n", Protocol::Http1),
            (b"P", Protocol::Http1),
            (b"", Protocol::Http1),
        ] {
            assert_eq!(check(sent).await, expected, "{sent:?}");
        }
    }
}
