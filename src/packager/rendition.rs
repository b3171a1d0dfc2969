//! One track within a window as playlists and manifests describe it.

use super::keyframes::{Keyframe, keyframes};
use super::language;
use super::name::Form;
use super::segments::{Pace, Segment, segments};
use super::timeline::Timeline;
use crate::media::picture::{Color, Orientation, Size, Transfer, Turn};
use crate::media::time::Timescale;
use crate::media::{AudioFormat, Codec, DolbyVision, Media, Track, VideoFormat, codec};

/// A track within a window, as a player is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendition {
    /// The codec as RFC 6381 names it: `avc1.64001f`.
    pub codec: String,
    /// What players that know Dolby Vision may take it for instead (`SUPPLEMENTAL-CODECS`): `dvh1.08.07/db4h`.
    pub supplemental: Option<String>,
    /// What it carries.
    pub content: Content,
    /// The shortest tag of its language (BCP 47), if that is known.
    pub language: Option<String>,
    /// The unit of all its times.
    pub timescale: Timescale,
    /// The length of the presentation in ticks.
    pub duration: u64,
    /// Its segments; they tile the presentation.
    pub segments: Vec<Segment>,
    /// How many bytes the samples of each segment have.
    pub bytes: Vec<u64>,
    /// The pictures that stand alone; none of sound.
    pub keyframes: Vec<Keyframe>,
    /// How its segments start.
    pub access: Access,
}

/// What a rendition carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
    /// Pictures.
    Pictures(Pictures),
    /// Sound.
    Sound(AudioFormat),
}

/// How pictures look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pictures {
    /// The size that a viewer sees, in square pixels.
    pub shown: Size,
    /// The size as it is coded, turned upright.
    pub coded: Size,
    /// Width of a pixel to its height after turning upright, reduced; neither is zero.
    pub sample_aspect: (u32, u32),
    /// Pictures a second as a reduced ratio; `None` where there is but one.
    pub rate: Option<(u32, u32)>,
    /// What the numbers mean.
    pub color: Color,
}

/// How the segments of a rendition start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Each by itself: nothing in it refers to another, as far as the container says (SAP type 1, ISO/IEC 14496-12 annex I).
    Independent,
    /// At a keyframe that other pictures come before, which may refer to the segment before (SAP type 3).
    Leading,
    /// The container does not tell keyframes.
    Unknown,
}

/// How far bright and dark lie apart, as HLS names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoRange {
    /// Standard.
    Sdr,
    /// Hybrid log-gamma.
    Hlg,
    /// Perceptual quantizer.
    Pq,
}

/// Bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rate {
    /// Those of the heaviest stretch.
    pub peak: u64,
    /// Those of the whole.
    pub average: u64,
}

/// How a track is described within the window and at the pace given.
pub fn rendition(timeline: &Timeline<'_>, pace: &Pace) -> Rendition {
    let track = timeline.track();
    let segments = segments(timeline, pace);
    let content = match &track.media {
        Media::Video(format) => Content::Pictures(pictures(track, format)),
        Media::Audio(format) => Content::Sound(*format),
        // Timelines are made of pictures and sound alone.
        Media::Other => Content::Sound(AudioFormat { sample_rate: 0, channels: 0 }),
    };
    Rendition {
        codec: codec_of(track),
        supplemental: supplemental_of(track),
        content,
        language: track.language.as_deref().and_then(language::tag),
        timescale: timeline.timescale(),
        duration: timeline.duration(),
        bytes: segments.iter().map(|segment| track.samples.bytes(segment.samples.clone())).collect(),
        access: access(timeline, &segments),
        keyframes: keyframes(timeline),
        segments,
    }
}

impl Rendition {
    /// The pictures, if it carries any.
    pub fn pictures(&self) -> Option<&Pictures> {
        match &self.content {
            Content::Pictures(pictures) => Some(pictures),
            Content::Sound(_) => None,
        }
    }

    /// The sound, if it carries any.
    pub fn sound(&self) -> Option<&AudioFormat> {
        match &self.content {
            Content::Sound(format) => Some(format),
            Content::Pictures(_) => None,
        }
    }

    /// A short word for how it is coded, with the number of channels of sound: `avc1`, `aac-2`. What differs in it is not switched
    /// between.
    pub fn coding(&self) -> String {
        let word = match &self.codec[..] {
            "mp4a.40.5" | "mp4a.40.29" => "heaac",
            "mp4a.40.42" => "xheaac",
            "mp4a.40.34" | "mp4a.6b" => "mp3",
            "ac-3" => "ac3",
            "ec-3" => "eac3",
            "Opus" => "opus",
            "fLaC" => "flac",
            codec if codec.starts_with("mp4a.40") => "aac",
            codec => codec.split('.').next().unwrap_or_default(),
        };
        match &self.content {
            Content::Sound(format) => format!("{word}-{}", format.channels),
            Content::Pictures(_) => word.to_owned(),
        }
    }

