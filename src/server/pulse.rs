//! Signs of life of a connection, and when it has shown too few: slow heads, slow readers, idlers.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::line::{FileLine, Line};
use crate::deliver::extent::Sending;

/// What a connection does, as far as it matters to patience. Counters wrap; only their change is looked at.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    reads: AtomicU32,
    writes: AtomicU32,
    write_pending: AtomicBool,
    begun: AtomicU32,
    done: AtomicU32,
    /// Open requests whose next bytes are the client's to take.
    offered: AtomicU32,
    /// `reads` when the last request's head was complete.
    reads_at_head: AtomicU32,
    multiplexed: AtomicBool,
    given: AtomicBool,
    broken: AtomicBool,
    order: AtomicU8,
    ordered: Notify,
}

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Finish the open requests, take no more.
    Finish,
    /// End at once.
    Close,
}

/// How long a connection may show no progress, by what it is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// For the head of a request.
    pub(super) header: Duration,
    /// Between requests.
    pub(super) idle: Duration,
    /// For taking the next bytes of an answer.
    pub(super) write: Duration,
}

/// What a connection was seen at last, and for how long it has not moved from there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    stage: Option<Stage>,
    still: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// An answer waits for the client, so many writes in.
    Writing(u32),
    /// A request is worked on.
    Working,
    /// The head after so many requests is incomplete.
    Reading(u32),
    /// Nothing has come since so many requests.
    Idle(u32),
    /// Told to finish.
    Finishing,
}

impl Pulse {
    /// A request's head is complete; `multiplexed` connections send other things than heads between requests.
    pub(super) fn begin(&self, version: hyper::Version) {
        self.reads_at_head.store(self.reads.load(Relaxed), Relaxed);
        self.begun.fetch_add(1, Relaxed);
        if version == hyper::Version::HTTP_2 {
            self.multiplexed.store(true, Relaxed);
        }
    }

    /// An answer is ready to be sent.
    pub(super) fn end(&self) {
        self.done.fetch_add(1, Relaxed);
    }

    /// How many requests have begun, and whether all of them have ended.
    pub(super) fn requests(&self) -> (u32, bool) {
        let begun = self.begun.load(Relaxed);
        (begun, self.done.load(Relaxed) == begun)
    }

    /// How many requests are open.
    pub(super) fn open_requests(&self) -> u32 {
        self.begun.load(Relaxed).wrapping_sub(self.done.load(Relaxed))
    }

    /// Tells the connection what to do. A stronger order than before counts.
    pub(super) fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8 + 1, Relaxed);
        self.ordered.notify_one();
    }

    /// Whether the connection was told anything.
    pub(super) fn is_told(&self) -> bool {
        self.order.load(Relaxed) > 0
    }

    /// Hyper has the connection for good.
    pub(super) fn give(&self) {
        self.given.store(true, Relaxed);
    }

    /// Whether hyper has the connection for good.
    pub(super) fn is_given(&self) -> bool {
        self.given.load(Relaxed)
    }

    /// An answer cannot be sent to its end: the connection is to end with a reset.
    pub(super) fn break_off(&self) {
        self.broken.store(true, Relaxed);
    }

    /// Whether an answer is on its way.
    pub(super) fn is_answering(&self) -> bool {
        self.write_pending.load(Relaxed) || !self.requests().1
    }

    /// Waits for an order that is news after `last`.
    pub(super) async fn told(&self, last: Option<Order>) -> Order {
        loop {
            let order = match self.order.load(Relaxed) {
                0 => None,
                1 => Some(Order::Finish),
                _ => Some(Order::Close),
            };
            match order {
                Some(order) if Some(order) > last => return order,
                _ => self.ordered.notified().await,
            }
        }
    }

    fn stage(&self) -> Stage {
        let begun = self.begun.load(Relaxed);
        if self.write_pending.load(Relaxed) {
            return Stage::Writing(self.writes.load(Relaxed));
        }
        match self.open_requests() {
            0 => {}
            // Streams of HTTP/2 whose windows are shut: nothing is pending, and nothing moves.
            open if self.offered.load(Relaxed) >= open => return Stage::Writing(self.writes.load(Relaxed)),
            _ => return Stage::Working,
        }
        if self.is_told() {
            return Stage::Finishing;
        }
        let quiet = self.reads.load(Relaxed) == self.reads_at_head.load(Relaxed);
        if quiet || self.multiplexed.load(Relaxed) { Stage::Idle(begun) } else { Stage::Reading(begun) }
    }
}

impl Watch {
    /// What to tell a connection whose pulse is taken `elapsed` after the last time.
    pub(super) fn look(&mut self, pulse: &Pulse, elapsed: Duration, patience: Patience) -> Option<Order> {
        let stage = pulse.stage();
        if self.stage != Some(stage) {
            *self = Watch { stage: Some(stage), still: Duration::ZERO };
            return None;
        }
        self.still += elapsed;
        let (limit, order) = match stage {
            Stage::Working => return None,
            Stage::Writing(_) | Stage::Finishing => (patience.write, Order::Close),
            Stage::Reading(_) => (patience.header, Order::Close),
            Stage::Idle(_) => (patience.idle, Order::Finish),
        };
        (self.still >= limit).then_some(order)
    }
}

/// A stream that keeps a pulse up to date.
#[derive(Debug)]
pub(super) struct Pulsed<S: Line> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S: Line> Pulsed<S> {
    /// The same stream with a pulse.
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Pulsed<S> {
        Pulsed { stream, pulse }
    }

