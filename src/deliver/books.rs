//! What a pool knows: who waits, what is held, and what comes next.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::oneshot;

use super::fair::{Flow, Line, Place};
use super::pace::Pace;
use super::pool::Limits;
use super::standing::{Full, Most, Standing, Waiting};
use crate::error::{Code, Error, Result};
use crate::plan::cost::Cost;

/// Its turns, their pieces and parts, and the memory that they take. Whoever looks into it holds its lock.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Pieces that wait for a thread and for memory.
    pub(super) pieces: Line<Piece>,
    /// Parts that wait for memory.
    pub(super) parts: Line<Part>,
    pub(super) standing: Standing,
    pub(super) turns: HashMap<u64, Ticket>,
    pub(super) numbers: u64,
    pub(super) workers: usize,
    pub(super) busy: usize,
    /// Microseconds of pieces that are worked on.
    pub(super) begun_micros: u64,
    /// Bytes of memory that parts hold, and that pieces do.
    pub(super) held: u64,
    pub(super) taken: u64,
    pub(super) pace: Pace,
    pub(super) closed: bool,
}

/// A turn, as the pool sees it.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) flow: Flow,
    /// What of it has not begun.
    pub(super) waiting: Waiting,
    /// What had been served when it came, and what it has had since.
    pub(super) came: u64,
    pub(super) spent: u64,
    pub(super) held: u64,
    /// How many of its parts wait for something else than workers: where any does, it is not counted among those that wait.
    pub(super) asides: usize,
}

impl Ticket {
    /// What of it is counted among what waits.
    pub(super) fn counted(&self) -> Waiting {
        if self.asides == 0 { self.waiting } else { Waiting::default() }
    }
}

/// A part of a turn that waits for memory.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) turn: u64,
    pub(super) memory: u64,
    pub(super) grant: oneshot::Sender<()>,
}

/// A piece of work that waits for a thread, and for memory.
pub(super) struct Piece {
    pub(super) turn: u64,
    pub(super) whole: u64,
    pub(super) cost: Cost,
    /// Gives whether it was done to its end.
    pub(super) work: Box<dyn FnOnce() -> bool + Send>,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({} of {})", self.turn, self.whole)
    }
}

/// Says no, and for how long: until what waits now is done, as far as that can be told.
pub(super) fn refusal(reason: &'static str, message: &str, wait: Duration) -> Error {
    metrics::counter!("vedette_shed_total", "reason" => reason).increment(1);
    let wait = wait.max(RETRY_MIN);
    let message = format!("{message}, try again in {} s", wait.as_secs_f64().ceil());
    Error::coded(Code::TooManyProcesses, message).retried_after(wait)
}

/// Nobody is told to be back at once.
const RETRY_MIN: Duration = Duration::from_secs(1);

impl Limits {
    /// Bytes that parts may hold together, and pieces may take.
    pub(super) fn half(&self) -> u64 {
        self.memory_max / 2
    }
}

impl State {
    /// Fails where as much waits as may, of all or of somebody, or where `flow` would wait for too long.
    pub(super) fn check(&self, flow: Flow, cost: Cost, limits: &Limits) -> Result<()> {
        let wait = self.wait(self.standing.ahead(flow, cost.micros));
        let all = limits.queue_max.saturating_add(self.workers.saturating_sub(self.busy));
        let count = self.standing.all().count;
        match self.standing.full(flow, Most { all, client: limits.client_queue_max.max(1) }) {
            Some(Full::All) => Err(refusal("queue", &format!("{count} requests wait for a worker"), wait)),
            Some(Full::Partner) => {
                Err(refusal("partner", "too many requests for this account wait for a worker", wait))
            }
            Some(Full::Client) => Err(refusal("client", "too many requests of this client wait for a worker", wait)),
            None if wait > limits.queue_wait => Err(refusal("deadline", "all workers are busy for too long", wait)),
            None => Ok(()),
        }
    }

