//! The body of an answer on its way: read from its file a window at a time, one window ahead.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::artifact::{Body, Muxed};
use super::sources::blocking;
use crate::entry::Source;
use crate::error::{Error, Kind, Result};
use crate::origin::{Opened, Origin, Remote};
use crate::packager::layout::{Layout, Slice};

/// Bytes of a window. Twice as many are in memory for a client that takes its time.
const WINDOW: u64 = 512 * 1024;

/// Bytes on their way from another origin beyond the window.
const AHEAD: u64 = 2 << 20;

/// A body that is being read.
#[derive(Debug)]
pub struct Reading {
    /// What is read and not yet taken.
    ready: Option<Bytes>,
    ahead: Option<JoinHandle<Result<Bytes>>>,
    rest: Option<Rest>,
}

/// What is still to be read.
#[derive(Debug)]
struct Rest {
    opened: Opened,
    layout: Layout,
    at: u64,
}

impl Reading {
    /// Begins to read `body`: its first window is there, or why not.
    pub(super) async fn begin(origin: &Origin, body: Body) -> Result<Reading> {
        let (source, layout) = match body {
            Body::Bytes(bytes) => return Ok(Reading { ready: Some(bytes), ahead: None, rest: None }),
            Body::Slices { source, layout } => (source, layout),
            Body::Muxed(muxed) => {
                let whole = multiplexed(origin, &muxed).await?;
                let range = muxed.range.start as usize..muxed.range.end as usize;
                let changed = || Error::new(Kind::Internal, "a segment is shorter than it was said to be");
                let part = whole.get(range.clone()).map(|_| whole.slice(range)).ok_or_else(changed)?;
                return Ok(Reading { ready: Some(part), ahead: None, rest: None });
            }
        };
        let opened = origin.open(&source).await?;
        let mut reading = Reading { ready: None, ahead: None, rest: Some(Rest { opened, layout, at: 0 }) };
        reading.read_ahead();
        reading.ready = std::future::poll_fn(|cx| reading.poll_ahead(cx)).await.transpose()?;
        Ok(reading)
    }

    /// The next bytes; `None` after the last.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        match self.ready.take() {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(bytes))),
            _ => self.poll_ahead(cx),
        }
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let Some(ahead) = &mut self.ahead else { return Poll::Ready(None) };
        let read = ready!(Pin::new(ahead).poll(cx));
        self.ahead = None;
        let read = read
            .unwrap_or_else(|error| Err(Error::new(Kind::Internal, "reading the file was given up").caused_by(error)));
        match &read {
            Ok(_) => self.read_ahead(),
            Err(_) => self.rest = None,
        }
        Poll::Ready(Some(read))
    }

    /// Begins to read the next window, if there is one.
    fn read_ahead(&mut self) {
        let Some(rest) = &mut self.rest else { return };
        let end = rest.at.saturating_add(WINDOW).min(rest.layout.len());
        let part = rest.layout.part(rest.at..end);
        rest.at = end;
        if part.is_empty() {
            self.rest = None;
            return;
        }
        self.ahead = Some(match rest.opened.clone() {
            Opened::Remote(file) => {
                let far = end.saturating_add(AHEAD).min(rest.layout.len());
                file.expect(&stored(&rest.layout.part(end..far)));
                tokio::spawn(async move { read_remote(&file, &part).await })
            }
            opened => tokio::task::spawn_blocking(move || read(&opened, &part)),
        });
    }
}

/// The whole of a segment that is multiplexed from its samples.
pub(super) async fn multiplexed(origin: &Origin, muxed: &Muxed) -> Result<Bytes> {
    let open = async |source: &Option<Source>| match source {
        Some(source) => origin.open(source).await.map(Some),
        None => Ok(None),
    };
    let (pictures, sound) = (open(&muxed.pictures).await?, open(&muxed.sound).await?);
    let mux = Arc::clone(&muxed.mux);
    blocking(move |_| {
        let pictures = pieces(pictures.as_ref(), mux.pictures())?;
        let sound = pieces(sound.as_ref(), mux.sound())?;
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
pub(super) fn read(opened: &Opened, layout: &Layout) -> Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(layout.len()).unwrap_or(usize::MAX)];
    let mut rest = &mut bytes[..];
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
    Ok(bytes.into())
}

/// The bytes of a layout over a file at another origin. No thread waits while they are on their way.
async fn read_remote(file: &Remote, layout: &Layout) -> Result<Bytes> {
    let ranges = stored(layout);
    let length: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let mut read = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.gather(&ranges, &mut read).await?;
    if length == layout.len() {
        return Ok(read.into());
    }
    let mut rest = &read[..];
    let mut bytes = Vec::with_capacity(usize::try_from(layout.len()).unwrap_or(0));
    for slice in layout.slices() {
        match slice {
            Slice::Made(made) => bytes.extend_from_slice(made),
            Slice::Source(range) => {
                let (part, after) = rest.split_at((range.end - range.start) as usize);
                bytes.extend_from_slice(part);
                rest = after;
            }
        }
    }
    Ok(bytes.into())
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