    /// Its bits a second when packed, headers included. The peak is that of the heaviest run of segments that lasts as long as
    /// half the longest segment, and no longer than it must (RFC 8216 section 4.3.4.2).
    pub fn rate(&self, form: Form) -> Rate {
        let packed = self.segments.iter().zip(&self.bytes).map(|(segment, bytes)| {
            let samples = u64::from(segment.samples.end.saturating_sub(segment.samples.start));
            (self.packed(form, samples, *bytes), segment.duration)
        });
        rate(&packed.collect::<Vec<_>>(), self.timescale)
    }

    /// The bits a second of its keyframes, each shown until the next.
    pub fn keyframe_rate(&self, form: Form) -> Rate {
        let packed = self.keyframes.iter().map(|frame| (self.packed(form, 1, frame.size.into()), frame.duration));
        rate(&packed.collect::<Vec<_>>(), self.timescale)
    }

    /// Bytes of a segment of so many samples, at most. In fragments: a segment type, a `moof` of one run, and the head of the
    /// `mdat` take up to 176 bytes; a sample has up to four fields of four bytes in the run, of sound two (ISO/IEC 14496-12
    /// section 8.8.8). In a transport stream: 4 bytes of 188 are heads; tables, the clock and the stuffing of the last packet
    /// take up to four packets; a picture has 25 bytes of PES header and delimiter and half a packet of stuffing, a frame of
    /// sound an ADTS header of 7 and a share of 20 in those of its PES packet.
    fn packed(&self, form: Form, samples: u64, bytes: u64) -> u64 {
        let is_video = self.pictures().is_some();
        let more = |each: u64| bytes.saturating_add(samples.saturating_mul(each));
        match (form, is_video) {
            (Form::M4s, true) => more(16).saturating_add(176),
            (Form::M4s, false) => more(8).saturating_add(176),
            (Form::Ts, true) => in_packets(more(25 + 92)),
            (Form::Ts, false) => in_packets(more(7 + 20)),
            (Form::Vtt, _) => bytes,
        }
    }
}

fn in_packets(payload: u64) -> u64 {
    let total = (u128::from(payload) * 188).div_ceil(184) + 4 * 188;
    total.min(u64::MAX.into()) as u64
}

impl Pictures {
    /// How far bright and dark lie apart.
    pub fn range(&self) -> VideoRange {
        match self.color.transfer {
            Transfer::Sdr => VideoRange::Sdr,
            Transfer::Hlg => VideoRange::Hlg,
            Transfer::Pq => VideoRange::Pq,
        }
    }
}

impl Rate {
    /// Both together, as where one is fetched beside the other.
    pub fn plus(self, other: Rate) -> Rate {
        Rate { peak: self.peak.saturating_add(other.peak), average: self.average.saturating_add(other.average) }
    }

    /// The greater of each.
    pub fn max(self, other: Rate) -> Rate {
        Rate { peak: self.peak.max(other.peak), average: self.average.max(other.average) }
    }
}

/// The rates of pieces of so many bytes and ticks.
fn rate(pieces: &[(u64, u64)], timescale: Timescale) -> Rate {
    let half = pieces.iter().map(|(_, ticks)| *ticks).max().unwrap_or_default().div_ceil(2);
    let forth = runs(pieces.iter(), pieces.iter(), half);
    let back = runs(pieces.iter().rev(), pieces.iter().rev(), half);
    let peak = forth.chain(back).map(|(bytes, ticks)| bits_a_second(bytes, ticks, timescale)).max().unwrap_or_default();
    let sum = |sums: (u64, u64), piece: &(u64, u64)| (sums.0.saturating_add(piece.0), sums.1.saturating_add(piece.1));
    let (bytes, ticks) = pieces.iter().fold((0, 0), sum);
    let average = bits_a_second(bytes, ticks, timescale);
    Rate { peak: peak.max(average), average }
}

/// The bytes and the ticks of the shortest run from each piece on that lasts `ticks_min` at least. The same pieces twice: those
/// that join at one end of the run, and those that leave at the other.
fn runs<'a>(
    mut joining: impl Iterator<Item = &'a (u64, u64)>,
    leaving: impl Iterator<Item = &'a (u64, u64)>,
    ticks_min: u64,
) -> impl Iterator<Item = (u64, u64)> {
    let (mut bytes, mut ticks) = (0u64, 0u64);
    leaving.map_while(move |first| {
        while ticks < ticks_min {
            let (more, longer) = joining.next()?;
            (bytes, ticks) = (bytes.saturating_add(*more), ticks.saturating_add(*longer));
        }
        let run = (bytes, ticks);
        (bytes, ticks) = (bytes.saturating_sub(first.0), ticks.saturating_sub(first.1));
        Some(run)
    })
}

