//! An init segment: `ftyp`, and `moov` with one track without samples (ISO/IEC 14496-12 section 8, ISO/IEC 23000-19 section
//! 7.3.1).

use super::boxes::Boxes;
use super::entry;
use crate::media::picture::Orientation;
use crate::media::{Codec, Media, Track};
use crate::packager::timeline::Timeline;

/// The number of the one track.
pub(super) const TRACK: u32 = 1;

/// Nothing turned or moved: nine numbers of 16 or 30 bits behind the point (ISO/IEC 14496-12 section 6.2.2).
const UPRIGHT: [i32; 9] = [ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30];
const ONE: i32 = 1 << 16;

/// The bytes of the init segment.
pub(super) fn write(timeline: &Timeline<'_>) -> Vec<u8> {
    let track = timeline.track();
    let mut boxes = Boxes::with_capacity(1024 + track.config.len());
    boxes.atom(b"ftyp", |ftyp| {
        ftyp.bytes(b"iso6");
        ftyp.u32(0);
        ftyp.bytes(b"iso6cmfcdash");
        // AV1 ISO Media File Format Binding section 2.1.
        if track.codec == Codec::Av1 {
            ftyp.bytes(b"av01");
        }
    });
    boxes.atom(b"moov", |moov| {
        mvhd(moov, Length { timescale: timeline.timescale().get(), ticks: 0 }, 1);
        trak(moov, timeline, TRACK, 0, |stbl| {
            stbl.full(b"stts", 0, 0, |table| table.u32(0));
            stbl.full(b"stsc", 0, 0, |table| table.u32(0));
            stbl.full(b"stsz", 0, 0, |table| table.zeros(8));
            stbl.full(b"stco", 0, 0, |table| table.u32(0));
        });
        mvex(moov, timeline);
    });
    boxes.into_bytes()
}

/// A length in ticks of a timescale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    pub(super) timescale: u32,
    pub(super) ticks: u64,
}

/// A track, whose tables behind the description `tables` writes. `length` is in ticks of the movie; zero where the samples are
/// in fragments.
pub(super) fn trak(
    moov: &mut Boxes,
    timeline: &Timeline<'_>,
    number: u32,
    length: u64,
    tables: impl FnOnce(&mut Boxes),
) {
    moov.atom(b"trak", |trak| {
        tkhd(trak, timeline.track(), number, length);
        edts(trak, timeline, length);
        mdia(trak, timeline, length, tables);
    });
}

/// Section 8.2.2. The length is that of the samples in `moov`.
pub(super) fn mvhd(moov: &mut Boxes, length: Length, tracks: u32) {
    moov.full(b"mvhd", 1, 0, |mvhd| {
        mvhd.zeros(16);
        mvhd.u32(length.timescale);
        mvhd.u64(length.ticks);
        // Rate, volume, reserved.
        mvhd.u32(0x1_0000);
        mvhd.u16(0x100);
        mvhd.zeros(10);
        matrix(mvhd, UPRIGHT);
        mvhd.zeros(24);
        mvhd.u32(tracks.saturating_add(1));
    });
}

/// Section 8.3.2.
fn tkhd(trak: &mut Boxes, track: &Track, number: u32, length: u64) {
    // Enabled, in the movie, in its preview.
    trak.full(b"tkhd", 1, 7, |tkhd| {
        tkhd.zeros(16);
        tkhd.u32(number);
        tkhd.zeros(4);
        tkhd.u64(length);
        // Reserved, layer and group.
        tkhd.zeros(8 + 4);
        tkhd.u16(if matches!(track.media, Media::Audio(_)) { 0x100 } else { 0 });
        tkhd.u16(0);
        let Some(format) = track.video() else {
            matrix(tkhd, UPRIGHT);
            tkhd.zeros(8);
            return;
        };
        // The size before the picture is turned.
        let shown = format.shown().turned(format.orientation);
        let pixels = [shown.width, shown.height].map(|side| side.min(u16::MAX.into()));
        matrix(tkhd, turning(format.orientation, pixels));
        pixels.iter().for_each(|side| tkhd.u32(side << 16));
    });
}

