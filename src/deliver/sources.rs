//! From a stored file to its index and its facts: what kind of file it is says its bytes, not its name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::stop::Stop;
use crate::decode::demux::Passage;
use crate::decode::limits::Limits;
use crate::decode::place::Place;
use crate::decode::scan::ReadAt;
use crate::decode::{frames, probe, stills};
use crate::entry::Source;
use crate::error::{Error, Kind, Result};
use crate::media::mp4::{self, Reader, Step};
use crate::media::{Codec, Container, Facts, Index, Media, Packing, Track, codec};
use crate::origin::{Opened, Origin};

/// Bytes at the start of a file that tell what it is.
const HEAD_BYTES: u64 = 64;

/// Largest stored picture that is opened.
pub const STILL_BYTES_MAX: u64 = 256 << 20;

/// Longest that a file is scanned for its samples.
const SCAN_TIME_MAX: Duration = Duration::from_secs(60);

/// Most bytes of `moov` and `moof` boxes read for one index.
const INDEX_BYTES_MAX: u64 = 512 << 20;

/// Longest keyframe that is decoded only to learn the shape of the pictures.
const PROBE_BYTES_MAX: u32 = 32 << 20;

/// Most pictures of a track that are looked through for captions, and most bytes of them.
const CAPTIONED_MAX: u32 = 60;
const CAPTIONED_BYTES_MAX: u64 = 2 << 20;

/// What the first bytes of a file tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A stored picture.
    Still,
    /// ISO BMFF with tracks.
    Mp4,
    /// Something for libavformat, if for anybody.
    Other,
    /// Nothing that holds pictures or sound.
    Foreign,
}

/// What the first bytes of a file tell it to be.
pub fn content(head: &[u8]) -> Content {
    let starts = |magic: &[u8]| head.starts_with(magic);
    match () {
        () if stills::recognises(head) => Content::Still,
        () if mp4::recognises(head) => Content::Mp4,
        () if starts(b"%PDF") || starts(b"PK\x03\x04") || starts(b"#EXTM3U") || starts(b"<") => Content::Foreign,
        () => Content::Other,
    }
}

/// What the plan needs to know of `source`.
pub async fn facts(origin: &Origin, place: &Place, source: &Source) -> Result<Facts> {
    if recognise(origin, source).await? != Content::Still {
        return facts_of(&*index(origin, place, source).await?, source, place.limits());
    }
    let (file, place) = (read_still(origin, source).await?, place.clone());
    blocking(move |_| place.facts(&file)).await
}

/// What the plan needs to know of `source`, whose index is at hand. Fails where its pictures are of a codec that is not
/// decoded, or larger than what is.
pub fn facts_of(index: &Index, source: &Source, limits: Limits) -> Result<Facts> {
    if let Some(track) = index.video() {
        frames::check_support(track)?;
        frames::check_size(track, limits)?;
    }
    Ok(index.facts(source.size))
}

/// The whole of a stored picture.
pub async fn read_still(origin: &Origin, source: &Source) -> Result<Bytes> {
    if source.size > STILL_BYTES_MAX {
        return Err(Error::too_large(format!("a picture of more than {STILL_BYTES_MAX} bytes")));
    }
    origin.read(source, 0..source.size).await
}

/// Waits until a file has come, the first few MiB of it, where it rests at another origin.
pub(super) async fn bring(origin: &Origin, source: &Source) -> Result<()> {
    origin.open(source).await?.bring(std::slice::from_ref(&(0..source.size))).await
}

/// What `source` is, by its first bytes.
pub async fn recognise(origin: &Origin, source: &Source) -> Result<Content> {
    Ok(content(&origin.read(source, 0..source.size.min(HEAD_BYTES)).await?))
}

/// The index of `source`. Fails with [`Kind::Unsupported`] where it is no media, or damaged beyond use.
pub async fn index(origin: &Origin, place: &Place, source: &Source) -> Result<Arc<Index>> {
    let index = index_within(origin, place, source, INDEX_BYTES_MAX).await?;
    index.ok_or_else(|| Error::too_large(format!("the file's tables take more than {INDEX_BYTES_MAX} bytes")))
}