/// Rounded up.
fn bits_a_second(bytes: u64, ticks: u64, timescale: Timescale) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(timescale.get());
    bits.div_ceil(u128::from(ticks.max(1))).min(u64::MAX.into()) as u64
}

/// Sound of AAC that carries its configuration in each frame is of low complexity: its headers can say no more.
fn codec_of(track: &Track) -> String {
    // Of those that are of no use without Dolby Vision, the ones whose sample entry says so too.
    let is_alone = |dolby: &DolbyVision| dolby.compatibility == 0 && track.codec != Codec::Avc;
    let alone = dolby_vision(track).filter(is_alone);
    if let Some(name) = alone.and_then(|dolby| codec::dolby_vision(track.codec, dolby.profile, dolby.level)) {
        return name;
    }
    match (track.codec, track.config.is_empty()) {
        (Codec::Aac, true) => "mp4a.40.2".to_owned(),
        (codec, _) => codec::name(codec, &track.config),
    }
}

/// What pictures that any player shows are to one that knows Dolby Vision.
fn supplemental_of(track: &Track) -> Option<String> {
    let DolbyVision { profile, level, compatibility, .. } = dolby_vision(track)?;
    codec::dolby_vision_beside(track.codec, profile, level, compatibility)
}

fn dolby_vision(track: &Track) -> Option<DolbyVision> {
    match &track.media {
        Media::Video(format) => format.dolby_vision,
        Media::Audio(_) | Media::Other => None,
    }
}

fn pictures(track: &Track, format: &VideoFormat) -> Pictures {
    let (wide, high) = reduced(format.sample_aspect.0.into(), format.sample_aspect.1.into()).unwrap_or((1, 1));
    Pictures {
        shown: format.shown(),
        coded: format.coded.turned(format.orientation),
        sample_aspect: if is_on_its_side(format.orientation) { (high, wide) } else { (wide, high) },
        rate: frame_rate(track),
        color: format.color,
    }
}

fn is_on_its_side(orientation: Orientation) -> bool {
    matches!(orientation.turn, Turn::Quarter | Turn::ThreeQuarters)
}

/// Rates that cameras and encoders have. A measured one near to one of these is that one, told in a coarse timescale.
const RATES: [(u32, u32); 16] = [
    (10, 1),
    (12, 1),
    (15_000, 1001),
    (15, 1),
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (100, 1),
    (120_000, 1001),
    (120, 1),
];

/// One part in so many is near. The rates of film and of its broadcast are one in a thousand apart.
const NEAR: u128 = 2500;

/// The average over the whole track, whatever the window, so that all of its playlists agree.
fn frame_rate(track: &Track) -> Option<(u32, u32)> {
    let last = track.samples.len().checked_sub(1)?;
    let ticks = track.samples.get(last)?.decode_time.0.checked_sub(track.samples.get(0)?.decode_time.0)?;
    let ticks = u64::try_from(ticks).ok().filter(|ticks| *ticks > 0)?;
    let frames = u64::from(last).checked_mul(track.timescale.get().into()).filter(|frames| *frames > 0)?;
    let near = RATES.into_iter().find(|(high, low)| {
        let (one, other) = (u128::from(frames) * u128::from(*low), u128::from(ticks) * u128::from(*high));
        one.abs_diff(other).saturating_mul(NEAR) <= other
    });
    near.or_else(|| reduced(frames, ticks))
}

/// A ratio in lowest terms, with the low bits of both left out where they do not fit; `None` where one side is zero.
fn reduced(high: u64, low: u64) -> Option<(u32, u32)> {
    let (mut one, mut other) = (high, low);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    let (mut high, mut low) = (high.checked_div(one)?, low.checked_div(one)?);
    while high.max(low) > u32::MAX.into() {
        (high, low) = (high >> 1, low >> 1);
    }
    (high > 0 && low > 0).then_some((high as u32, low as u32))
}

