//! What a stored file holds: tracks, samples and what is known of them.

pub mod codec;
pub mod describe;
pub mod mime;
pub mod mp4;
pub mod picture;
pub mod samples;
pub mod time;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::picture::{Color, Orientation, Size};
use self::samples::Samples;
use self::time::{Micros, Timescale};

/// The parsed sample tables of one file, whatever its container. Made once per source and version.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// The container it was read from.
    pub container: Container,
    /// Its tracks, in file order.
    pub tracks: Vec<Track>,
}

/// How a file wraps its tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Container {
    /// ISO BMFF with all sample tables in `moov` (ISO/IEC 14496-12).
    Mp4,
    /// ISO BMFF in fragments.
    FragmentedMp4,
    /// Matroska or WebM.
    Matroska,
    /// Anything else that libavformat reads.
    Other,
}

/// One elementary stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// The container's number of the track.
    pub id: u32,
    /// The unit of its sample times.
    pub timescale: Timescale,
    /// ISO 639-2 or BCP 47 language; `None` where the file does not say.
    pub language: Option<String>,
    /// How its samples are coded.
    pub codec: Codec,
    /// The codec's configuration as the container carries it (`avcC`, `hvcC`, `av1C`, … without box header; the
    /// AudioSpecificConfig of AAC; the four characters that name the form of ProRes). Empty where there is none.
    pub config: Bytes,
    /// What kind of track it is, with what belongs to that kind.
    pub media: Media,
    /// Its samples in decoding order.
    pub samples: Samples,
    /// How the bytes of its samples lie in the file.
    pub packing: Packing,
    /// The captions inside its pictures, as far as the first samples show; none where nobody looked.
    pub captions: ClosedCaptions,
}

/// Captions that are part of coded pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ClosedCaptions {
    /// The channels of CEA-608, a bit each: CC1 is the lowest, CC4 the fourth.
    pub channels: u8,
    /// The services of CEA-708, a bit each by their number from 1 to 63.
    pub services: u64,
}

/// What a track carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Media {
    /// Pictures.
    Video(VideoFormat),
    /// Sound.
    Audio(AudioFormat),
    /// Timed text, data, anything else.
    Other,
}

/// How the pictures of a track are stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VideoFormat {
    /// Size of the coded picture in pixels, before sample aspect and rotation.
    pub coded: Size,
    /// Width of a pixel to its height; `(1, 1)` for square ones. Neither is zero.
    pub sample_aspect: (u32, u32),
    /// What turns the decoded picture upright.
    pub orientation: Orientation,
    /// Colour as the container states it; the decoder's word fills what is unspecified.
    pub color: Color,
    /// What Dolby Vision adds to the pictures; `None` where it is none.
    pub dolby_vision: Option<DolbyVision>,
}

/// A Dolby Vision configuration (Dolby Vision Streams Within the ISO Base Media File Format section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DolbyVision {
    /// Its profile, 0 to 127.
    pub profile: u8,
    /// Its level, 0 to 63.
    pub level: u8,
    /// What the pictures are to a player that does not know it, 0 to 15; zero for nothing of use.
    pub compatibility: u8,
    /// The configuration as the container carries it, without box header.
    pub record: [u8; 24],
}

/// How the sound of a track is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFormat {
    /// Samples per second.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u16,
}

/// How the bytes of a track's samples lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Each sample is one run of bytes at its offset.
    Plain,
    /// Samples are scattered or transformed: only libavformat gives them, found by decoding time.
    Demuxed,
}

/// How samples are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Codec {
    /// H.264, ISO/IEC 14496-10.
    Avc,
    /// H.265, ISO/IEC 23008-2.
    Hevc,
    /// AV1.
    Av1,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// MPEG-1 video, ISO/IEC 11172-2.
    Mpeg1,
    /// MPEG-2 video, ISO/IEC 13818-2.
    Mpeg2,
    /// MPEG-4 part 2, ISO/IEC 14496-2.
    Mpeg4,
    /// Apple ProRes.
    ProRes,
    /// Motion JPEG.
    Mjpeg,
    /// Theora.
    Theora,
    /// Sorenson Spark, the H.263 of Flash video.
    Spark,
    /// Windows Media Video 7.
    Wmv1,
    /// Windows Media Video 8.
    Wmv2,
    /// Microsoft's MPEG-4, version 2.
    MsMpeg4V2,
    /// Microsoft's MPEG-4, version 3, which DivX 3 is too.
    MsMpeg4V3,
    /// AAC, ISO/IEC 14496-3.
    Aac,
    /// MP3.
    Mp3,
    /// AC-3.
    Ac3,
    /// Enhanced AC-3.
    Eac3,
    /// Opus.
    Opus,
    /// FLAC.
    Flac,
    /// Vorbis.
    Vorbis,
    /// Something this service neither decodes nor carries; the four characters or the number that the container gives.
    Other(u32),
}