/// The same, or `None` for an MP4 file whose tables turn out to take more than `tables_max` bytes.
pub(super) async fn index_within(
    origin: &Origin,
    place: &Place,
    source: &Source,
    tables_max: u64,
) -> Result<Option<Arc<Index>>> {
    let opened = origin.open(source).await?;
    let place = place.clone();
    reading(opened, move |opened, stop| {
        let head = opened.read(0..opened.size().min(HEAD_BYTES))?;
        let mut index = match content(&head) {
            Content::Mp4 => match read_mp4(opened, tables_max, stop)? {
                Some(index) => index,
                None => return Ok(None),
            },
            Content::Other => scan_container(opened, &place, stop)?,
            Content::Still => return Err(Error::unsupported("the file is a picture and has no tracks")),
            Content::Foreign => return Err(Error::unsupported("the file is neither video nor sound nor picture")),
        };
        complete(&mut index, opened, &place)?;
        configure(&mut index, opened, &place)?;
        look_for_captions(&mut index, opened)?;
        opened.check_version()?;
        Ok(Some(Arc::new(index)))
    })
    .await
}

/// Runs `work` on a thread that may block, and tells it when nobody waits for it any more.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce(&Stop) -> Result<T> + Send + 'static) -> Result<T> {
    let stop = Stop::default();
    let guard = stop.on_drop();
    let outcome = tokio::task::spawn_blocking(move || work(&stop)).await;
    drop(guard);
    outcome.map_err(|cause| Error::new(Kind::Internal, "reading the file was given up").caused_by(cause))?
}

/// The same for work that reads `opened`, in its turn.
pub(super) async fn reading<T: Send + 'static>(
    opened: Opened,
    work: impl FnOnce(&Opened, &Stop) -> Result<T> + Send + 'static,
) -> Result<T> {
    let turn = opened.turn().await?;
    blocking(move |stop| {
        // Held by the thread: it may go on waiting when nobody waits for it.
        let _turn = turn;
        work(&opened, stop)
    })
    .await
}

fn read_mp4(opened: &Opened, tables_max: u64, stop: &Stop) -> Result<Option<Index>> {
    let (mut reader, mut range) = Reader::new(opened.size());
    let mut total = 0u64;
    loop {
        total = total.saturating_add(range.end.saturating_sub(range.start));
        if total > tables_max {
            return Ok(None);
        }
        stop.check()?;
        match reader.feed(&opened.read(range)?)? {
            Step::Read(next) => range = next,
            Step::Done(index) => return Ok(Some(*index)),
        }
    }
}

fn scan_container(opened: &Opened, place: &Place, stop: &Stop) -> Result<Index> {
    let deadline = Instant::now() + SCAN_TIME_MAX;
    place.scan(&mut Reading(opened), &|| stop.is_set() || Instant::now() > deadline)
}

/// A file of the origin as the demuxer reads it.
pub(super) struct Reading<'a>(pub(super) &'a Opened);

impl ReadAt for Reading<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_at(offset, buffer)
    }

    fn size(&self) -> u64 {
        self.0.size()
    }
}

/// Asks the first keyframe of the video track for what the container left open, and takes pictures without a size for none.
fn complete(index: &mut Index, opened: &Opened, place: &Place) -> Result<()> {
    let is_video = |track: &&mut Track| track.video().is_some() && !track.samples.is_empty();
    let Some(track) = index.tracks.iter_mut().find(is_video) else { return Ok(()) };
    if frames::check_support(track).is_err() || frames::check_size(track, place.limits()).is_err() {
        return Ok(());
    }
    // libavformat has looked at the pictures already.
    let is_ours = matches!(index.container, Container::Mp4 | Container::FragmentedMp4);
    let is_unclear = track.video().is_some_and(|format| format.coded.is_empty());
    if (is_unclear || (is_ours && probe::is_needed(track)))
        && let Some(keyframe) = first_keyframe(track, opened, place)?
        && let Some(format) = place.shape(track, &keyframe)?
    {
        track.media = Media::Video(format);
    }
    if track.video().is_some_and(|format| format.coded.is_empty()) {
        return Err(Error::unsupported("the size of the video's pictures cannot be made out"));
    }
    Ok(())
}

