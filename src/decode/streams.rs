//! What libavformat says of a stream, in the words of `media`.
#![allow(unsafe_code)]

use std::ffi::CStr;

use bytes::Bytes;
use ffmpeg_sys_next as av;
use serde::{Deserialize, Serialize};

use super::planes::{color_from, sample_aspect};
use crate::media::picture::{Color, Orientation, Size, Turn};
use crate::media::time::Timescale;
use crate::media::{AudioFormat, Codec, Media, VideoFormat};

/// Longest codec configuration that is kept.
const CONFIG_BYTES_MAX: usize = 1 << 20;

/// A stream of an open container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stream {
    /// Its number.
    pub(super) id: u32,
    /// How it is coded.
    pub(super) codec: Codec,
    /// Its codec configuration.
    pub(super) config: Bytes,
    /// What it carries.
    pub(super) media: Media,
    /// Its language, where stated.
    pub(super) language: Option<String>,
    /// Ticks a second.
    pub(super) timescale: Timescale,
    /// How many ticks a unit of the container's times is.
    pub(super) ticks: i64,
    /// Whether it is a picture beside the media, not a track.
    pub(super) is_attached: bool,
    /// Whether its samples come with their opacity beside them.
    pub(super) has_alpha: bool,
}

impl Stream {
    /// Whether it is what [`describe`] may give.
    pub(super) fn is_believable(&self) -> bool {
        let is_shaped = match &self.media {
            Media::Video(format) => {
                let (wide, high) = format.sample_aspect;
                sample_aspect(wide.into(), high.into()) == format.sample_aspect && format.dolby_vision.is_none()
            }
            Media::Audio(_) | Media::Other => true,
        };
        let is_named = self.language.as_ref().is_none_or(|language| is_tag(language));
        is_shaped && is_named && self.ticks > 0 && self.config.len() <= CONFIG_BYTES_MAX
    }
}

/// What is known of the stream at place `at`, which the container gives the number `id` if `has_ids`.
///
/// # Safety
/// `stream` belongs to an open container that nobody else uses while this runs.
pub(super) unsafe fn describe(stream: *const av::AVStream, at: usize, has_ids: bool) -> Option<Stream> {
    // SAFETY: as the caller says; libavformat sets the parameters of every stream. Fields of enumerated types are read as
    // the integers they are in C.
    unsafe {
        let raw = &*stream;
        let parameters = raw.codecpar.as_ref()?;
        let kind = (&raw const parameters.codec_type).cast::<i32>().read();
        let (timescale, ticks) = timescale(raw.time_base)?;
        let media = match kind {
            VIDEO => Media::Video(video(raw, parameters)),
            AUDIO => Media::Audio(AudioFormat {
                sample_rate: parameters.sample_rate.max(0) as u32,
                channels: parameters.ch_layout.nb_channels.clamp(0, u16::MAX.into()) as u16,
            }),
            _ => Media::Other,
        };
        Some(Stream {
            id: number(raw.id, at, has_ids),
            codec: codec((&raw const parameters.codec_id).cast::<u32>().read(), parameters.codec_tag),
            config: config(parameters),
            media,
            language: language(raw),
            timescale,
            ticks,
            has_alpha: text(raw, c"alpha_mode").is_some_and(|mode| mode.to_bytes() == b"1"),
            is_attached: raw.disposition & av::AV_DISPOSITION_ATTACHED_PIC != 0,
        })
    }
}

/// The number of a stream: the container's, if it has any, else its place counted from one.
pub(super) fn number(id: i32, at: usize, has_ids: bool) -> u32 {
    if has_ids { id as u32 } else { u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1) }
}

const VIDEO: i32 = av::AVMediaType::AVMEDIA_TYPE_VIDEO as i32;
const AUDIO: i32 = av::AVMediaType::AVMEDIA_TYPE_AUDIO as i32;

/// A time base `a/b` as `b` ticks a second, `a` of them a unit.
fn timescale(base: av::AVRational) -> Option<(Timescale, i64)> {
    let timescale = Timescale::new(u32::try_from(base.den).ok()?)?;
    (base.num > 0).then_some((timescale, i64::from(base.num)))
}

fn video(stream: &av::AVStream, parameters: &av::AVCodecParameters) -> VideoFormat {
    let size = Size { width: parameters.width.max(0) as u32, height: parameters.height.max(0) as u32 };
    let (outer, inner) = (stream.sample_aspect_ratio, parameters.sample_aspect_ratio);
    let aspect = if outer.num > 0 && outer.den > 0 { outer } else { inner };
    VideoFormat {
        coded: size,
        sample_aspect: sample_aspect(aspect.num.into(), aspect.den.into()),
        orientation: orientation(stream),
        color: color(parameters),
        dolby_vision: None,
    }
}

fn color(parameters: &av::AVCodecParameters) -> Color {
    // SAFETY (all four): read as the integers that C's enumerations are.
    let (primaries, transfer, matrix, range) = unsafe {
        (
            (&raw const parameters.color_primaries).cast::<u32>().read(),
            (&raw const parameters.color_trc).cast::<u32>().read(),
            (&raw const parameters.color_space).cast::<u32>().read(),
            (&raw const parameters.color_range).cast::<u32>().read(),
        )
    };
    color_from(primaries, transfer, matrix, range)
}

