//! An index as text for people.

use super::codec;
use super::picture::{Color, Matrix, Orientation, Primaries, Range, Transfer, Turn};
use super::samples::Sample;
use super::time::{Micros, Ticks};
use super::{Container, Index, Media, Packing, Track, VideoFormat};

/// Keyframes that are listed one by one.
const KEYFRAMES_SHOWN: usize = 12;

/// What a file of `size` bytes holds, in lines that end with a line feed: an overview, then each track.
pub fn describe(index: &Index, size: u64) -> String {
    let facts = index.facts(size);
    let container = match index.container {
        Container::Mp4 => "MP4",
        Container::FragmentedMp4 => "fragmented MP4",
        Container::Matroska => "Matroska or WebM",
        Container::Other => "a container read by libavformat",
    };
    let mut text = table(&[
        ("container", container.to_owned()),
        ("size", bytes(size)),
        ("duration", format!("{} s", facts.duration)),
        ("bitrate", rate(facts.bitrate)),
        ("tracks", index.tracks.len().to_string()),
        ("index", format!("{} in memory", bytes(index.weight() as u64))),
    ]);
    for track in &index.tracks {
        text += &format!("\ntrack {}\n", track.id);
        text += &table(&track_rows(track));
        if track.video().is_some() && track.samples.names_keyframes() {
            text += &keyframes(track);
        }
    }
    text
}

type Row = (&'static str, String);

/// Rows of a name and a value, the values aligned.
fn table(rows: &[Row]) -> String {
    rows.iter().map(|(name, value)| format!("  {name:<12} {value}\n")).collect()
}

fn track_rows(track: &Track) -> Vec<Row> {
    let name = codec::name(track.codec, &track.config);
    let mut rows = match &track.media {
        Media::Video(format) => [vec![("video", name)], picture_rows(format)].concat(),
        Media::Audio(format) => {
            let sound = format!("{} Hz, {} channels", format.sample_rate, format.channels);
            vec![("audio", name), ("sound", sound)]
        }
        Media::Other => vec![("other", name)],
    };
    rows.extend(track.language.clone().map(|language| ("language", language)));
    rows.push(("timescale", format!("{} ticks a second", track.timescale.get())));
    rows.push(("duration", format!("{} s", track.samples.end().micros(track.timescale))));
    rows.extend(sample_rows(track));
    let captions: Vec<String> = track.captions.names().collect();
    if !captions.is_empty() {
        rows.push(("captions", captions.join(" ")));
    }
    if track.packing == Packing::Demuxed {
        rows.push(("packing", "samples are taken apart by libavformat".to_owned()));
    }
    rows
}

fn picture_rows(format: &VideoFormat) -> Vec<Row> {
    let mut rows = vec![("picture", format.coded.to_string()), ("shown as", format.shown().to_string())];
    if format.sample_aspect != (1, 1) {
        rows.push(("pixels", format!("{}:{}", format.sample_aspect.0, format.sample_aspect.1)));
    }
    if !format.orientation.is_upright() {
        rows.push(("orientation", orientation(format.orientation).to_owned()));
    }
    rows.push(("colours", colors(format.color)));
    rows
}

fn orientation(orientation: Orientation) -> &'static str {
    match (orientation.mirrored, orientation.turn) {
        (false, Turn::None) => "upright",
        (false, Turn::Quarter) => "turned 90 degrees clockwise",
        (false, Turn::Half) => "turned 180 degrees",
        (false, Turn::ThreeQuarters) => "turned 270 degrees clockwise",
        (true, Turn::None) => "mirrored left to right",
        (true, Turn::Quarter) => "mirrored left to right, then turned 90 degrees clockwise",
        (true, Turn::Half) => "mirrored top to bottom",
        (true, Turn::ThreeQuarters) => "mirrored left to right, then turned 270 degrees clockwise",
    }
}

