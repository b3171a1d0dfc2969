//! The body of an answer on its way: read from its file a window at a time, one window ahead. Two windows are in memory for a
//! client that takes its time, and as much is read for what is multiplexed.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::artifact::{Body, Muxed};
use super::sources::blocking;
use super::window::{WINDOW, WINDOWS};
use crate::entry::Source;
use crate::error::{Error, Kind, Result};
use crate::origin::{Opened, Origin, Turn};
use crate::packager::layout::{Layout, Slice};
use crate::packager::mpegts::Flow;

/// Bytes on their way from another origin beyond the window.
const AHEAD: u64 = 2 << 20;

/// Bodies that are being read, one after the other.
#[derive(Debug)]
pub struct Reading {
    /// What is read and not yet taken.
    ready: Option<Bytes>,
    ahead: Option<JoinHandle<Result<(Bytes, Rest)>>>,
    /// What is not begun yet.
    rest: Option<Rest>,
}

/// What is still to be read.
#[derive(Debug)]
struct Rest(VecDeque<Part>);

/// A body of which something is still to be read.
#[derive(Debug)]
enum Part {
    /// In memory.
    Bytes(Bytes),
    /// Slices of a file.
    Slices { opened: Opened, layout: Arc<Layout>, range: Range<u64> },
    /// Samples of files, which are multiplexed.
    Flow(Box<Flowing>),
}

/// A segment that is multiplexed as it is read.
#[derive(Debug)]
struct Flowing {
    /// The files of its pictures and of its sound.
    files: [Option<Opened>; 2],
    /// What is read of each.
    read: [Vec<u8>; 2],
    flow: Flow,
    /// Bytes that come before those asked for, and how many are asked for.
    skipped: u64,
    left: u64,
}

impl Reading {
    /// Begins to read `bodies`: their first window is there, or why not.
    pub(super) async fn begin(origin: &Origin, bodies: Vec<Body>) -> Result<Reading> {
        let mut parts = VecDeque::with_capacity(bodies.len());
        for body in bodies {
            parts.push_back(Part::begin(origin, body).await?);
        }
        let mut reading = Reading { ready: None, ahead: None, rest: Some(Rest(parts)) };
        reading.ready = std::future::poll_fn(|cx| reading.poll_ahead(cx)).await.transpose()?;
        Ok(reading)
    }

    /// Reads a range of an open file, from the first time that bytes are asked for.
    pub(super) fn of(opened: Opened, range: Range<u64>) -> Reading {
        let layout = Layout::from(range);
        let part = Part::Slices { opened, range: 0..layout.len(), layout: Arc::new(layout) };
        Reading { ready: None, ahead: None, rest: Some(Rest([part].into())) }
    }

    /// The next bytes; `None` after the last.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        match self.ready.take() {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(bytes))),
            _ => self.poll_ahead(cx),
        }
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if let Some(rest) = self.rest.take() {
            self.ahead = rest.read_ahead();
        }
        let Some(ahead) = &mut self.ahead else { return Poll::Ready(None) };
        let read = ready!(Pin::new(ahead).poll(cx));
        self.ahead = None;
        let gave_up = |error| Error::new(Kind::Internal, "reading the file was given up").caused_by(error);
        let read = read.map_err(gave_up).flatten().map(|(bytes, rest)| {
            self.ahead = rest.read_ahead();
            bytes
        });
        Poll::Ready(Some(read))
    }
}

impl Rest {
    /// Begins to read the next window, if there is one.
    fn read_ahead(mut self) -> Option<JoinHandle<Result<(Bytes, Rest)>>> {
        while self.0.front().is_some_and(|part| part.left() == 0) {
            self.0.pop_front();
        }
        let mut part = self.0.pop_front()?;
        let next = |mut part: Part, turn: Option<Turn>| {
            tokio::task::spawn_blocking(move || {
                let bytes = part.next()?;
                drop(turn);
                self.0.push_front(part);
                Ok((bytes, self))
            })
        };
        if !part.is_remote() {
            return Some(next(part, None));
        }
        Some(tokio::spawn(async move {
            let turn = part.bring().await?;
            let gave_up = |error| Error::new(Kind::Internal, "reading the file was given up").caused_by(error);
            next(part, turn).await.map_err(gave_up)?
        }))
    }
}

