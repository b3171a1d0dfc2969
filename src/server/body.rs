//! Bodies of answers on their way out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::pulse::OpenRequest;
use crate::deliver::extent::{Extent, Held};
use crate::deliver::reading::Reading;
use crate::error::Error;

/// A body whose length is known from the start. The request that it answers is open until it is sent off.
#[derive(Debug, Default)]
pub(super) struct Body {
    carried: Carried,
    open: Option<OpenRequest>,
}

/// The bytes of a body.
#[derive(Debug)]
enum Carried {
    /// In memory.
    Bytes(Bytes),
    /// In a file, to be sent from there or to be read.
    File(Extent),
    /// On their way: so many are left.
    Reading(Box<Reading>, u64),
}

impl Default for Carried {
    fn default() -> Carried {
        Carried::Bytes(Bytes::new())
    }
}

impl Body {
    /// A body that is being read and has `length` bytes.
    pub(super) fn reading(reading: Reading, length: u64) -> Body {
        Body { carried: Carried::Reading(Box::new(reading), length), open: None }
    }

    /// The bytes, where they are in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> Option<&Bytes> {
        match &self.carried {
            Carried::Bytes(bytes) => Some(bytes),
            Carried::File(_) | Carried::Reading(..) => None,
        }
    }

    /// The part of a file that the bytes are, where they are in one and nothing of it is read.
    pub(super) fn extent(&self) -> Option<&Extent> {
        match &self.carried {
            Carried::File(extent) => Some(extent),
            Carried::Bytes(_) | Carried::Reading(..) => None,
        }
    }

    /// The same body, which keeps `open` until it is sent off.
    pub(super) fn keeping(self, mut open: OpenRequest) -> Body {
        open.offer(true);
        Body { open: Some(open), ..self }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { carried: Carried::Bytes(bytes), open: None }
    }
}

impl From<Held> for Body {
    fn from(held: Held) -> Body {
        match held {
            Held::Bytes(bytes) => bytes.into(),
            Held::File(extent) => Body { carried: Carried::File(extent), open: None },
        }
    }
}

impl Carried {
    /// The next bytes; `None` after the last.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Carried::File(extent) = self {
            *self = Carried::Reading(Box::new(extent.clone().read()), extent.len());
        }
        match self {
            Carried::File(_) => Poll::Ready(None),
            Carried::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
            }
            Carried::Reading(reading, left) => {
                let next = ready!(reading.poll_next(cx));
                if let Some(Ok(bytes)) = &next {
                    *left = left.saturating_sub(bytes.len() as u64);
                }
                Poll::Ready(next)
            }
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    /// A body that cannot be read to its end fails, and the connection with it: the client sees that it has not all.
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = self.carried.poll_next(cx);
        if let Some(open) = &mut self.open {
            open.offer(next.is_ready());
        }
        next.map(|next| next.map(|read| read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.carried {
            Carried::Bytes(bytes) => bytes.is_empty(),
            Carried::File(extent) => extent.is_empty(),
            Carried::Reading(_, left) => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.carried {
            Carried::Bytes(bytes) => bytes.len() as u64,
            Carried::File(extent) => extent.len(),
            Carried::Reading(_, left) => *left,
        })
    }
}