    fn wrote<T>(&self, result: Poll<T>) -> Poll<T> {
        let pulse = &self.pulse;
        if result.is_ready() {
            pulse.writes.store(pulse.writes.load(Relaxed).wrapping_add(1), Relaxed);
        }
        pulse.write_pending.store(result.is_pending(), Relaxed);
        result
    }
}

impl<S: Line> AsyncRead for Pulsed<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        if result.is_ready() {
            this.pulse.reads.store(this.pulse.reads.load(Relaxed).wrapping_add(1), Relaxed);
        }
        result
    }
}

impl<S: Line> AsyncWrite for Pulsed<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.wrote(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<S: FileLine> FileLine for Pulsed<S> {
    fn poll_write_ahead(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<std::io::Result<usize>> {
        let result = self.stream.poll_write_ahead(cx, bufs);
        self.wrote(result)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, file: &mut Sending) -> Poll<std::io::Result<u64>> {
        let result = self.stream.poll_send(cx, file);
        self.wrote(result)
    }
}

impl<S: Line> Line for Pulsed<S> {
    fn break_off(&self) {
        self.stream.break_off();
    }
}

impl<S: Line> Drop for Pulsed<S> {
    fn drop(&mut self) {
        if self.pulse.broken.load(Relaxed) {
            self.stream.break_off();
        }
    }
}

/// Counts a request as open until it is dropped, whatever becomes of it.
#[derive(Debug)]
pub(super) struct OpenRequest {
    pulse: Arc<Pulse>,
    is_offered: bool,
}

impl OpenRequest {
    /// A request whose head is complete.
    pub(super) fn new(pulse: &Arc<Pulse>, version: hyper::Version) -> OpenRequest {
        pulse.begin(version);
        OpenRequest { pulse: Arc::clone(pulse), is_offered: false }
    }

    /// Whether the next bytes of its answer are there, and it is for the client to take them.
    pub(super) fn offer(&mut self, is_offered: bool) {
        match (self.is_offered, is_offered) {
            (false, true) => drop(self.pulse.offered.fetch_add(1, Relaxed)),
            (true, false) => drop(self.pulse.offered.fetch_sub(1, Relaxed)),
            _ => {}
        }
        self.is_offered = is_offered;
    }

    /// Whether its connection was told to take no more.
    pub(super) fn is_last(&self) -> bool {
        self.pulse.is_told()
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.offer(false);
        self.pulse.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Patience =
        Patience { header: Duration::from_secs(10), idle: Duration::from_secs(60), write: Duration::from_secs(30) };

    /// Seconds until an order comes, with what it is; `act` happens before each look.
    #[track_caller]
    fn check(pulse: &Pulse, act: impl Fn(&Pulse), expected: Option<(u32, Order)>) {
        let mut watch = Watch::default();
        let found = (0..100).find_map(|second| {
            act(pulse);
            watch.look(pulse, SECOND, PATIENCE).map(|order| (second, order))
        });
        assert_eq!(found, expected);
    }

    fn read(pulse: &Pulse) {
        pulse.reads.fetch_add(1, Relaxed);
    }

    #[test]
    fn a_head_that_trickles_in_is_too_slow() {
        check(&Pulse::default(), read, Some((10, Order::Close)));
    }

    #[test]
    fn silence_is_idle() {
        check(&Pulse::default(), |_| (), Some((60, Order::Finish)));
    }

    #[test]
    fn requests_are_progress() {
        let whole = |pulse: &Pulse| {
            read(pulse);
            pulse.begin(hyper::Version::HTTP_11);
            pulse.end();
        };
        check(&Pulse::default(), whole, None);
    }

    #[test]
    fn work_takes_as_long_as_it_takes() {
        let pulse = Pulse::default();
        pulse.begin(hyper::Version::HTTP_11);
        check(&pulse, |_| (), None);
    }

    #[test]
    fn a_reader_that_takes_nothing_is_closed_and_a_slow_one_is_not() {
        let pulse = Pulse::default();
        pulse.write_pending.store(true, Relaxed);
        check(&pulse, |_| (), Some((30, Order::Close)));
        check(
            &pulse,
            |pulse| {
                pulse.writes.fetch_add(1, Relaxed);
            },
            None,
        );
    }

    #[test]
    fn an_answer_that_is_there_and_not_taken_is_given_up_and_one_that_is_waited_for_is_not() {
        let pulse = Arc::new(Pulse::default());
        let mut open = OpenRequest::new(&pulse, hyper::Version::HTTP_2);
        check(&pulse, read, None);
        open.offer(true);
        check(&pulse, read, Some((30, Order::Close)));
        open.offer(false);
        check(&pulse, read, None);
        open.offer(true);
        let other = OpenRequest::new(&pulse, hyper::Version::HTTP_2);
        check(&pulse, read, None);
        drop((open, other));
        assert_eq!((pulse.open_requests(), pulse.offered.load(Relaxed)), (0, 0));
    }

    #[test]
    fn pings_do_not_keep_a_multiplexed_connection() {
        let pulse = Pulse::default();
        pulse.begin(hyper::Version::HTTP_2);
        pulse.end();
        check(&pulse, read, Some((60, Order::Finish)));
        pulse.tell(Order::Finish);
        check(&pulse, read, Some((30, Order::Close)));
    }

    #[tokio::test]
    async fn orders_grow_stronger() {
        let pulse = Pulse::default();
        pulse.tell(Order::Finish);
        assert_eq!(pulse.told(None).await, Order::Finish);
        pulse.tell(Order::Close);
        pulse.tell(Order::Finish);
        assert_eq!(pulse.told(Some(Order::Finish)).await, Order::Close);
    }
}
