//! The `moov` box: the tracks of a file, with the samples that it lists itself (ISO/IEC 14496-12 section 8.2).

use bytes::Bytes;

use super::boxes::{Atom, Kind, damaged};
use super::entry::{self, Coding, Pictures};
use super::tables::{self, Budget};
use crate::error::{Error, Result};
use crate::media::codec::{self, Stated};
use crate::media::picture::{Orientation, Size, Turn};
use crate::media::samples::{Edit, Samples};
use crate::media::time::{Ticks, Timescale, rescale};
use crate::media::{Codec, Media, Packing, Track, VideoFormat};

/// Most tracks of a file: some video, and sound and text in every language.
const TRACKS_MAX: usize = 64;

/// Most edits of a track; cutting tools make a handful.
const EDITS_MAX: u32 = 1024;

/// What `moov` says.
#[derive(Debug)]
pub(super) struct Movie {
    /// The tracks that can be used.
    pub(super) tracks: Vec<Draft>,
    /// Whether more samples come in fragments.
    pub(super) fragmented: bool,
    /// What is wrong with the first track of pictures that cannot be used.
    pub(super) fault: Option<Error>,
}

/// A track, and what its fragments need to know.
#[derive(Debug)]
pub(super) struct Draft {
    /// The track with the samples of `moov`.
    pub(super) track: Track,
    /// Its edits; in a fragmented file they are not applied yet.
    pub(super) edits: Vec<Edit>,
    /// What holds for the samples of fragments that do not say.
    pub(super) defaults: Defaults,
    enabled: bool,
}

/// What holds for samples that do not say themselves (ISO/IEC 14496-12 section 8.8.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    /// How long a sample lasts.
    pub(super) duration: u32,
    /// How many bytes it has.
    pub(super) size: u32,
    /// What it depends on.
    pub(super) flags: u32,
}

/// Reads the `moov` box of a file of `file_size` bytes.
pub(super) fn read(moov: Atom<'_>, file_size: u64, budget: &mut Budget) -> Result<Movie> {
    let header = Header::read(moov)?;
    let mut movie = Movie { tracks: Vec::new(), fragmented: header.fragmented, fault: None };
    let mut lesser_fault = None;
    for (place, child) in
        moov.children().filter(|child| !matches!(child, Ok(child) if child.kind != *b"trak")).enumerate()
    {
        let trak = child?;
        if place >= TRACKS_MAX {
            return Err(Error::too_large(format!("the file has more than {TRACKS_MAX} tracks")));
        }
        let found = draft(trak, &header);
        match found.and_then(|found| fill(found, &header, trak, file_size, budget)) {
            Ok(found) => movie.tracks.push(found),
            Err(error) if shows_pictures(trak) => movie.fault = movie.fault.or(Some(error)),
            Err(error) => lesser_fault = lesser_fault.or(Some(error)),
        }
    }
    if movie.tracks.is_empty() && movie.fault.is_none() {
        return Err(lesser_fault.unwrap_or_else(|| damaged(moov.kind, "has no tracks")));
    }
    for extension in moov.child(*b"mvex")?.iter().flat_map(Atom::children) {
        let (id, defaults) = match extension? {
            trex if trex.kind == *b"trex" => track_defaults(trex)?,
            _ => continue,
        };
        movie.tracks.iter_mut().filter(|draft| draft.track.id == id).for_each(|draft| draft.defaults = defaults);
    }
    set_aside_disabled(&mut movie.tracks);
    Ok(movie)
}

/// Pictures of a disabled track, such as those of chapters, are none where another track has pictures to show.
fn set_aside_disabled(tracks: &mut [Draft]) {
    if tracks.iter().any(|draft| draft.enabled && draft.track.video().is_some()) {
        let disabled = tracks.iter_mut().filter(|draft| !draft.enabled && draft.track.video().is_some());
        disabled.for_each(|draft| draft.track.media = Media::Other);
    }
}

/// What `mvhd` says.
struct Header {
    /// `None` for zero.
    timescale: Option<Timescale>,
    orientation: Orientation,
    fragmented: bool,
}

impl Header {
    fn read(moov: Atom<'_>) -> Result<Header> {
        let mvhd = moov.required(*b"mvhd")?;
        let (version, _, mut cursor) = mvhd.full()?;
        // Creation and modification time, before the timescale; the length of the movie, behind it.
        let width = if version == 1 { 8 } else { 4 };
        cursor.take(2 * width)?;
        let timescale = Timescale::new(cursor.u32()?);
        // Length, rate (4), volume (2), reserved (10).
        cursor.take(width + 16)?;
        let orientation = orientation(cursor.take(36)?);
        Ok(Header { timescale, orientation, fragmented: moov.child(*b"mvex")?.is_some() })
    }
}