fn access(timeline: &Timeline<'_>, segments: &[Segment]) -> Access {
    let track = timeline.track();
    if !matches!(track.media, Media::Video(_)) || matches!(track.codec, Codec::ProRes | Codec::Mjpeg) {
        return Access::Independent;
    }
    if !track.samples.names_keyframes() {
        return Access::Unknown;
    }
    let leads = |segment: &Segment| {
        timeline.shown(segment.samples.start).is_some_and(|shown| shown.max(0) as u64 > segment.start)
    };
    if segments.iter().any(leads) { Access::Leading } else { Access::Independent }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::Packing;
    use crate::media::samples::{Collector, Raw};
    use crate::media::time::Ticks;

    #[track_caller]
    fn check_rate(pieces: &[(u64, u64)], peak: u64, average: u64) {
        assert_eq!(rate(pieces, Timescale::new(10).unwrap()), Rate { peak, average });
    }

    #[test]
    fn the_peak_is_that_of_the_heaviest_stretch() {
        check_rate(&[], 0, 0);
        check_rate(&[(100, 10), (300, 10), (200, 10)], 2400, 1600);
        // A short one counts with its neighbour alone.
        check_rate(&[(100, 10), (100, 10), (90, 1)], 1382, 1105);
        check_rate(&[(90, 1), (100, 10), (100, 10)], 1382, 1105);
        check_rate(&[(u64::MAX, 1), (u64::MAX, 1)], u64::MAX, u64::MAX);
        check_rate(&[(100, 0), (100, 0)], 16_000, 16_000);
    }

    fn track(timescale: u32, times: &[i64]) -> Track {
        let mut collector = Collector::new();
        for (number, time) in times.iter().enumerate() {
            let (offset, time) = (number as u64 * 10, Ticks(*time));
            collector.push(Raw { offset, size: 10, decode_time: time, time, duration: 1, keyframe: true }).unwrap();
        }
        Track {
            id: 1,
            timescale: Timescale::new(timescale).unwrap(),
            language: None,
            codec: Codec::Avc,
            config: Bytes::new(),
            media: Media::Other,
            samples: collector.finish(),
            packing: Packing::Plain,
            captions: Default::default(),
        }
    }

    #[track_caller]
    fn check_dolby_vision(codec: Codec, compatibility: u8, expected: Option<&str>, supplemental: Option<&str>) {
        let dolby_vision = Some(DolbyVision { profile: 8, level: 7, compatibility, record: [0; 24] });
        let media = Media::Video(VideoFormat {
            coded: Size { width: 64, height: 64 },
            sample_aspect: (1, 1),
            orientation: Orientation::default(),
            color: Color::default(),
            dolby_vision,
        });
        let track = Track { codec, media, ..track(1000, &[0]) };
        let plain = codec::name(codec, &track.config);
        assert_eq!(codec_of(&track), expected.unwrap_or(&plain), "{codec:?} {compatibility}");
        assert_eq!(supplemental_of(&track).as_deref(), supplemental, "{codec:?} {compatibility}");
    }

    #[test]
    fn dolby_vision_is_told_alone_or_beside() {
        check_dolby_vision(Codec::Hevc, 0, Some("dvh1.08.07"), None);
        check_dolby_vision(Codec::Hevc, 1, None, Some("dvh1.08.07/db1p"));
        check_dolby_vision(Codec::Hevc, 4, None, Some("dvh1.08.07/db4h"));
        check_dolby_vision(Codec::Av1, 0, Some("dav1.08.07"), None);
        check_dolby_vision(Codec::Avc, 0, None, None);
        check_dolby_vision(Codec::Avc, 2, None, Some("dva1.08.07/db2g"));
        check_dolby_vision(Codec::Vp9, 1, None, None);
    }

    #[track_caller]
    fn check_frame_rate(timescale: u32, times: &[i64], expected: Option<(u32, u32)>) {
        assert_eq!(frame_rate(&track(timescale, times)), expected);
    }

    #[test]
    fn frame_rates_are_exact() {
        let each = |delta: i64| (0..300).map(|number| number * delta).collect::<Vec<_>>();
        check_frame_rate(30_000, &each(1001), Some((30_000, 1001)));
        check_frame_rate(90_000, &each(3000), Some((30, 1)));
        check_frame_rate(24_000, &each(1001), Some((24_000, 1001)));
        check_frame_rate(24_000, &each(1000), Some((24, 1)));
        check_frame_rate(90_000, &each(7000), Some((90, 7)));
        check_frame_rate(u32::MAX, &each(1), Some((u32::MAX, 1)));
        // Milliseconds, rounded.
        let rounded: Vec<_> = (0..300).map(|number| number * 1001 / 30).collect();
        check_frame_rate(1000, &rounded, Some((30_000, 1001)));
        check_frame_rate(1000, &[0], None);
        check_frame_rate(1000, &[5, 5], None);
        check_frame_rate(1000, &[0, i64::MAX], reduced(1000, i64::MAX as u64));
        check_frame_rate(1000, &[i64::MAX, i64::MIN], None);
    }
}
