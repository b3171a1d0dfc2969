//! Sound that nobody hears: what a player is given where an entry without sound stands among entries with it.

use std::ops::Range;

use bytes::Bytes;

use super::layout::{Layout, Slice};
use super::timeline::Window;
use crate::error::{Error, Kind, Result};
use crate::media::samples::{Collector, Raw};
use crate::media::time::{Micros, Ticks, Timescale};
use crate::media::{AudioFormat, Codec, Media, Packing, Track};

/// Silence of a length, coded as AAC-LC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Silence {
    /// One or two.
    pub channels: u8,
    /// Samples a second, one of [`RATES`].
    pub rate: u32,
    /// How long it is, in milliseconds; 1 to [`MILLIS_MAX`].
    pub millis: u32,
}

/// The rates of AAC in the order of their indexes (ISO/IEC 14496-3 table 1.18).
pub const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The longest silence: a day.
pub const MILLIS_MAX: u32 = 86_400_000;

/// Samples of one channel that a frame of AAC stands for.
const FRAME: u32 = 1024;

/// A frame without a spectral line: one element of one channel, or of a pair, with nothing in it, and the end (ISO/IEC 14496-3
/// section 4.4.2.1).
const MONO: &[u8] = &[0, 0, 0, 7];
const STEREO: &[u8] = &[0x20, 0, 0, 0, 0, 0, 0x0e];

impl Silence {
    /// Silence in place of sound in a format, as near to it as silence goes.
    pub fn like(format: &AudioFormat, length: Micros) -> Silence {
        let rate = RATES.iter().find(|rate| **rate == format.sample_rate).copied().unwrap_or(48_000);
        let millis = length.0.saturating_add(500) / 1000;
        let millis = millis.clamp(1, MILLIS_MAX.into()) as u32;
        Silence { channels: if format.channels == 1 { 1 } else { 2 }, rate, millis }
    }

    fn frame(self) -> &'static [u8] {
        if self.channels == 1 { MONO } else { STEREO }
    }

    /// A track of it, whose frames lie one after the other. Fails for a rate or a length that is not allowed.
    pub fn track(self) -> Result<Track> {
        let unfit = || Error::new(Kind::NotFound, format!("there is no silence of {self:?}"));
        let index = RATES.iter().position(|rate| *rate == self.rate).ok_or_else(unfit)?;
        let timescale = Timescale::new(self.rate).ok_or_else(unfit)?;
        if !(1..=MILLIS_MAX).contains(&self.millis) {
            return Err(unfit());
        }
        let ticks = u64::from(self.millis) * u64::from(self.rate) / 1000;
        let mut collector = Collector::new();
        let size = self.frame().len() as u32;
        for number in 0..ticks.div_ceil(FRAME.into()) {
            let time = Ticks((number * u64::from(FRAME)) as i64);
            let offset = number * u64::from(size);
            collector.push(Raw { offset, size, decode_time: time, time, duration: FRAME, keyframe: true })?;
        }
        // AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1): AAC-LC, the rate, the channels, frames of 1024.
        let config = 2 << 11 | (index as u16) << 7 | u16::from(self.channels) << 3;
        Ok(Track {
            id: 1,
            timescale,
            language: None,
            codec: Codec::Aac,
            config: Bytes::copy_from_slice(&config.to_be_bytes()),
            media: Media::Audio(AudioFormat { sample_rate: self.rate, channels: self.channels.into() }),
            samples: collector.finish(),
            packing: Packing::Plain,
            captions: Default::default(),
        })
    }

    /// The part of its track that is as long as it is.
    pub fn window(self) -> Window {
        Window { from: Micros(0), to: Some(Micros(i64::from(self.millis) * 1000)) }
    }

    /// The bytes of a layout of [`Silence::track`], which lie nowhere.
    pub fn fill(self, layout: &Layout) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(layout.len() as usize);
        for slice in layout.slices() {
            match slice {
                Slice::Made(made) => bytes.extend_from_slice(made),
                Slice::Source(range) => bytes.extend(self.bytes(range)),
            }
        }
        bytes
    }

    /// The bytes of a range of the samples of [`Silence::track`].
    pub fn bytes(self, range: &Range<u64>) -> impl Iterator<Item = u8> + use<> {
        let frame = self.frame();
        let skipped = (range.start % frame.len() as u64) as usize;
        let count = range.end.saturating_sub(range.start) as usize;
        frame.iter().cycle().skip(skipped).take(count).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sample_rate: u32, channels: u16, length: i64, expected: (u8, u32, u32)) {
        let Silence { channels, rate, millis } = Silence::like(&AudioFormat { sample_rate, channels }, Micros(length));
        assert_eq!((channels, rate, millis), expected);
    }

    #[test]
    fn silence_is_like_the_sound_around_it() {
        check(44_100, 2, 4_000_400, (2, 44_100, 4000));
        check(48_000, 6, 4_000_500, (2, 48_000, 4001));
        check(12_345, 1, 0, (1, 48_000, 1));
        check(0, 0, i64::MAX, (2, 48_000, MILLIS_MAX));
        check(8_000, 1, -5, (1, 8_000, 1));
    }

    #[test]
    fn a_track_is_as_long_as_it_says() {
        let track = Silence { channels: 2, rate: 48_000, millis: 4000 }.track().unwrap();
        assert_eq!((track.samples.len(), track.samples.end()), (188, Ticks(188 * 1024)));
        assert_eq!(track.config[..], [0x11, 0x90]);
    }

    #[test]
    fn what_is_no_silence() {
        for (rate, millis) in [(0, 1), (48_001, 1), (48_000, 0), (48_000, MILLIS_MAX + 1)] {
            assert!(Silence { channels: 2, rate, millis }.track().is_err(), "{rate} {millis}");
        }
    }

    #[test]
    fn frames_fill_a_layout() {
        let mut layout = Layout::default();
        layout.made(Bytes::from_static(b"head"));
        layout.source(4..12);
        let bytes = Silence { channels: 1, rate: 48_000, millis: 1 }.fill(&layout);
        assert_eq!(bytes, [b"head".as_slice(), &[0, 0, 0, 7, 0, 0, 0, 7]].concat());
    }
}
