//! What answers go out on: a stream that takes bytes, and parts of files without a copy of them.

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::TcpStream;

use crate::deliver::extent::Sending;

/// A stream with a client at its other end.
pub(super) trait Line: AsyncRead + AsyncWrite + Unpin {
    /// Sends more of a file; how many bytes.
    fn poll_send(&mut self, cx: &mut Context<'_>, file: &mut Sending) -> Poll<io::Result<u64>>;

    /// Has it end with a reset: the client sees that it has not all, whatever it knows of lengths.
    fn break_off(&self);
}

impl Line for TcpStream {
    fn poll_send(&mut self, cx: &mut Context<'_>, file: &mut Sending) -> Poll<io::Result<u64>> {
        ready!(file.poll_warm(cx))?;
        loop {
            ready!(self.poll_write_ready(cx))?;
            match self.try_io(Interest::WRITABLE, || file.send_to(&*self)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn break_off(&self) {
        // Where it cannot be reset it ends as others do, and is too short.
        let _ = self.set_zero_linger();
    }
}
