//! What work takes, estimated before it begins.
//!
//! The weights are of one core (Sapphire Rapids, two threads a core) and are right within a factor of two, which is enough to
//! tell what is dear from what is cheap. Whoever makes plans with them measures how fast his machine really is.

use std::ops::Range;

use super::{Subject, Tiles, Work};
use crate::media::picture::Size;
use crate::media::{Codec, PictureFacts, Track};
use crate::thumbnail::{Format, Geometry};

/// What a piece of work takes, by an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cost {
    /// Pixels that are decoded, those of frames on the way to the ones wanted among them.
    pub pixels_decoded: u64,
    /// Pixels that are written.
    pub pixels_written: u64,
    /// Bytes of media that are read.
    pub bytes_read: u64,
    /// Microseconds of one core.
    pub micros: u64,
    /// Most bytes of memory at once.
    pub memory: u64,
}

impl Cost {
    /// What takes nothing.
    pub const NOTHING: Cost = Cost { pixels_decoded: 0, pixels_written: 0, bytes_read: 0, micros: 0, memory: 0 };

    /// What this takes and then another piece, one after the other.
    #[must_use]
    pub fn then(self, next: Cost) -> Cost {
        Cost {
            pixels_decoded: self.pixels_decoded.saturating_add(next.pixels_decoded),
            pixels_written: self.pixels_written.saturating_add(next.pixels_written),
            bytes_read: self.bytes_read.saturating_add(next.bytes_read),
            micros: self.micros.saturating_add(next.micros),
            memory: self.memory.max(next.memory),
        }
    }

    /// What it takes so many times, one after the other.
    #[must_use]
    pub fn times(self, count: u64) -> Cost {
        Cost {
            pixels_decoded: self.pixels_decoded.saturating_mul(count),
            pixels_written: self.pixels_written.saturating_mul(count),
            bytes_read: self.bytes_read.saturating_mul(count),
            micros: self.micros.saturating_mul(count),
            memory: self.memory,
        }
    }

    /// The same with another bound of its memory.
    #[must_use]
    pub fn within(self, memory: u64) -> Cost {
        Cost { memory, ..self }
    }
}

/// Picoseconds for each byte of coded video: entropy decoding.
const CODED_BYTE_PS: u64 = 130_000;

/// Picoseconds for each pixel that is cropped and scaled from.
const SCALED_FROM_PS: u64 = 700;

/// Picoseconds for each pixel of a stored picture: of the whole, for entropy decoding, and of what comes out.
const STILL_PS: u64 = 5_500;
const STILL_OUT_PS: u64 = 2_900;

/// Bytes for each pixel of a video: eight pictures that the decoder holds, of two bytes and a half a pixel, and one handed
/// over with its copy.
const DECODER_BYTES: u64 = 25;

/// Bytes for each pixel of a stored picture: eight bits of four channels, twice while it is handed over.
const STILL_BYTES: u64 = 8;

/// Decoding those samples of a track.
pub fn decoding(track: &Track, samples: Range<u32>) -> Cost {
    let area = track.video().map_or(0, |format| format.coded.area());
    let frames = u64::from(samples.end.min(track.samples.len()).saturating_sub(samples.start));
    let (pixels, bytes) = (area.saturating_mul(frames), track.samples.bytes(samples));
    Cost {
        pixels_decoded: pixels,
        bytes_read: bytes,
        micros: micros(pixels, decoded_ps(track.codec)).saturating_add(micros(bytes, CODED_BYTE_PS)),
        memory: area.saturating_mul(DECODER_BYTES),
        ..Cost::NOTHING
    }
}

/// Picoseconds for each decoded pixel. Those of AVC and HEVC were measured, the others are by their kinship.
fn decoded_ps(codec: Codec) -> u64 {
    match codec {
        Codec::Hevc | Codec::Av1 | Codec::ProRes => 1_800,
        Codec::Mpeg1 | Codec::Mpeg2 | Codec::Mpeg4 | Codec::Mjpeg => 800,
        _ => 1_300,
    }
}

/// Decoding a stored picture of `bytes` bytes, with its sides halved so many times.
pub fn still(picture: &PictureFacts, bytes: u64, halvings: u8) -> Cost {
    let whole = picture.shown.area();
    let decoded = whole >> (2 * u32::from(halvings)).min(63);
    Cost {
        pixels_decoded: decoded,
        bytes_read: bytes,
        micros: micros(whole, STILL_PS).saturating_add(micros(decoded, STILL_OUT_PS)),
        memory: decoded.saturating_mul(STILL_BYTES),
        ..Cost::NOTHING
    }
}

/// Cropping and scaling a picture.
pub fn scaling(geometry: &Geometry, format: Format) -> Cost {
    let from = Size { width: geometry.crop.width, height: geometry.crop.height }.area();
    let to = geometry.canvas.area();
    Cost {
        micros: micros(from, SCALED_FROM_PS).saturating_add(micros(to, scaled_to_ps(format))),
        memory: raster_memory(to, format).saturating_mul(2),
        ..Cost::NOTHING
    }
}