impl Part {
    async fn begin(origin: &Origin, body: Body) -> Result<Part> {
        Ok(match body {
            Body::Bytes(bytes) => Part::Bytes(bytes),
            Body::Slices { source, layout, range } => {
                Part::Slices { opened: origin.open(&source).await?, layout, range }
            }
            Body::Muxed(muxed) => Part::Flow(Box::new(Flowing::begin(origin, muxed).await?)),
        })
    }

    fn left(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Slices { range, .. } => range.end.saturating_sub(range.start),
            Part::Flow(flowing) => flowing.left,
        }
    }

    fn is_remote(&self) -> bool {
        let is_remote = |opened: &Opened| matches!(opened, Opened::Remote(_));
        match self {
            Part::Bytes(_) => false,
            Part::Slices { opened, .. } => is_remote(opened),
            Part::Flow(flowing) => flowing.files.iter().flatten().any(is_remote),
        }
    }

    /// Waits until the next window has come from another origin, so that no thread does, and begins to fetch what is next;
    /// where only the reading tells what that is, until it is a thread's turn to wait.
    async fn bring(&mut self) -> Result<Option<Turn>> {
        match self {
            Part::Bytes(_) => Ok(None),
            Part::Slices { opened, layout, range } => {
                let end = range.start.saturating_add(WINDOW).min(range.end);
                let far = end.saturating_add(AHEAD).min(range.end);
                opened.expect(|| stored(&layout.part(range.start..far)));
                opened.bring(&stored(&layout.part(range.start..end))).await?;
                Ok(None)
            }
            Part::Flow(flowing) => turn(&flowing.files).await,
        }
    }

    /// The next window. Blocks.
    fn next(&mut self) -> Result<Bytes> {
        match self {
            Part::Bytes(bytes) => Ok(std::mem::take(bytes)),
            Part::Slices { opened, layout, range } => {
                let end = range.start.saturating_add(WINDOW).min(range.end);
                let part = layout.part(range.start..end);
                range.start = end;
                read(opened, &part)
            }
            Part::Flow(flowing) => flowing.next(),
        }
    }
}

impl Flowing {
    async fn begin(origin: &Origin, muxed: Muxed) -> Result<Flowing> {
        let Muxed { pictures, sound, mux, range } = muxed;
        let files = [open(origin, &pictures).await?, open(origin, &sound).await?];
        let unknown = || Error::new(Kind::Internal, "a segment of unknown length is made in memory");
        for (file, ranges) in files.iter().zip([mux.pictures(), mux.sound()]) {
            if let Some(file) = file {
                file.bring(&ranges).await?;
            }
        }
        let (flow, skipped) = Flow::new(mux, range.start).ok_or_else(unknown)?;
        Ok(Flowing { files, read: Default::default(), flow, skipped, left: range.end - range.start })
    }

    /// The next window: what lies in front of the bytes asked for is written too, as far back as a sample begins. Blocks.
    fn next(&mut self) -> Result<Bytes> {
        let changed = || Error::new(Kind::Internal, "a segment is shorter than it was said to be");
        loop {
            let piece = self.flow.next(WINDOW).ok_or_else(changed)?;
            for (file, ranges) in self.files.iter().zip([&piece.pictures, &piece.sound]) {
                file.iter().for_each(|file| file.expect(|| ranges.clone()));
            }
            for ((file, read), ranges) in self.files.iter().zip(&mut self.read).zip([&piece.pictures, &piece.sound]) {
                let length = ranges.iter().map(|range| range.end - range.start).sum::<u64>();
                read.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
                if let Some(file) = file {
                    file.gather(ranges, read)?;
                }
            }
            let [pictures, sound] = &mut self.read;
            let bytes = WINDOWS.written(piece.len(), |bytes| self.flow.write(&piece, pictures, sound, bytes))?;
            let (length, skipped) = (bytes.len() as u64, self.skipped);
            self.skipped = skipped.saturating_sub(length);
            if length > skipped {
                let end = length.min(skipped.saturating_add(self.left));
                self.left -= end - skipped;
                return Ok(bytes.slice(skipped as usize..end as usize));
            }
        }
    }
}