    /// A turn, of which so much waits.
    pub(super) fn admit(&mut self, flow: Flow, waiting: Waiting) -> u64 {
        self.numbers += 1;
        self.standing.come(flow, waiting);
        let ticket = Ticket { flow, waiting, came: self.pieces.served(), spent: 0, held: 0, asides: 0 };
        self.turns.insert(self.numbers, ticket);
        self.numbers
    }

    /// A turn of so many microseconds that goes on with another one, of whose work they are.
    pub(super) fn divide(&mut self, whole: u64, flow: Flow, micros: u64) -> u64 {
        if let Some(ticket) = self.turns.get_mut(&whole) {
            let before = ticket.counted();
            ticket.waiting.micros = ticket.waiting.micros.saturating_sub(micros);
            let moved = Waiting { count: 0, micros: before.micros - ticket.counted().micros };
            self.standing.begin(flow, moved);
        }
        self.admit(flow, Waiting { count: 0, micros })
    }

    /// How long so many microseconds of work take after what is worked on now, which is half done where nobody knows better.
    pub(super) fn wait(&self, micros: u64) -> Duration {
        let micros = micros.saturating_add(self.begun_micros / 2);
        self.pace.real(micros) / u32::try_from(self.workers.max(1)).unwrap_or(u32::MAX)
    }

    /// Where the next piece of a turn stands.
    pub(super) fn place(&self, turn: u64, piece: u64) -> Place {
        let had = self.turns.get(&turn).map_or((0, 0), |ticket| (ticket.came, ticket.spent));
        Place::new(had, turn, piece)
    }

    /// Takes the next piece, where there is memory for it.
    pub(super) fn begin(&mut self, limits: &Limits) -> Option<Piece> {
        let memory = self.pieces.first()?.cost.memory;
        if self.taken.saturating_add(memory) > limits.half() {
            return None;
        }
        let piece = self.pieces.pop()?;
        self.taken += memory;
        self.busy += 1;
        self.begun_micros = self.begun_micros.saturating_add(piece.cost.micros);
        self.count_begun(piece.turn, Waiting { count: 1, micros: piece.cost.micros });
        self.count_begun(piece.whole, Waiting { count: 1, micros: 0 });
        Some(piece)
    }

    fn count_begun(&mut self, turn: u64, begun: Waiting) {
        let Some(ticket) = self.turns.get_mut(&turn) else { return };
        let before = ticket.counted();
        ticket.waiting.count = ticket.waiting.count.saturating_sub(begun.count);
        ticket.waiting.micros = ticket.waiting.micros.saturating_sub(begun.micros);
        let after = ticket.counted();
        let begun = Waiting { count: before.count - after.count, micros: before.micros - after.micros };
        self.standing.begin(ticket.flow, begun);
    }

    /// A turn waits for something else than workers.
    pub(super) fn step_aside(&mut self, turn: u64) {
        let Some(ticket) = self.turns.get_mut(&turn) else { return };
        self.standing.begin(ticket.flow, ticket.counted());
        ticket.asides += 1;
    }

    /// It no longer does.
    pub(super) fn step_back(&mut self, turn: u64) {
        let Some(ticket) = self.turns.get_mut(&turn) else { return };
        ticket.asides = ticket.asides.saturating_sub(1);
        self.standing.wait(ticket.flow, ticket.counted());
    }

    /// A piece has ended; where it was done to its end, it took so long.
    pub(super) fn end(&mut self, cost: Cost, took: Option<Duration>) {
        self.busy -= 1;
        self.taken -= cost.memory;
        self.begun_micros = self.begun_micros.saturating_sub(cost.micros);
        if let Some(took) = took {
            self.pace.learn(cost.micros, took);
        }
    }

    /// Lets those parts go on, in their order, that there is memory for.
    pub(super) fn let_in(&mut self, limits: &Limits) {
        while let Some(first) = self.parts.first() {
            if self.held.saturating_add(first.memory) > limits.half() {
                return;
            }
            let Some(Part { turn, memory, grant }) = self.parts.pop() else { return };
            let Some(ticket) = self.turns.get_mut(&turn) else { continue };
            ticket.held = memory;
            self.held += memory;
            // Who has left meanwhile gives it back.
            let _ = grant.send(());
        }
    }
}