/// A track without its samples.
fn draft(trak: Atom<'_>, header: &Header) -> Result<Draft> {
    let shown = TrackHeader::read(trak.required(*b"tkhd")?)?;
    let mdia = trak.required(*b"mdia")?;
    let (timescale, packed) = media_header(mdia.required(*b"mdhd")?)?;
    let stbl = stbl(trak)?;
    let entry = entry::first(stbl)?;
    let (coding, media) = match &handler(mdia)? {
        b"vide" | b"pict" => {
            let (coding, pictures) = entry.video()?;
            let format = shown.format(&pictures, header, codec::stated(coding.codec, coding.config));
            (coding, Media::Video(format))
        }
        b"soun" => entry.audio().map(|(coding, format)| (coding, Media::Audio(format)))?,
        _ => (entry.other(), Media::Other),
    };
    let Coding { codec, config } = coding;
    let edits = trak.child(*b"edts")?.map_or(Ok(Vec::new()), |edts| edits(edts, header, timescale))?;
    let track = Track {
        id: shown.id,
        timescale,
        language: extended_language(mdia).or_else(|| language(packed)),
        codec,
        config: Bytes::copy_from_slice(config),
        media,
        samples: Samples::default(),
        packing: Packing::Plain,
        captions: Default::default(),
    };
    Ok(Draft { track, edits, defaults: Defaults::default(), enabled: shown.enabled })
}

/// The track with its samples. Those that are not pictures keep none where their tables are unusable.
fn fill(draft: Draft, header: &Header, trak: Atom<'_>, file_size: u64, budget: &mut Budget) -> Result<Draft> {
    let edits = if header.fragmented { Vec::new() } else { draft.edits.clone() };
    let stbl = stbl(trak)?;
    let samples = match (&draft.track.media, draft.track.codec) {
        (Media::Video(format), _) if format.coded.is_empty() => {
            return Err(Error::unsupported(format!("the track states a picture size of {}", format.coded)));
        }
        (Media::Video(_), _) => tables::samples(stbl, edits, file_size, budget)?,
        (Media::Audio(_), Codec::Other(_)) => match tables::chunks(stbl, edits.clone(), file_size, budget) {
            Ok(Some(chunks)) => chunks,
            _ => tables::samples(stbl, edits, file_size, budget).unwrap_or_default(),
        },
        (Media::Audio(_) | Media::Other, _) => tables::samples(stbl, edits, file_size, budget).unwrap_or_default(),
    };
    Ok(Draft { track: Track { samples, ..draft.track }, ..draft })
}

