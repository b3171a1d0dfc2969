//! Messages between two processes over a socket: a head in few bytes, and what is bulky behind it or in sealed memory.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv,
    recvmsg, send, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sealed::{Filling, Sealed};

/// Longest head that is read.
const HEAD_BYTES_MAX: usize = 4 << 20;

/// What is no longer than this travels behind its head: cheaper than memory of its own.
const INLINE_BYTES_MAX: usize = 32 << 10;

/// How often whoever waits is asked whether to give up: about once a frame of 1080p.
const ASKED_EVERY: Duration = Duration::from_millis(4);

/// Bytes before a head: its length, what follows it, and how much of that.
const PREFIX_BYTES: usize = 16;

/// One end of a connection to another process.
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

/// Why no message came.
#[derive(Debug)]
pub(super) enum Fault {
    /// The other end is closed.
    Ended,
    /// Nothing came for too long.
    Silent,
    /// Whoever waited gave up.
    Stopped,
    /// What came is no message, or none that may come now.
    Nonsense(&'static str),
    /// The system failed.
    System(io::Error),
}

/// What comes with a head.
#[derive(Debug)]
pub(super) enum Bulk {
    /// Bytes behind it.
    Inline(Bytes),
    /// Memory beside it, not looked at yet.
    Sealed(Sealed),
}

/// How long to wait for a message.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    /// Asked now and then whether to give up.
    pub(super) stop: &'a dyn Fn() -> bool,
    /// Longest wait for a part of it.
    pub(super) silence_max: Duration,
}

impl Bulk {
    /// Its bytes, of which there must be `length`.
    pub(super) fn open(self, length: u64) -> Result<Bytes, Fault> {
        match self {
            Bulk::Inline(bytes) if bytes.len() as u64 == length => Ok(bytes),
            Bulk::Sealed(sealed) if sealed.len() == length => {
                sealed.open().map_err(|_| Fault::Nonsense("memory that may change"))
            }
            _ => Err(Fault::Nonsense("a picture of another length than its size says")),
        }
    }

