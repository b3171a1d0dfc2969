//! The fast lane of HTTP/1.1: answers that need no waiting go out beneath hyper, which sees only the other requests.
//!
//! Between requests a connection is at a boundary, where nothing of the last answer is left to be sent and hyper waits for the
//! next head. A plain request whose answer is at hand, or made in microseconds, is answered right there. Any other complete head
//! without a body is lent to hyper, byte for byte, and the boundary is reached again when its answer has been flushed, or the one
//! that waits at the siding has been sent in its place. Whatever is neither gives the connection to hyper for good.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes};
use hyper::{StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch::Receiver;

use super::Peer;
use super::answer;
use super::field;
use super::head::{self, Head, Wanted};
use super::house::House;
use super::ident::{self, X_REQUEST_ID};
use super::line::FileLine;
use super::pulse::{OpenRequest, Pulse};
use super::quota::Tally;
use super::recent::Rest;
use super::reply;
use super::siding::{Siding, Waiting};
use super::telemetry::{self, Asked};
use super::traces::{self, Traced};
use crate::deliver::Outcome;
use crate::deliver::extent::{Extent, Sending};
use crate::request::shown::shown;
use crate::trace::context::Parent;

/// A stream that answers what it can.
pub(super) struct Express<S> {
    stream: S,
    peer: Peer,
    pulse: Arc<Pulse>,
    houses: Receiver<Arc<House>>,
    siding: Arc<Siding>,
    phase: Phase,
    input: Input,
    output: Option<Output>,
    /// Room for the head of the next answer.
    head: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between requests.
    Boundary,
    /// Hyper has, or gets, one request: so many bytes of it are still to be read, and so many had begun before it.
    Lent { left: usize, begun: u32 },
    /// Hyper has the connection.
    Given,
}

/// Bytes that came in and are nobody's yet: those of `bytes` from `start` to `end`. Room is made when the first come.
#[derive(Debug, Default)]
struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// What is sent behind a head.
struct AtHand {
    kind: Asked,
    outcome: Outcome,
    rest: Rest,
}

/// An answer that is being sent.
#[derive(Debug)]
struct Output {
    /// What goes before `bytes`, of which so many bytes are gone.
    head: Vec<u8>,
    head_sent: usize,
    bytes: Bytes,
    file: Option<Sending>,
    /// What is counted when it is sent.
    counted: Option<Counted>,
    _open: OpenRequest,
}

/// What is counted of an answer.
#[derive(Debug)]
struct Counted {
    kind: Asked,
    status: StatusCode,
    outcome: Outcome,
    begun: Instant,
    traced: Option<Traced>,
}

/// Most bytes that wait in a connection's input.
const INPUT_MAX: usize = 8 * 1024;
/// Most answers in a row before other connections have their turn.
const ANSWERS_AT_ONCE: usize = 16;
/// Bytes of files in a row before other connections have their turn.
const BYTES_AT_ONCE: u64 = 2 << 20;

impl<S: FileLine> Express<S> {
    /// A stream at a boundary, and who is at its other end. A request is answered by the house that there is when it comes.
    pub(super) fn new(
        (stream, peer): (S, Peer),
        pulse: Arc<Pulse>,
        houses: Receiver<Arc<House>>,
        siding: Arc<Siding>,
    ) -> Express<S> {
        let (phase, input) = (Phase::Boundary, Input::default());
        Express { stream, peer, pulse, houses, siding, phase, input, output: None, head: Vec::new() }
    }

    /// Sends what is left of an answer. One that cannot be sent to its end breaks the connection off.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(output) = &mut self.output else { return Poll::Ready(Ok(())) };
        let sent = ready!(output.poll(&mut self.stream, cx));
        match &sent {
            Ok(()) => {
                if let Some(Counted { kind, status, outcome, begun, traced }) = output.counted.take() {
                    telemetry::express(kind, status, outcome, begun.elapsed());
                    traced.into_iter().for_each(|traced| traced.end("GET", kind, status));
                }
            }
            Err(_) => self.pulse.break_off(),
        }
        self.head = self.output.take().map_or_else(Vec::new, |output| output.head);
        Poll::Ready(sent)
    }

    /// Answers requests at a boundary for as long as answers are at hand. Ready at the end of the stream, or where the phase
    /// has changed.
    fn poll_boundary(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ANSWERS_AT_ONCE {
            ready!(self.poll_output(cx))?;
            if self.input.is_empty() {
                match self.input.poll_fill(&mut self.stream, cx)? {
                    Poll::Ready(0) => return Poll::Ready(Ok(())),
                    Poll::Ready(_) => {}
                    // Told to finish, and nothing has come: for hyper, this is the end of the stream.
                    Poll::Pending if self.pulse.is_told() => return Poll::Ready(Ok(())),
                    Poll::Pending => return Poll::Pending,
                }
            }
            self.next();
            if self.phase != Phase::Boundary {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Decides who answers the request at the front of the input.
    fn next(&mut self) {
        let (begun, at) = (self.pulse.requests().0, Instant::now());
        let (length, wanted, (range, name, trace)) = match head::head(self.input.rest()) {
            Head::Plain { length, wanted, range, name, trace } => (length, wanted, (range, name, trace)),
            Head::Bodyless { length } => return self.lend((length, Tally::Uncounted), begun),
            Head::Other => {
                self.siding.close();
                self.pulse.give();
                self.phase = Phase::Given;
                return;
            }
        };
        let house = Arc::clone(&self.houses.borrow());
        if house.admit(|| house.proxies.client(self.peer.address, &self.input.rest()[..length])).is_err() {
            // Who asks for too much is told so there.
            return self.lend((length, Tally::Uncounted), begun);
        }
        let parent = || Parent::read(std::str::from_utf8(trace?).ok()?);
        let mut traced = house.tracer.is_some().then(|| traces::begin(&house, parent())).flatten();
        let field = traced.as_ref().map(Traced::field);
        let identify = |head: &mut Vec<u8>| {
            reply::field(head, &X_REQUEST_ID, &ident::named(name));
            field.iter().for_each(|(name, value)| reply::field(head, name, value.as_bytes()));
        };
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        let at_hand = self.at_hand(&house, (wanted, range, at), &mut head, &identify);
        let Some(AtHand { kind, outcome, rest: Rest { status, bytes, file } }) = at_hand else {
            self.head = head;
            return self.lend((length, Tally::Counted), begun);
        };
        // Plain targets are ASCII.
        let url = std::str::from_utf8(wanted.target).unwrap_or_default();
        tracing::debug!(target: "vedette::access", method = "GET", url = %shown(url), status = status.as_u16());
        traced.iter_mut().for_each(|traced| traced.ask(("GET", url), (Version::HTTP_11, false)));
        self.output = Some(Output {
            head,
            head_sent: 0,
            bytes,
            file: file.map(Extent::send),
            counted: Some(Counted { kind, status, outcome, begun: at, traced }),
            _open: OpenRequest::new(&self.pulse, Version::HTTP_11),
        });
        self.input.start += length;
    }

    /// The answer to a plain request, where it is known or made in microseconds. It begins in `head`, where `identify` tells
    /// whose it is.
    fn at_hand(
        &self,
        house: &House,
        (wanted, range, begun): (Wanted<'_>, Option<&[u8]>, Instant),
        head: &mut Vec<u8>,
        identify: &dyn Fn(&mut Vec<u8>),
    ) -> Option<AtHand> {
        // The last answer of a connection says that it is the last, which none of these does; what is logged is logged in one place.
        if self.pulse.is_told() || house.log_requests {
            return None;
        }
        let now = field::now();
        if let Some(answer) = house.recent.get(wanted, now) {
            let rest = answer.reply(range, head, identify)?;
            return Some(AtHand { kind: answer.kind, outcome: Outcome::Hit, rest });
        }
        if range.is_some() {
            return None;
        }
        // A panic on the way is a failure of that request alone; hyper knows what to say.
        let made = catch_unwind(AssertUnwindSafe(|| answer::at_once(house, wanted, (begun, now), head, identify)));
        let (kind, outcome, bytes) = made.ok().flatten()?;
        Some(AtHand { kind, outcome, rest: Rest { status: StatusCode::OK, bytes, file: None } })
    }

    fn lend(&mut self, (length, tally): (usize, Tally), begun: u32) {
        self.siding.open(tally);
        self.phase = Phase::Lent { left: length, begun };
    }

    /// Waits for the end of the stream while hyper works on a request, and keeps what else comes for later.
    fn poll_lent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.input.rest().len() < INPUT_MAX {
            if ready!(self.input.poll_fill(&mut self.stream, cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        // The boundary wakes who waits here.
        Poll::Pending
    }
}

impl Output {
    fn poll(&mut self, stream: &mut impl FileLine, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let head = &self.head[self.head_sent..];
            if head.is_empty() && self.bytes.is_empty() {
                break;
            }
            let both = [io::IoSlice::new(head), io::IoSlice::new(&self.bytes)];
            let written = match &self.file {
                Some(file) if !file.is_over() => stream.poll_write_ahead(cx, &both),
                _ if self.bytes.is_empty() => Pin::new(&mut *stream).poll_write(cx, head),
                _ => Pin::new(&mut *stream).poll_write_vectored(cx, &both),
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => {
                    let of_head = sent.min(head.len());
                    self.head_sent += of_head;
                    self.bytes.advance(sent - of_head);
                }
            }
        }
        let mut sent = 0;
        while let Some(file) = self.file.as_mut().filter(|file| !file.is_over()) {
            if sent >= BYTES_AT_ONCE {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            sent += ready!(stream.poll_send(cx, file))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl From<Waiting> for Output {
    fn from(Waiting { head, body, open }: Waiting) -> Output {
        Output { head: Vec::new(), head_sent: 0, bytes: head, file: Some(body.send()), counted: None, _open: open }
    }
}

impl Input {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Moves at most `most` bytes to `buf`; how many.
    fn give(&mut self, buf: &mut ReadBuf<'_>, most: usize) -> usize {
        let count = self.rest().len().min(most).min(buf.remaining());
        buf.put_slice(&self.bytes[self.start..self.start + count]);
        self.start += count;
        count
    }

    /// Reads what has come; how many bytes, zero at the end of the stream. There must be room.
    fn poll_fill(&mut self, stream: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.bytes.resize(INPUT_MAX, 0);
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let mut buf = ReadBuf::new(&mut self.bytes[self.end..]);
        let result = Pin::new(stream).poll_read(cx, &mut buf);
        let count = buf.filled().len();
        self.end += count;
        result.map_ok(|()| count)
    }
}

impl<S: FileLine> AsyncRead for Express<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.phase == Phase::Boundary {
            ready!(this.poll_boundary(cx))?;
        }
        match this.phase {
            // The end of the stream.
            Phase::Boundary => Poll::Ready(Ok(())),
            Phase::Lent { left: 0, .. } => this.poll_lent(cx),
            Phase::Lent { left, begun } => {
                let left = left - this.input.give(buf, left);
                this.phase = Phase::Lent { left, begun };
                Poll::Ready(Ok(()))
            }
            Phase::Given if this.input.is_empty() => Pin::new(&mut this.stream).poll_read(cx, buf),
            Phase::Given => {
                this.input.give(buf, usize::MAX);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S: FileLine> AsyncWrite for Express<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_output(cx))?;
        if this.siding.is_taken() {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut this.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_output(cx))?;
        if this.siding.is_taken() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Hyper flushes when all it had to say is written: with its request answered, the connection is at a boundary again.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(waiting) = this.siding.leave() {
            this.output = Some(waiting.into());
        }
        ready!(this.poll_output(cx))?;
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        if let Phase::Lent { left: 0, begun } = this.phase {
            let (now, all_ended) = this.pulse.requests();
            if now != begun && all_ended {
                this.phase = Phase::Boundary;
                if !this.input.is_empty() {
                    cx.waker().wake_by_ref();
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_output(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