fn stbl(trak: Atom<'_>) -> Result<Atom<'_>> {
    trak.required(*b"mdia")?.required(*b"minf")?.required(*b"stbl")
}

/// What `tkhd` says.
struct TrackHeader {
    id: u32,
    enabled: bool,
    orientation: Orientation,
    /// The size that the track is shown in, in 65536ths of a pixel, before it is turned.
    shown: (u32, u32),
}

impl TrackHeader {
    fn read(tkhd: Atom<'_>) -> Result<TrackHeader> {
        let (version, flags, mut cursor) = tkhd.full()?;
        let width = if version == 1 { 8 } else { 4 };
        // Creation and modification time.
        cursor.take(2 * width)?;
        let id = cursor.u32()?;
        // Reserved (4), length, reserved (8), layer, group, volume, reserved (2 each).
        cursor.take(width + 20)?;
        let orientation = orientation(cursor.take(36)?);
        Ok(TrackHeader { id, enabled: flags & 1 != 0, orientation, shown: (cursor.u32()?, cursor.u32()?) })
    }

    /// The container's word counts more than the codec's, and that more than the size that the track is shown in.
    fn format(&self, pictures: &Pictures, header: &Header, stated: Stated) -> VideoFormat {
        let Pictures { mut coded, sample_aspect, color, dolby_vision } = *pictures;
        let sample_aspect = sample_aspect.or(stated.sample_aspect);
        if coded.is_empty() {
            coded = Size { width: self.shown.0 >> 16, height: self.shown.1 >> 16 };
        }
        VideoFormat {
            coded,
            sample_aspect: sample_aspect.or_else(|| self.stretch(coded)).unwrap_or((1, 1)),
            orientation: self.orientation.then(header.orientation),
            color: color.or(stated.color),
            dolby_vision,
        }
    }

    /// The sample aspect that follows from the size the track is shown in, where that is a stretch of a pixel or more.
    fn stretch(&self, coded: Size) -> Option<(u32, u32)> {
        let wide = u64::from(self.shown.0) * u64::from(coded.height);
        let high = u64::from(self.shown.1) * u64::from(coded.width);
        let pixel = high.checked_div(coded.width.into())?;
        if wide == 0 || high == 0 || wide.abs_diff(high) < pixel {
            return None;
        }
        let shift = u64::BITS - wide.max(high).leading_zeros();
        let shift = shift.saturating_sub(u32::BITS);
        let (wide, high) = ((wide >> shift) as u32, (high >> shift) as u32);
        (wide > 0 && high > 0).then_some((wide, high))
    }
}

/// The nearest upright orientation of a matrix of nine numbers (ISO/IEC 14496-12 section 6.2.2), which takes the picture to
/// the screen: across = a x + c y, down = b x + d y.
fn orientation(matrix: &[u8]) -> Orientation {
    let cell = |at: usize| matrix.as_chunks::<4>().0.get(at).map_or(0, |cell| i64::from(i32::from_be_bytes(*cell)));
    let [a, b, c, d] = [cell(0), cell(1), cell(3), cell(4)];
    let mirrored = a * d - b * c < 0;
    let turn = if a.abs() + d.abs() >= b.abs() + c.abs() {
        // The second column is not changed by a mirror from left to right.
        if d < 0 { Turn::Half } else { Turn::None }
    } else if c < 0 {
        Turn::Quarter
    } else {
        Turn::ThreeQuarters
    };
    Orientation { mirrored, turn }
}

/// The timescale and the packed language of a track.
fn media_header(mdhd: Atom<'_>) -> Result<(Timescale, u16)> {
    let (version, _, mut cursor) = mdhd.full()?;
    let width = if version == 1 { 8 } else { 4 };
    cursor.take(2 * width)?;
    let timescale = Timescale::new(cursor.u32()?).ok_or_else(|| damaged(mdhd.kind, "has a timescale of zero"))?;
    cursor.take(width)?;
    Ok((timescale, cursor.u16()?))
}

/// Whether a damaged track says that it has pictures.
fn shows_pictures(trak: Atom<'_>) -> bool {
    let handler = trak.required(*b"mdia").and_then(handler);
    handler.is_ok_and(|kind| [*b"vide", *b"pict"].contains(&kind))
}

fn handler(mdia: Atom<'_>) -> Result<Kind> {
    let (_, _, mut hdlr) = mdia.required(*b"hdlr")?.full()?;
    hdlr.u32()?;
    hdlr.kind()
}

/// An ISO 639-2 code in three times five bits (section 8.4.2.3); `None` for undetermined and for QuickTime's numbers.
fn language(packed: u16) -> Option<String> {
    let letter = |shift: u32| ((packed >> shift & 31) as u8).saturating_add(0x60);
    let code = [letter(10), letter(5), letter(0)];
    let valid = packed >= 0x400 && code.iter().all(u8::is_ascii_lowercase) && code != *b"und";
    valid.then(|| code.iter().map(|letter| char::from(*letter)).collect())
}

/// A BCP 47 tag (section 8.4.6).
fn extended_language(mdia: Atom<'_>) -> Option<String> {
    let (_, _, mut elng) = mdia.child(*b"elng").ok()??.full().ok()?;
    let tag = elng.text();
    let valid = !tag.is_empty() && tag.len() <= 35 && tag.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'-');
    valid.then(|| tag.iter().map(|c| char::from(*c)).collect())
}

/// The edits of a track in its own ticks. Empty ones, and those that hold a frame, only move those behind them.
fn edits(edts: Atom<'_>, header: &Header, track: Timescale) -> Result<Vec<Edit>> {
    let (Some(elst), Some(movie)) = (edts.child(*b"elst")?, header.timescale) else {
        return Ok(Vec::new());
    };
    let (version, _, mut cursor) = elst.full()?;
    let count = cursor.u32()?;
    cursor.clone().table(count, if version == 1 { 20 } else { 12 })?;
    if count > EDITS_MAX {
        return Err(Error::too_large(format!("a track has {count} edits, {EDITS_MAX} are allowed")));
    }
    let (mut edits, mut at) = (Vec::new(), 0u64);
    for _ in 0..count {
        let (length, media) = match version {
            1 => (cursor.u64()?, cursor.u64()? as i64),
            _ => (cursor.u32()?.into(), i64::from(cursor.u32()? as i32)),
        };
        let rate = cursor.u32()?;
        // Zero stands for all the rest where the length cannot be known, which some files without fragments copy.
        let open = length == 0 && (header.fragmented || count == 1);
        let end = at.saturating_add(length);
        let ticks = |at: u64| rescale(Ticks(i64::try_from(at).unwrap_or(i64::MAX)), movie, track).0;
        if media >= 0 && rate != 0 {
            let length = (!open).then(|| ticks(end).saturating_sub(ticks(at)));
            edits.push(Edit { start: ticks(at), length, media });
        }
        at = end;
    }
    Ok(edits)
}

/// The track that a `trex` box is about, and its defaults.
fn track_defaults(trex: Atom<'_>) -> Result<(u32, Defaults)> {
    let (_, _, mut cursor) = trex.full()?;
    let id = cursor.u32()?;
    cursor.u32()?;
    Ok((id, Defaults { duration: cursor.u32()?, size: cursor.u32()?, flags: cursor.u32()? }))
}