/// Longest that a picture may take to be written in one go that nothing interrupts, in microseconds: as long as some frames take
/// to be decoded.
const WRITTEN_AT_ONCE: u64 = 250_000;

/// Whether writing `pixels` pixels takes so long that it is done where it can be given up in the middle.
pub fn is_written_apart(pixels: u64, format: Format) -> bool {
    micros(pixels, written_ps(format)) > WRITTEN_AT_ONCE
}

/// Writing a finished picture of `pixels` pixels.
pub fn writing(pixels: u64, format: Format) -> Cost {
    // The picture and the file; what writes AVIF holds the picture in several forms besides. Apart it is handed over.
    let forms = if format == Format::Avif { 6 } else { 2 };
    let copies = forms + u64::from(is_written_apart(pixels, format));
    Cost {
        pixels_written: pixels,
        micros: micros(pixels, written_ps(format)),
        memory: pixels.saturating_mul(copies * raster_bytes(format)),
        ..Cost::NOTHING
    }
}

/// Picoseconds for each pixel that is scaled to: planes stay what they are for JPEG, colours are made of them for the others.
fn scaled_to_ps(format: Format) -> u64 {
    match format {
        Format::Jpeg | Format::Pdf => 1_000,
        Format::Png48 | Format::Png64 => 60_000,
        _ => 15_000,
    }
}

/// Picoseconds for each pixel that is written.
fn written_ps(format: Format) -> u64 {
    match format {
        Format::Jpeg | Format::Pdf => 3_300,
        Format::Png | Format::Png24 | Format::Png32 => 14_000,
        Format::Png48 | Format::Png64 => 32_000,
        Format::Png8 | Format::Gif => 140_000,
        Format::Bmp | Format::Tiff | Format::Psd => 1_500,
        Format::Webp => 48_000,
        Format::Avif => 350_000,
    }
}

/// Bytes for each pixel of a finished picture in memory, at most.
fn raster_bytes(format: Format) -> u64 {
    match format {
        Format::Png48 | Format::Png64 => 8,
        _ => 4,
    }
}

/// Bytes of memory that so many pixels of a finished picture take.
pub fn raster_memory(pixels: u64, format: Format) -> u64 {
    pixels.saturating_mul(raster_bytes(format))
}

/// What `work` takes once the pictures that it is of are decoded. Nothing for work that is not about pictures: that takes
/// microseconds, or is limited elsewhere.
pub fn finishing(work: &Work) -> Cost {
    match work {
        Work::Thumbnail { subject: Subject::Blank, geometry, encoding } => {
            writing(geometry.canvas.area(), encoding.format)
        }
        Work::Thumbnail { subject: _, geometry, encoding } => {
            scaling(geometry, encoding.format).then(writing(geometry.canvas.area(), encoding.format))
        }
        Work::Strip { tiles, geometry, encoding } => {
            let (scaled, count) = match tiles {
                Tiles::Frames { moments, .. } => (moments.len() as u64, moments.len() as u64),
                Tiles::Copies { count, .. } => (1, u64::from(*count)),
            };
            let pixels = geometry.canvas.area().saturating_mul(count);
            scaling(geometry, encoding.format).times(scaled).then(writing(pixels, encoding.format))
        }
        _ => Cost::NOTHING,
    }
}