fn orientation(stream: &av::AVStream) -> Orientation {
    let kind = av::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    let mut length = 0;
    // SAFETY: the stream is alive; the data it gives is of the length it writes and lives as long as the stream.
    let matrix = unsafe {
        let data = av::av_stream_get_side_data(stream, kind, &mut length);
        if data.is_null() || length < 9 * 4 {
            return Orientation::default();
        }
        data.cast::<[i32; 9]>().read_unaligned()
    };
    upright(matrix)
}

/// The quarter turn and mirroring that a display matrix comes nearest to: row vectors times `[a b u; c d v; x y w]`, as in
/// ISO/IEC 14496-12 section 6.2.2.
fn upright(matrix: [i32; 9]) -> Orientation {
    let [a, b, _, c, d, ..] = matrix.map(i64::from);
    let mirrored = a * d - b * c < 0;
    // Where the picture's right goes, mirroring undone.
    let (x, y) = if mirrored { (-a, -b) } else { (a, b) };
    let turn = match (x.abs() >= y.abs(), x >= 0, y >= 0) {
        (true, true, _) => Turn::None,
        (true, false, _) => Turn::Half,
        (false, _, true) => Turn::Quarter,
        (false, _, false) => Turn::ThreeQuarters,
    };
    Orientation { mirrored, turn }
}

fn config(parameters: &av::AVCodecParameters) -> Bytes {
    match usize::try_from(parameters.extradata_size) {
        Ok(length @ 1..=CONFIG_BYTES_MAX) if !parameters.extradata.is_null() => {
            // SAFETY: libavformat's extradata has that length.
            Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(parameters.extradata, length) })
        }
        _ => Bytes::new(),
    }
}

fn language(stream: &av::AVStream) -> Option<String> {
    let text = text(stream, c"language")?.to_str().ok()?;
    (is_tag(text) && text != "und").then(|| text.to_owned())
}

/// Whether a text looks like the tag of a language.
fn is_tag(text: &str) -> bool {
    (2..=35).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// What the container says of a stream under `key`.
fn text<'a>(stream: &'a av::AVStream, key: &CStr) -> Option<&'a CStr> {
    // SAFETY: the stream's dictionary is alive, or null, which the function takes; the value is a C string that lives as
    // long as the stream.
    unsafe {
        let entry = av::av_dict_get(stream.metadata, key.as_ptr(), std::ptr::null(), 0).as_ref()?;
        Some(CStr::from_ptr(entry.value))
    }
}

fn codec(id: u32, tag: u32) -> Codec {
    use av::AVCodecID::*;
    const CODECS: [(av::AVCodecID, Codec); 23] = [
        (AV_CODEC_ID_H264, Codec::Avc),
        (AV_CODEC_ID_HEVC, Codec::Hevc),
        (AV_CODEC_ID_AV1, Codec::Av1),
        (AV_CODEC_ID_VP8, Codec::Vp8),
        (AV_CODEC_ID_VP9, Codec::Vp9),
        (AV_CODEC_ID_MPEG1VIDEO, Codec::Mpeg1),
        (AV_CODEC_ID_MPEG2VIDEO, Codec::Mpeg2),
        (AV_CODEC_ID_MPEG4, Codec::Mpeg4),
        (AV_CODEC_ID_PRORES, Codec::ProRes),
        (AV_CODEC_ID_MJPEG, Codec::Mjpeg),
        (AV_CODEC_ID_THEORA, Codec::Theora),
        (AV_CODEC_ID_FLV1, Codec::Spark),
        (AV_CODEC_ID_WMV1, Codec::Wmv1),
        (AV_CODEC_ID_WMV2, Codec::Wmv2),
        (AV_CODEC_ID_MSMPEG4V2, Codec::MsMpeg4V2),
        (AV_CODEC_ID_MSMPEG4V3, Codec::MsMpeg4V3),
        (AV_CODEC_ID_AAC, Codec::Aac),
        (AV_CODEC_ID_MP3, Codec::Mp3),
        (AV_CODEC_ID_AC3, Codec::Ac3),
        (AV_CODEC_ID_EAC3, Codec::Eac3),
        (AV_CODEC_ID_OPUS, Codec::Opus),
        (AV_CODEC_ID_FLAC, Codec::Flac),
        (AV_CODEC_ID_VORBIS, Codec::Vorbis),
    ];
    let known = CODECS.iter().find(|(known, _)| *known as u32 == id).map(|(_, codec)| *codec);
    known.unwrap_or(Codec::Other(if tag == 0 { id } else { tag.swap_bytes() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << 16;

    #[track_caller]
    fn check(a: i32, b: i32, c: i32, d: i32, expected: (bool, Turn)) {
        let got = upright([a, b, 0, c, d, 0, 0, 0, 1 << 30]);
        assert_eq!((got.mirrored, got.turn), expected);
    }

    #[test]
    fn a_display_matrix_is_a_turn() {
        check(ONE, 0, 0, ONE, (false, Turn::None));
        check(0, ONE, -ONE, 0, (false, Turn::Quarter));
        check(-ONE, 0, 0, -ONE, (false, Turn::Half));
        check(0, -ONE, ONE, 0, (false, Turn::ThreeQuarters));
        check(-ONE, 0, 0, ONE, (true, Turn::None));
        check(ONE, 0, 0, -ONE, (true, Turn::Half));
        check(0, 0, 0, 0, (false, Turn::None));
    }
}