/// What the plan needs to know of a source. Taken once from its index, or from a picture's header, and remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Presented length of the longest track; zero for a picture.
    pub duration: Micros,
    /// Average bitrate of the whole file in bits per second; zero where there is no duration.
    pub bitrate: u64,
    /// Its pictures, if it has any that can be decoded.
    pub picture: Option<PictureFacts>,
    /// Whether it has sound.
    pub has_audio: bool,
}

/// What is known of the pictures of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureFacts {
    /// Size as shown: sample aspect and orientation applied.
    pub shown: Size,
    /// Time of the last frame; zero for a picture.
    pub last_frame: Micros,
    /// Number of frames; 1 for a picture.
    pub frames: u32,
    /// How often the sides of a stored picture can be halved while it is decoded, which saves work; zero where it is decoded
    /// whole, as videos are.
    pub halvings: u8,
}

impl Index {
    /// The track that pictures are taken from: the first one that shows any, cover art aside.
    pub fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.video().is_some() && !track.samples.is_empty())
    }

    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        let tracks = self.tracks.iter().map(|t| size_of::<Track>() + t.config.len() + t.samples.weight());
        size_of::<Index>() + tracks.sum::<usize>()
    }

    /// What the plan needs to know, for a file of `size` bytes.
    pub fn facts(&self, size: u64) -> Facts {
        let ends = self.tracks.iter().map(|t| t.samples.end().micros(t.timescale));
        let duration = ends.max().unwrap_or_default().max(Micros(0));
        let bits = u128::from(size) * 8 * 1_000_000;
        let bitrate = if duration.0 == 0 { 0 } else { (bits / duration.0 as u128).min(u64::MAX.into()) as u64 };
        let picture = self.video().and_then(|track| {
            let format = track.video()?;
            let last_frame = track.samples.last_shown().micros(track.timescale).max(Micros(0));
            Some(PictureFacts { shown: format.shown(), last_frame, frames: track.samples.len(), halvings: 0 })
        });
        let has_audio = self.tracks.iter().any(|track| matches!(track.media, Media::Audio(_)));
        Facts { duration, bitrate, picture, has_audio }
    }
}

impl Track {
    /// The picture format, if the track carries pictures.
    pub fn video(&self) -> Option<&VideoFormat> {
        match &self.media {
            Media::Video(format) => Some(format),
            Media::Audio(_) | Media::Other => None,
        }
    }
}

impl DolbyVision {
    /// That of the body of a box `dvcC`, `dvvC` or `dvwC`; `None` where it is cut short.
    pub fn read(body: &[u8]) -> Option<DolbyVision> {
        let record = *body.first_chunk::<24>()?;
        // Version (2 bytes), profile (7 bits), level (6), which layers there are (3), compatibility (4).
        let level = (record[2] & 1) << 5 | record[3] >> 3;
        Some(DolbyVision { profile: record[2] >> 1, level, compatibility: record[4] >> 4, record })
    }

    /// The name of the box around it, which goes by its profile.
    pub fn box_name(&self) -> &'static [u8; 4] {
        match self.profile {
            0..=7 => b"dvcC",
            8..=10 => b"dvvC",
            _ => b"dvwC",
        }
    }
}

impl ClosedCaptions {
    /// Their names as HLS has them, channels first: `CC1`, `SERVICE1` (RFC 8216 section 4.3.4.1).
    pub fn names(self) -> impl Iterator<Item = String> {
        let channels = (1..=4).filter(move |channel| self.channels >> (channel - 1) & 1 == 1);
        let services = (1..=63).filter(move |service| self.services >> service & 1 == 1);
        channels.map(|channel| format!("CC{channel}")).chain(services.map(|service| format!("SERVICE{service}")))
    }
}

impl VideoFormat {
    /// The size that a viewer sees: pixels made square by stretching the width, then turned upright.
    pub fn shown(&self) -> Size {
        let (wide, high) = self.sample_aspect;
        let width = (u64::from(self.coded.width) * u64::from(wide) + u64::from(high) / 2) / u64::from(high);
        let square = Size { width: width.clamp(1, u32::MAX.into()) as u32, height: self.coded.height };
        square.turned(self.orientation)
    }
}