/// Makes the configurations that the container left out of what the first keyframe of their track says.
fn configure(index: &mut Index, opened: &Opened, place: &Place) -> Result<()> {
    let is_made = |codec| matches!(codec, Codec::Av1 | Codec::Vp9 | Codec::Ac3 | Codec::Eac3);
    let tracks = index.tracks.iter_mut().filter(|track| track.config.is_empty() && is_made(track.codec));
    for track in tracks.filter(|track| track.packing == Packing::Plain) {
        if let Some(keyframe) = first_keyframe(track, opened, place)?
            && let Some(config) = codec::configuration(track, &keyframe)
        {
            track.config = config.into();
        }
    }
    Ok(())
}

/// Looks for captions inside the first pictures of each track that may have them.
fn look_for_captions(index: &mut Index, opened: &Opened) -> Result<()> {
    let may_have = |track: &&mut Track| matches!(track.codec, Codec::Avc | Codec::Hevc) && track.video().is_some();
    let tracks = index.tracks.iter_mut().filter(may_have);
    for track in tracks.filter(|track| track.packing == Packing::Plain) {
        let mut bytes = 0u64;
        let ranges = track.samples.range(0..CAPTIONED_MAX).map_while(|sample| {
            bytes = bytes.saturating_add(sample.size.into());
            let end = sample.offset.saturating_add(sample.size.into());
            (bytes <= CAPTIONED_BYTES_MAX && end <= opened.size()).then_some(sample.offset..end)
        });
        let ranges: Vec<_> = ranges.collect();
        opened.expect(|| ranges.clone());
        let found = ranges.into_iter().map(|range| opened.read(range)).collect::<Result<Vec<_>>>()?;
        let samples = found.iter().map(|sample| &sample[..]);
        track.captions = codec::closed_captions(track.codec, &track.config, samples);
    }
    Ok(())
}

fn first_keyframe(track: &Track, opened: &Opened, place: &Place) -> Result<Option<Bytes>> {
    let first = track.samples.range(0..track.samples.len()).take(64).find(|sample| sample.keyframe);
    let Some(first) = first.filter(|first| first.size <= PROBE_BYTES_MAX) else { return Ok(None) };
    let end = first.offset.saturating_add(first.size.into());
    match track.packing {
        Packing::Plain if end <= opened.size() => opened.read(first.offset..end).map(Some),
        Packing::Plain => Ok(None),
        Packing::Demuxed => {
            let deadline = Instant::now() + SCAN_TIME_MAX;
            let stop = || Instant::now() > deadline;
            let passage = Passage::new(track, first.number..=first.number);
            let coded = place.demux(&mut Reading(opened), &passage, &stop)?;
            Ok(coded.into_iter().next().map(|coded| coded.data))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &[u8], expected: Content) {
        assert_eq!(content(head), expected);
    }

    #[test]
    fn files_are_told_by_their_first_bytes() {
        check(b"\xff\xd8\xff\xe0\0\x10JFIF", Content::Still);
        check(b"\x89PNG\r\n\x1a\n", Content::Still);
        check(b"RIFF\x10\0\0\0WEBPVP8 ", Content::Still);
        check(b"RIFF\x10\0\0\0AVI LIST", Content::Other);
        check(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Content::Still);
        check(b"BMW is a car maker of some renown.", Content::Other);
        check(b"\0\0\0\x1cftypavif\0\0\0\0avif", Content::Still);
        check(b"\x1a\x45\xdf\xa3", Content::Other);
        check(b"#EXTM3U\n/etc/passwd", Content::Foreign);
        check(b"%PDF-1.7", Content::Foreign);
        check(b"", Content::Other);
    }
}