fn colors(color: Color) -> String {
    let matrix = match color.matrix {
        Matrix::Unspecified => "matrix not stated",
        Matrix::Identity => "RGB",
        Matrix::Bt601 => "BT.601",
        Matrix::Bt709 => "BT.709",
        Matrix::Bt2020 => "BT.2020",
    };
    let range = match color.range {
        Range::Unspecified => "range not stated",
        Range::Limited => "limited range",
        Range::Full => "full range",
    };
    let transfer = match color.transfer {
        Transfer::Sdr => "SDR",
        Transfer::Pq => "HDR (PQ)",
        Transfer::Hlg => "HDR (HLG)",
    };
    let primaries = match color.primaries {
        Primaries::Bt709 => "BT.709 primaries",
        Primaries::Bt2020 => "BT.2020 primaries",
        Primaries::DisplayP3 => "Display P3 primaries",
    };
    [matrix, range, transfer, primaries].join(", ")
}

fn sample_rows(track: &Track) -> Vec<Row> {
    let samples = &track.samples;
    if samples.is_empty() {
        return vec![("samples", "none".to_owned())];
    }
    let total: u64 = samples.range(0..u32::MAX).map(|sample| u64::from(sample.size)).sum();
    let length = samples.range(0..u32::MAX).map(|sample| u64::from(sample.duration)).sum::<u64>();
    let length = u128::from(length).max(1);
    let second = u128::from(track.timescale.get());
    let bits = (u128::from(total) * 8 * second / length).min(u64::MAX.into()) as u64;
    let each_second = u128::from(samples.len()) * second * 100 / length;
    let average = format!("{}.{:02} a second", each_second / 100, each_second % 100);
    let mut rows =
        vec![("samples", format!("{}, {average}", samples.len())), ("media", bytes(total)), ("bitrate", rate(bits))];
    if track.video().is_some() {
        rows.push(("keyframes", gops(track)));
    }
    rows
}

/// How many keyframes there are, and how far apart.
fn gops(track: &Track) -> String {
    let samples = &track.samples;
    if !samples.names_keyframes() {
        return "every sample, or the file does not say".to_owned();
    }
    let keyframes: Vec<Sample> = samples.range(0..u32::MAX).filter(|sample| sample.keyframe).collect();
    let Some(first) = keyframes.first() else {
        return "none".to_owned();
    };
    let last = samples.range(samples.len() - 1..samples.len());
    let ends = last.map(|last| (last.number + 1, last.decode_time.0.saturating_add(last.duration.into())));
    let starts = keyframes.iter().map(|sample| (sample.number, sample.decode_time.0));
    let starts: Vec<(u32, i64)> = starts.chain(ends).collect();
    let lengths = || starts.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let (count, spanned) = (keyframes.len() as u64, u64::from(samples.len() - first.number));
    let shortest = lengths().min().unwrap_or_default();
    let longest = lengths().max().unwrap_or_default();
    let time = starts.windows(2).map(|pair| Ticks(pair[1].1.saturating_sub(pair[0].1))).max();
    let time = tenths(time.unwrap_or_default().micros(track.timescale));
    let average = (spanned * 10 + count / 2) / count;
    let average = format!("{}.{}", average / 10, average % 10);
    format!("{count}; GOPs of {average} samples on average, {shortest} to {longest}, at most {time} s")
}