/// The matrix that turns a picture of so many pixels upright, and moves it back to where it was.
fn turning(orientation: Orientation, [width, height]: [u32; 2]) -> [i32; 9] {
    let (mut a, mut b, c, d) = match orientation.turn.quarters() {
        0 => (1, 0, 0, 1),
        1 => (0, 1, -1, 0),
        2 => (-1, 0, 0, -1),
        _ => (0, -1, 1, 0),
    };
    if orientation.mirrored {
        (a, b) = (-a, -b);
    }
    // At most 65535 pixels, in 65536ths: as many as fit in the field.
    let moved = |across: i32, down: i32| {
        let pixels = i64::from((-across).max(0)) * i64::from(width) + i64::from((-down).max(0)) * i64::from(height);
        (pixels << 16).min(i32::MAX.into()) as i32
    };
    [a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, moved(a, c), moved(b, d), 1 << 30]
}

fn matrix(boxes: &mut Boxes, matrix: [i32; 9]) {
    matrix.iter().for_each(|number| boxes.u32(*number as u32));
}

/// Cuts off what is before the presentation (section 8.6.6), and takes back the delay of pictures. All that follows is shown,
/// however long, where the length is zero.
fn edts(trak: &mut Boxes, timeline: &Timeline<'_>, length: u64) {
    let before = u64::from(timeline.lead()) + u64::from(timeline.delay());
    if before == 0 {
        return;
    }
    trak.atom(b"edts", |edts| {
        edts.full(b"elst", 1, 0, |elst| {
            elst.u32(1);
            elst.u64(length);
            elst.u64(before);
            elst.u32(0x1_0000);
        });
    });
}

fn mdia(trak: &mut Boxes, timeline: &Timeline<'_>, length: u64, tables: impl FnOnce(&mut Boxes)) {
    let track = timeline.track();
    trak.atom(b"mdia", |mdia| {
        let language = track.language.as_deref().unwrap_or("und");
        let packed = packed(language);
        mdia.full(b"mdhd", 1, 0, |mdhd| {
            mdhd.zeros(16);
            mdhd.u32(timeline.timescale().get());
            let before = u64::from(timeline.lead()) + u64::from(timeline.delay());
            mdhd.u64(if length == 0 { 0 } else { timeline.duration().saturating_add(before) });
            mdhd.u16(packed.unwrap_or(UNDETERMINED));
            mdhd.u16(0);
        });
        let is_sound = matches!(track.media, Media::Audio(_));
        mdia.full(b"hdlr", 0, 0, |hdlr| {
            hdlr.u32(0);
            hdlr.bytes(if is_sound { b"soun" } else { b"vide" });
            // Reserved, and a name of nothing.
            hdlr.zeros(12 + 1);
        });
        if packed.is_none() {
            mdia.full(b"elng", 0, 0, |elng| {
                elng.bytes(language.as_bytes());
                elng.u8(0);
            });
        }
        mdia.atom(b"minf", |minf| {
            match is_sound {
                true => minf.full(b"smhd", 0, 0, |smhd| smhd.zeros(4)),
                false => minf.full(b"vmhd", 0, 1, |vmhd| vmhd.zeros(8)),
            }
            minf.atom(b"dinf", |dinf| {
                dinf.full(b"dref", 0, 0, |dref| {
                    dref.u32(1);
                    // The media is in the same file.
                    dref.full(b"url ", 0, 1, |_| {});
                });
            });
            stbl(minf, track, tables);
        });
    });
}

/// "und", packed.
const UNDETERMINED: u16 = 0x55c4;

/// A code of three letters as three times five bits (section 8.4.2.3); `None` for any other tag.
fn packed(language: &str) -> Option<u16> {
    let letters: &[u8; 3] = language.as_bytes().try_into().ok()?;
    let is_code = letters.iter().all(u8::is_ascii_lowercase);
    is_code.then(|| letters.iter().fold(0, |packed, letter| packed << 5 | u16::from(letter - 0x60)))
}

/// Section 8.5.
fn stbl(minf: &mut Boxes, track: &Track, tables: impl FnOnce(&mut Boxes)) {
    minf.atom(b"stbl", |stbl| {
        stbl.full(b"stsd", 0, 0, |stsd| {
            stsd.u32(1);
            entry::write(stsd, track);
        });
        tables(stbl);
    });
}

/// Sections 8.8.1 to 8.8.3.
fn mvex(moov: &mut Boxes, timeline: &Timeline<'_>) {
    moov.atom(b"mvex", |mvex| {
        mvex.full(b"mehd", 1, 0, |mehd| mehd.u64(timeline.duration()));
        mvex.full(b"trex", 0, 0, |trex| {
            trex.u32(TRACK);
            trex.u32(1);
            // Length, size and flags: fragments say them.
            trex.zeros(12);
        });
    });
}