    /// Its length, as its sender says.
    pub(super) fn len(&self) -> u64 {
        match self {
            Bulk::Inline(bytes) => bytes.len() as u64,
            Bulk::Sealed(sealed) => sealed.len(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Ended => f.write_str("the other process ended"),
            Fault::Silent => f.write_str("the other process says nothing"),
            Fault::Stopped => f.write_str("nobody waits any more"),
            Fault::Nonsense(what) => write!(f, "the other process sent {what}"),
            Fault::System(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Errno> for Fault {
    fn from(error: Errno) -> Fault {
        match error {
            Errno::PIPE | Errno::CONNRESET => Fault::Ended,
            // Of sending, which waits no longer than `limit_sending` says.
            Errno::AGAIN => Fault::Silent,
            error => Fault::System(error.into()),
        }
    }
}

impl Channel {
    /// Over a connected stream socket of the Unix domain.
    pub(super) fn new(socket: OwnedFd) -> Channel {
        Channel(socket)
    }

    /// Ends sending with [`Fault::Silent`] where the other end takes nothing for so long.
    pub(super) fn limit_sending(&self, silence_max: Duration) -> io::Result<()> {
        Ok(set_socket_timeout(&self.0, Timeout::Send, Some(silence_max))?)
    }

    /// Sends a head with what is bulky: behind it, or in memory of its own where that is cheaper.
    pub(super) fn send(&self, head: &impl Serialize, bulk: &[&[u8]]) -> Result<(), Fault> {
        let length = bulk.iter().map(|part| part.len() as u64).sum();
        if length > INLINE_BYTES_MAX as u64 {
            return self.send_sealed(head, &sealed(bulk)?);
        }
        self.send_all(&framed(head, 0, length)?)?;
        bulk.iter().try_for_each(|part| self.send_all(part))
    }

    /// Sends a head with what is bulky about it, in memory of its own.
    pub(super) fn send_sealed(&self, head: &impl Serialize, memory: &Sealed) -> Result<(), Fault> {
        self.send_with(&framed(head, 1, memory.len())?, memory)
    }

    /// Sends a head with a descriptor beside it.
    pub(super) fn send_descriptor(&self, head: &impl Serialize, descriptor: &impl AsFd) -> Result<(), Fault> {
        self.send_with(&framed(head, 1, 0)?, descriptor)
    }

    /// Whether the other end is there and has said nothing.
    pub(super) fn is_quiet(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut watched = [PollFd::new(&self.0, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut watched, Some(&now))) == Ok(0)
    }

    fn send_with(&self, bytes: &[u8], descriptor: &impl AsFd) -> Result<(), Fault> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor.as_fd()];
        beside.push(SendAncillaryMessage::ScmRights(&descriptors));
        let count =
            rustix::io::retry_on_intr(|| sendmsg(&self.0, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL))?;
        self.send_all(&bytes[count..])
    }

    fn send_all(&self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let count = rustix::io::retry_on_intr(|| send(&self.0, bytes, SendFlags::NOSIGNAL))?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// The next message. Waits as long as `patience` has it, or for ever.
    pub(super) fn receive<T: DeserializeOwned>(&self, patience: Option<Patience<'_>>) -> Result<(T, Bulk), Fault> {
        let (prefix, descriptor) = self.prefix(patience)?;
        let [a, b, c, d, e, f, g, h, length @ ..] = prefix;
        let (head, follows) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let length = u64::from_le_bytes(length);
        let mut text = zeroed(u64::from(head), HEAD_BYTES_MAX)?;
        self.fill(&mut text, patience)?;
        let head = postcard::from_bytes(&text).map_err(|_| Fault::Nonsense("no message"))?;
        let bulk = match (follows, descriptor) {
            (0, _) => {
                let mut bytes = zeroed(length, INLINE_BYTES_MAX)?;
                self.fill(&mut bytes, patience)?;
                Bulk::Inline(bytes.into())
            }
            (_, Some(memory)) => Bulk::Sealed(Sealed::received(memory, length)),
            (_, None) => return Err(Fault::Nonsense("a message without its memory")),
        };
        Ok((head, bulk))
    }

    /// The next message, which comes with a descriptor.
    pub(super) fn receive_descriptor<T: DeserializeOwned>(
        &self,
        patience: Patience<'_>,
    ) -> Result<(T, OwnedFd), Fault> {
        match self.receive(Some(patience))? {
            (head, Bulk::Sealed(sealed)) => Ok((head, sealed.into_descriptor())),
            (_, Bulk::Inline(_)) => Err(Fault::Nonsense("a message without its descriptor")),
        }
    }

    fn prefix(&self, patience: Option<Patience<'_>>) -> Result<([u8; PREFIX_BYTES], Option<OwnedFd>), Fault> {
        let mut prefix = [0; PREFIX_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        self.wait(patience, Instant::now())?;
        let count = rustix::io::retry_on_intr(|| {
            recvmsg(&self.0, &mut [IoSliceMut::new(&mut prefix)], &mut beside, RecvFlags::CMSG_CLOEXEC)
        })?;
        let mut descriptor = None;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                // The first counts; others are closed as they are dropped.
                descriptor = descriptors.fold(descriptor, |first, next| first.or(Some(next)));
            }
        }
        match count.bytes {
            0 => Err(Fault::Ended),
            count => self.fill(&mut prefix[count..], patience).map(|()| (prefix, descriptor)),
        }
    }

    fn fill(&self, mut buffer: &mut [u8], patience: Option<Patience<'_>>) -> Result<(), Fault> {
        let since = Instant::now();
        while !buffer.is_empty() {
            self.wait(patience, since)?;
            let (count, _) = rustix::io::retry_on_intr(|| recv(&self.0, &mut *buffer, RecvFlags::empty()))?;
            if count == 0 {
                return Err(Fault::Ended);
            }
            buffer = &mut buffer[count..];
        }
        Ok(())
    }

    /// Waits until something is there to be read, or the other end is closed.
    fn wait(&self, patience: Option<Patience<'_>>, since: Instant) -> Result<(), Fault> {
        let Some(Patience { stop, silence_max }) = patience else { return Ok(()) };
        let step = Timespec { tv_sec: 0, tv_nsec: i64::from(ASKED_EVERY.subsec_nanos()) };
        loop {
            if stop() {
                return Err(Fault::Stopped);
            }
            let mut watched = [PollFd::new(&self.0, PollFlags::IN)];
            if rustix::io::retry_on_intr(|| poll(&mut watched, Some(&step)))? > 0 {
                return Ok(());
            }
            if since.elapsed() > silence_max {
                return Err(Fault::Silent);
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Memory that holds `parts`, one after another.
pub(super) fn sealed(parts: &[impl AsRef<[u8]>]) -> Result<Sealed, Fault> {
    let fill = || {
        let mut memory = Filling::new()?;
        parts.iter().try_for_each(|part| memory.append(part.as_ref()))?;
        memory.seal()
    };
    fill().map_err(Fault::System)
}

/// Bytes to be filled, if they are not too many.
fn zeroed(length: u64, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let length = usize::try_from(length).ok().filter(|&length| length <= bytes_max);
    length.map(|length| vec![0; length]).ok_or(Fault::Nonsense("a message that is too long"))
}

/// A head behind its prefix.
fn framed(head: &impl Serialize, follows: u32, length: u64) -> Result<Vec<u8>, Fault> {
    let failed = |error: postcard::Error| Fault::System(io::Error::other(error));
    let mut bytes = postcard::to_extend(head, vec![0; PREFIX_BYTES]).map_err(failed)?;
    let head = u32::try_from(bytes.len() - PREFIX_BYTES).map_err(|_| Fault::Nonsense("a head that is too long"))?;
    bytes[..4].copy_from_slice(&head.to_le_bytes());
    bytes[4..8].copy_from_slice(&follows.to_le_bytes());
    bytes[8..PREFIX_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}