/// Seconds to a tenth.
fn tenths(time: Micros) -> String {
    let tenths = time.0.max(0) / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The first keyframes of a track.
fn keyframes(track: &Track) -> String {
    let mut all = track.samples.range(0..u32::MAX).filter(|sample| sample.keyframe);
    let mut text = format!("  {:>9} {:>14} {:>14} {:>9}\n", "keyframe", "shown at (s)", "offset", "bytes");
    for sample in all.by_ref().take(KEYFRAMES_SHOWN) {
        let time = sample.time.micros(track.timescale).to_string();
        text += &format!("  {:>9} {time:>14} {:>14} {:>9}\n", sample.number, sample.offset, sample.size);
    }
    let more = all.count();
    if more > 0 {
        text += &format!("  and {more} more\n");
    }
    text
}

/// Bytes in the largest unit that leaves something before the point.
fn bytes(count: u64) -> String {
    scaled(count, &["bytes", "kB", "MB", "GB", "TB"])
}

/// Bits in a second.
fn rate(bits: u64) -> String {
    scaled(bits, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s"])
}

fn scaled(count: u64, units: &[&str]) -> String {
    let (mut whole, mut tenth, mut unit) = (count, None, 0);
    while whole >= 1000 && unit + 1 < units.len() {
        (tenth, whole, unit) = (Some(whole / 100 % 10), whole / 1000, unit + 1);
    }
    match tenth {
        Some(tenth) => format!("{whole}.{tenth} {}", units[unit]),
        None => format!("{whole} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::picture::Size;
    use crate::media::samples::{Collector, Raw};
    use crate::media::time::Timescale;
    use crate::media::{AudioFormat, Codec};

    fn video() -> Track {
        let mut collector = Collector::new();
        for number in 0..20u32 {
            let time = Ticks(i64::from(number) * 1001);
            let raw = Raw {
                offset: 1000 + u64::from(number) * 500,
                size: 500,
                decode_time: time,
                time,
                duration: 1001,
                keyframe: [0, 5, 17].contains(&number),
            };
            collector.push(raw).unwrap();
        }
        let format = VideoFormat {
            coded: Size { width: 720, height: 576 },
            sample_aspect: (64, 45),
            orientation: Orientation { mirrored: false, turn: Turn::Quarter },
            color: Color::from_codes(9, 16, 9, Range::Limited),
            dolby_vision: None,
        };
        Track {
            id: 7,
            timescale: Timescale::new(30_000).unwrap(),
            language: Some("deu".to_owned()),
            codec: Codec::Avc,
            config: Bytes::from_static(&[0, 0, 1, 0x67, 0x64, 0, 0x1f]),
            media: Media::Video(format),
            samples: collector.finish(),
            packing: Packing::Plain,
            captions: Default::default(),
        }
    }

    #[test]
    fn a_whole_file() {
        let sound = Track {
            id: 8,
            language: None,
            codec: Codec::Aac,
            config: Bytes::from_static(&[0x12, 0x10]),
            media: Media::Audio(AudioFormat { sample_rate: 44_100, channels: 2 }),
            samples: Default::default(),
            ..video()
        };
        let index = Index { container: Container::FragmentedMp4, tracks: vec![video(), sound] };
        let memory = bytes(index.weight() as u64);
        let expected = format!(
            "  container    fragmented MP4
  size         1.2 MB
  duration     0.667333 s
  bitrate      14.8 Mbit/s
  tracks       2
  index        {memory} in memory

track 7
  video        avc1.64001f
  picture      720x576
  shown as     576x1024
  pixels       64:45
  orientation  turned 90 degrees clockwise
  colours      BT.2020, limited range, HDR (PQ), BT.2020 primaries
  language     deu
  timescale    30000 ticks a second
  duration     0.667333 s
  samples      20, 29.97 a second
  media        10.0 kB
  bitrate      119.8 kbit/s
  keyframes    3; GOPs of 6.7 samples on average, 3 to 12, at most 0.4 s
   keyframe   shown at (s)         offset     bytes
          0              0           1000       500
          5       0.166833           3500       500
         17       0.567233           9500       500

track 8
  audio        mp4a.40.2
  sound        44100 Hz, 2 channels
  timescale    30000 ticks a second
  duration     0 s
  samples      none
"
        );
        assert_eq!(describe(&index, 1_234_567), expected);
    }

    #[test]
    fn numbers_are_scaled() {
        let cases =
            [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_999_999, "1.9 MB"), (u64::MAX, "18446744.0 TB")];
        for (count, expected) in cases {
            assert_eq!(bytes(count), expected);
        }
    }
}
