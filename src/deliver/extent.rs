//! Parts of files that go out as they are: from the system's memory to a socket, without a copy in this process.

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::artifact::Body;
use super::reading::Reading;
use crate::error::Result;
use crate::origin::{Local, Opened, Origin};
use crate::packager::layout::Slice;

/// Bytes that are there without being made: nothing is left to do but to send them.
#[derive(Clone, Debug)]
pub enum Held {
    /// In memory.
    Bytes(Bytes),
    /// In a file.
    File(Extent),
}

/// A part of a file that can be sent from the system's memory.
#[derive(Clone, Debug)]
pub struct Extent {
    opened: Local,
    range: Range<u64>,
    /// Whether it was seen to be in the system's memory a moment ago.
    is_warm: bool,
}

/// A part of a file that is being sent.
#[derive(Debug)]
pub struct Sending {
    extent: Extent,
    /// Up to where the file is known to be in memory.
    warm: u64,
    warming: Option<JoinHandle<Result<Bytes>>>,
}

/// Most bytes that are sent at a time, where they are in memory.
const WINDOW: u64 = 2 * 1024 * 1024;

/// Most bytes that are read into memory at a time.
const READ: u64 = 512 * 1024;

impl From<Bytes> for Held {
    fn from(bytes: Bytes) -> Held {
        Held::Bytes(bytes)
    }
}

impl Held {
    /// The bytes of `body`, where nothing has to be made of them.
    pub(super) async fn of(origin: &Origin, body: &Body) -> Result<Option<Held>> {
        let (source, range) = match body {
            Body::Bytes(bytes) => return Ok(Some(Held::Bytes(bytes.clone()))),
            Body::Slices { source, layout, range } => match layout.slices() {
                [Slice::Source(whole)] => (source, whole.start + range.start..whole.start + range.end),
                _ => return Ok(None),
            },
            Body::Muxed(_) => return Ok(None),
        };
        let Opened::Local(opened) = origin.open(source).await? else { return Ok(None) };
        opened.check_version()?;
        Ok(opened.is_sendable().then_some(Held::File(Extent { opened, range, is_warm: false })))
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Held::Bytes(bytes) => bytes.len() as u64,
            Held::File(extent) => extent.len(),
        }
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those of a range that lies inside.
    pub fn part(&self, range: Range<u64>) -> Held {
        match self {
            // Both ends lie inside bytes that are in memory.
            Held::Bytes(bytes) => Held::Bytes(bytes.slice(range.start as usize..range.end as usize)),
            Held::File(Extent { opened, range: Range { start, .. }, is_warm }) => {
                let range = start + range.start..start + range.end;
                Held::File(Extent { opened: opened.clone(), range, is_warm: *is_warm })
            }
        }
    }

    /// The same, for a moment: where it is in the system's memory and not large, that is not looked at again each time.
    pub fn for_a_moment(self) -> Held {
        match self {
            Held::File(extent) if extent.len() <= WINDOW => {
                let is_warm = extent.opened.is_in_memory(&extent.range);
                Held::File(Extent { is_warm, ..extent })
            }
            held => held,
        }
    }
}

impl Extent {
    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// True where it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins to send it.
    pub fn send(self) -> Sending {
        Sending { warm: if self.is_warm { self.range.end } else { self.range.start }, extent: self, warming: None }
    }

    /// Begins to read it, for a way on which it cannot be sent.
    pub fn read(self) -> Reading {
        Reading::of(Opened::Local(self.opened), self.range)
    }
}

impl Sending {
    /// True when all has been sent.
    pub fn is_over(&self) -> bool {
        self.extent.is_empty()
    }

    /// Ready when the next bytes are in memory: sending them will not wait for a disk.
    pub fn poll_warm(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(warming) = &mut self.warming {
            let read = ready!(Pin::new(warming).poll(cx));
            self.warming = None;
            self.warm += read.map_err(io::Error::other)?.map_err(io::Error::other)?.len() as u64;
        }
        let Range { start, end } = self.extent.range;
        if self.warm > start || start == end {
            return Poll::Ready(Ok(()));
        }
        let window = start..start.saturating_add(WINDOW).min(end);
        if self.extent.opened.is_in_memory(&window) {
            self.warm = window.end;
            return Poll::Ready(Ok(()));
        }
        // Whatever is read stays in the system's memory for a while.
        let (opened, cold) = (self.extent.opened.clone(), start..start.saturating_add(READ).min(end));
        self.warming = Some(tokio::task::spawn_blocking(move || opened.read(cold)));
        self.poll_warm(cx)
    }

    /// Sends what the socket takes now of the bytes that are in memory; how many. Fails with `WouldBlock` where it takes none,
    /// and otherwise where the file is not as it was: what has not been sent by then never is. What the socket has taken and
    /// the client has not is still the file's, and changes with it.
    pub fn send_to(&mut self, socket: impl AsFd) -> io::Result<u64> {
        let Range { start, end } = self.extent.range;
        if self.warm == end {
            self.extent.opened.check_version().map_err(io::Error::other)?;
        }
        let sent = self.extent.opened.send(socket, start..self.warm)?;
        self.extent.range.start += sent;
        Ok(sent)
    }
}