fn micros(count: u64, each_ps: u64) -> u64 {
    count.saturating_mul(each_ps) / 1_000_000
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::entry::Source;
    use crate::media::picture::{Color, Orientation};
    use crate::media::samples::{Collector, Raw};
    use crate::media::time::{Micros, Ticks, Timescale};
    use crate::media::{Media, Packing, VideoFormat};
    use crate::plan::Precision;
    use crate::thumbnail::{Encoding, Rect, Rgb};

    /// A minute of 30 frames a second, `bytes` a second, whose keyframes are eight times as large as other frames.
    fn clip(codec: Codec, (width, height): (u32, u32), gop: u32, bytes: u32) -> Track {
        let mut collector = Collector::new();
        let small = bytes / 30 * gop / (gop + 7);
        for number in 0..1800 {
            let (time, keyframe) = (Ticks(i64::from(number)), number % gop == 0);
            let size = if keyframe { small * 8 } else { small };
            let raw = Raw { offset: 0, size, decode_time: time, time, duration: 1, keyframe };
            collector.push(raw).unwrap();
        }
        let format = VideoFormat {
            coded: Size { width, height },
            sample_aspect: (1, 1),
            orientation: Orientation::default(),
            color: Color::default(),
            dolby_vision: None,
        };
        Track {
            id: 1,
            timescale: Timescale::new(30).unwrap(),
            language: None,
            codec,
            config: Bytes::new(),
            media: Media::Video(format),
            samples: collector.finish(),
            packing: Packing::Plain,
            captions: Default::default(),
        }
    }

    /// Expects milliseconds that were measured, within a factor of two.
    #[track_caller]
    fn check(cost: Cost, measured_ms: f64) {
        let ratio = cost.micros as f64 / 1000.0 / measured_ms;
        assert!((0.5..2.0).contains(&ratio), "{cost:?} for {measured_ms} ms");
    }

    #[test]
    fn decoding_is_priced_as_it_was_measured() {
        let short = clip(Codec::Avc, (1920, 1080), 60, 575_000);
        check(decoding(&short, 0..27), 139.0);
        check(decoding(&short, 60..61), 25.0);
        check(decoding(&clip(Codec::Avc, (1920, 1080), 300, 575_000), 0..147), 584.0);
        check(decoding(&clip(Codec::Hevc, (3840, 2160), 60, 2_500_000), 0..34), 630.0);
        check(decoding(&clip(Codec::Avc, (640, 360), 60, 75_000), 0..27), 10.0);
        assert_eq!(decoding(&short, 0..27).pixels_decoded, 27 * 1920 * 1080);
        assert_eq!(decoding(&short, 1790..9999).bytes_read, short.samples.bytes(1790..1800));
    }

    #[test]
    fn photos_are_priced_as_they_were_measured() {
        let shown = Size { width: 4000, height: 3000 };
        let picture = PictureFacts { shown, last_frame: Micros(0), frames: 1, halvings: 3 };
        check(still(&picture, 4 << 20, 0), 101.0);
        check(still(&picture, 4 << 20, 2), 73.0);
        assert_eq!(still(&picture, 4 << 20, 2).memory, 12_000_000 / 16 * STILL_BYTES);
    }

    fn geometry(from: (u32, u32), to: (u32, u32)) -> Geometry {
        let (reference, canvas) = (Size { width: from.0, height: from.1 }, Size { width: to.0, height: to.1 });
        let crop = Rect { x: 0, y: 0, width: from.0, height: from.1 };
        Geometry { reference, crop, scaled: canvas, canvas, left: 0, top: 0 }
    }

    #[test]
    fn scaling_and_writing_are_priced_as_they_were_measured() {
        check(scaling(&geometry((1920, 1080), (640, 360)), Format::Jpeg), 1.4);
        check(scaling(&geometry((4000, 3000), (640, 480)), Format::Jpeg), 9.0);
        let small = 640 * 360;
        for (format, measured_ms) in [
            (Format::Jpeg, 0.75),
            (Format::Webp, 11.0),
            (Format::Avif, 81.0),
            (Format::Gif, 42.0),
            (Format::Png8, 43.0),
        ] {
            check(writing(small, format), measured_ms);
        }
        let (large, same) = (1920 * 1080, geometry((1920, 1080), (1920, 1080)));
        for (format, scaled_ms, measured_ms) in [
            (Format::Png, 44.0, 28.0),
            (Format::Png48, 130.0, 65.0),
            (Format::Webp, 27.0, 53.0),
            (Format::Gif, 30.0, 170.0),
        ] {
            check(scaling(&same, format), scaled_ms);
            check(writing(large, format), measured_ms);
        }
    }

    #[test]
    fn a_row_costs_each_of_its_tiles_and_copies_cost_one() {
        let (geometry, moments) = (geometry((1920, 1080), (160, 90)), vec![Micros(0); 10]);
        let encoding = Encoding { format: Format::Jpeg, quality: 75, density: 0, background: Rgb::WHITE };
        let source = Source { location: "a".into(), size: 1, modified: 2, version: "v".into() };
        let strip = |tiles| finishing(&Work::Strip { tiles, geometry, encoding });
        let precision = Precision::Exact;
        let frames = strip(Tiles::Frames { source: source.clone(), moments, precision });
        let copies = strip(Tiles::Copies { subject: Subject::Still { source }, count: 10 });
        let (tile, row) = (scaling(&geometry, Format::Jpeg), writing(10 * 160 * 90, Format::Jpeg));
        assert_eq!(frames.micros, 10 * tile.micros + row.micros);
        assert_eq!(copies.micros, tile.micros + row.micros);
        assert_eq!(raster_memory(10 * 160 * 90, Format::Png64), 10 * 160 * 90 * 8);
    }

    #[test]
    fn no_number_overflows() {
        let huge = geometry((u32::MAX, u32::MAX), (u32::MAX, u32::MAX));
        let encoding = Encoding { format: Format::Avif, quality: 75, density: 0, background: Rgb::WHITE };
        let work =
            Work::Strip { tiles: Tiles::Copies { subject: Subject::Blank, count: u32::MAX }, geometry: huge, encoding };
        assert!(finishing(&work).micros > 0 && raster_memory(u64::MAX, Format::Avif) == u64::MAX);
    }
}
