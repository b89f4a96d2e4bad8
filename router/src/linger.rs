//! The end of a caller's HTTP/1 connection that may still be sending: a body that is too large, or that nobody wants, is answered before it
//! was read.
//!
//! To close such a connection is to reset it, which breaks the caller's writing, and may take the answer away before it was read. So only
//! our side is closed at first; what comes is read and dropped until the caller closes the other, or the limits are reached.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use crate::connection::Caller;
use crate::limits;

/// What is read at once, in bytes.
const PIECE: usize = 16 << 10;

/// A connection that lingers when it is shut down.
pub(crate) struct Lingering<T> {
    io: T,
    caller: Rc<Caller>,
    /// The bytes that are still read, once our side is closed.
    left: Option<usize>,
}

impl<T> Lingering<T> {
    /// The connection of `caller`.
    pub(crate) fn new(io: T, caller: Rc<Caller>) -> Self {
        Self { io, caller, left: None }
    }
}

impl<T: Read + Write + Unpin> Write for Lingering<T> {
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.left.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        }
        let left = this.left.get_or_insert_with(|| if this.caller.linger() { limits::LINGER_BYTES } else { 0 });
        let mut space = [MaybeUninit::uninit(); PIECE];
        while *left > 0 {
            let mut piece = ReadBuf::uninit(&mut space);
            let read = ready!(Pin::new(&mut this.io).poll_read(cx, piece.unfilled()));
            // However it ends, it ends.
            *left =
                if read.is_ok() && !piece.filled().is_empty() { left.saturating_sub(piece.filled().len()) } else { 0 };
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

impl<T: Read + Unpin> Read for Lingering<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}