async fn open(origin: &Origin, source: &Option<Source>) -> Result<Option<Opened>> {
    match source {
        Some(source) => origin.open(source).await.map(Some),
        None => Ok(None),
    }
}

/// Leave to wait for the bytes of files, which are of one entry and so at one origin as a rule.
async fn turn(files: &[Option<Opened>; 2]) -> Result<Option<Turn>> {
    match files.iter().flatten().find(|file| matches!(file, Opened::Remote(_))) {
        Some(file) => file.turn().await,
        None => Ok(None),
    }
}

/// The whole of a segment whose length only its writing tells.
pub(super) async fn multiplexed(origin: &Origin, muxed: &Muxed) -> Result<Bytes> {
    let files = [open(origin, &muxed.pictures).await?, open(origin, &muxed.sound).await?];
    let mux = Arc::clone(&muxed.mux);
    for (file, ranges) in files.iter().zip([mux.pictures(), mux.sound()]) {
        if let Some(file) = file {
            file.bring(&ranges).await?;
        }
    }
    let turn = turn(&files).await?;
    blocking(move |_| {
        let _turn = turn;
        let [pictures, sound] = &files;
        let pictures = pieces(pictures.as_ref(), &mux.pictures())?;
        let sound = pieces(sound.as_ref(), &mux.sound())?;
        mux.write(&pictures, &sound).map(Bytes::from)
    })
    .await
}

/// The bytes of each range.
fn pieces(opened: Option<&Opened>, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
    let Some(opened) = opened else { return Ok(Vec::new()) };
    let length: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    opened.gather(ranges, &mut bytes)?;
    let mut rest = Bytes::from(bytes);
    Ok(ranges.iter().map(|range| rest.split_to((range.end - range.start) as usize)).collect())
}

/// The bytes of a layout, each copied once.
fn read(opened: &Opened, layout: &Layout) -> Result<Bytes> {
    WINDOWS.filled(usize::try_from(layout.len()).unwrap_or(usize::MAX), |bytes| read_into(opened, layout, bytes))
}

fn read_into(opened: &Opened, layout: &Layout, mut rest: &mut [u8]) -> Result<()> {
    for run in layout.slices().chunk_by(|one, next| is_stored(one) == is_stored(next)) {
        let length: u64 = run.iter().map(Slice::len).sum();
        let (part, after) = rest.split_at_mut(length as usize);
        rest = after;
        if run.first().is_some_and(is_stored) {
            let ranges: Vec<Range<u64>> = run.iter().filter_map(range).collect();
            opened.gather(&ranges, part)?;
        } else {
            fill(part, run);
        }
    }
    Ok(())
}

/// What a layout takes from the file.
fn stored(layout: &Layout) -> Vec<Range<u64>> {
    layout.slices().iter().filter_map(range).collect()
}

fn is_stored(slice: &Slice) -> bool {
    matches!(slice, Slice::Source(_))
}

fn range(slice: &Slice) -> Option<Range<u64>> {
    match slice {
        Slice::Source(range) => Some(range.clone()),
        Slice::Made(_) => None,
    }
}

fn fill(mut part: &mut [u8], run: &[Slice]) {
    for slice in run {
        if let Slice::Made(bytes) = slice {
            let (front, after) = part.split_at_mut(bytes.len());
            front.copy_from_slice(bytes);
            part = after;
        }
    }
}
