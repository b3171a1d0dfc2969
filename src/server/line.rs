//! What answers go out on: a stream that takes bytes, and in the clear parts of files without a copy of them.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::deliver::extent::Sending;

/// A stream with a client at its other end.
pub(super) trait Line: AsyncRead + AsyncWrite + Unpin {
    /// Has it end with a reset: the client sees that it has not all, whatever it knows of lengths.
    fn break_off(&self);
}

/// A stream that takes parts of files.
pub(super) trait FileLine: Line {
    /// Writes bytes that parts of a file follow at once: they go out together, so that the client wakes up once.
    fn poll_write_ahead(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;
    /// Sends more of a file; how many bytes.
    fn poll_send(&mut self, cx: &mut Context<'_>, file: &mut Sending) -> Poll<io::Result<u64>>;
}

impl FileLine for TcpStream {
    fn poll_write_ahead(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        poll_written(self, cx, || Ok(sendmsg(&*self, bufs, &mut SendAncillaryBuffer::default(), flags)?))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, file: &mut Sending) -> Poll<io::Result<u64>> {
        ready!(file.poll_warm(cx))?;
        poll_written(self, cx, || file.send_to(&*self))
    }
}

/// What `write` comes to when the stream takes something.
fn poll_written<T>(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    mut write: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, &mut write) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

impl Line for TcpStream {
    fn break_off(&self) {
        // Where it cannot be reset it ends as others do, and is too short.
        let _ = self.set_zero_linger();
    }
}

impl Line for TlsStream<TcpStream> {
    fn break_off(&self) {
        self.get_ref().0.break_off();
    }
}
