//! How long it takes to tell of a minute and of two hours of pictures and sound, and to make segments of them.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vedette::media::picture::{Color, Orientation, Size};
use vedette::media::samples::{Collector, Raw};
use vedette::media::time::{Micros, Ticks, Timescale};
use vedette::media::{AudioFormat, Codec, Media, Packing, Track, VideoFormat};
use vedette::packager::mpegts::Flow;
use vedette::packager::name::{File, Form, Selection};
use vedette::packager::offer::{Offer, Sound, Video};
use vedette::packager::rendition::{Rendition, rendition};
use vedette::packager::segments::{Pace, segments};
use vedette::packager::timeline::{Timeline, Window};
use vedette::packager::{dash, fmp4, hls, mpegts};

const AVC: &[u8] = &[1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 4, 0x68, 0xee, 0x3c, 0x80];
const AAC: &[u8] = &[0x11, 0x90];

/// Samples of so many ticks each for so many seconds, shown as the pattern says, in samples behind their decoding.
fn track((seconds, timescale): (i64, u32), step: i64, gop: u32, size: u32, pattern: &[i64]) -> Option<Track> {
    let mut collector = Collector::new();
    let count = seconds * i64::from(timescale) / step;
    for (number, shift) in (0..count).zip(pattern.iter().cycle()) {
        let keyframe = (number as u32).is_multiple_of(gop);
        let size = if keyframe { 8 * size } else { size / 2 + number as u32 * 7919 % size };
        let (decode_time, time) = (Ticks(number * step), Ticks((number + shift) * step));
        let offset = number as u64 * 200_000;
        collector.push(Raw { offset, size, decode_time, time, duration: step as u32, keyframe }).ok()?;
    }
    Some(Track {
        id: 1,
        timescale: Timescale::new(timescale)?,
        language: None,
        codec: Codec::Avc,
        config: Bytes::from_static(AVC),
        media: Media::Other,
        samples: collector.finish(),
        packing: Packing::Plain,
        captions: Default::default(),
    })
}

/// 1080p of 30 pictures a second with B-frames and a keyframe every two seconds, about 5 Mbit/s.
fn pictures(seconds: i64) -> Option<Track> {
    let format = VideoFormat {
        coded: Size { width: 1920, height: 1080 },
        sample_aspect: (1, 1),
        orientation: Orientation::default(),
        color: Color::default(),
        dolby_vision: None,
    };
    Some(Track { media: Media::Video(format), ..track((seconds, 15_360), 512, 60, 18_000, &[1, 3, 1, -1])? })
}

fn sound(seconds: i64) -> Option<Track> {
    let media = Media::Audio(AudioFormat { sample_rate: 48_000, channels: 2 });
    Some(Track {
        codec: Codec::Aac,
        config: Bytes::from_static(AAC),
        media,
        ..track((seconds, 48_000), 1024, 1, 340, &[0])?
    })
}

fn pace() -> Pace {
    Pace { target: Micros(6_000_000), first: Vec::new() }
}

fn timeline(track: &Track) -> Timeline<'_> {
    match Timeline::new(track, Window::default()) {
        Ok(Some(timeline)) => timeline,
        other => panic!("the track of the bench is shown: {other:?}"),
    }
}

fn texts(c: &mut Criterion) {
    texts_of(c, "a minute", 60);
    texts_of(c, "two hours", 7200);
}

fn texts_of(c: &mut Criterion, name: &str, seconds: i64) {
    let (Some(pictures), Some(sound)) = (pictures(seconds), sound(seconds)) else {
        panic!("the tracks of the bench are sound")
    };
    let mut group = c.benchmark_group(name);
    for (name, track) in [("pictures", &pictures), ("sound", &sound)] {
        group.bench_function(BenchmarkId::new("cuts", name), |b| {
            b.iter(|| segments(&timeline(black_box(track)), &pace()))
        });
        group.bench_function(BenchmarkId::new("rendition", name), |b| {
            b.iter(|| rendition(&timeline(black_box(track)), &pace()))
        });
    }
    let renditions: [Rendition; 2] = [&pictures, &sound].map(|track| rendition(&timeline(track), &pace()));
    let of = Selection::video(1, 1);
    group.bench_function("media playlist", |b| {
        b.iter(|| {
            hls::playlist(
                &[hls::Link { place: "", of: &of, rendition: black_box(&renditions[0]) }],
                hls::Pieces::Segments,
                Form::M4s,
            )
        })
    });
    let offer = Offer {
        videos: vec![Video { of: of.clone(), rendition: &renditions[0], muxed: None }],
        sounds: vec![Sound {
            of: Selection::audio(1, 1),
            rendition: &renditions[1],
            language: None,
            label: None,
            is_default: false,
            is_description: false,
        }],
        ..Offer::default()
    };
    group.bench_function("multivariant playlist", |b| {
        b.iter(|| hls::multivariant(black_box(&offer), Form::M4s, File::to_string))
    });
    group.bench_function("manifest", |b| b.iter(|| dash::manifest(black_box(&offer), None)));
    group.finish();
}

fn media(c: &mut Criterion) {
    let (Some(pictures), Some(sound)) = (pictures(7200), sound(7200)) else {
        panic!("the tracks of the bench are sound")
    };
    let (pictures, sound) = (timeline(&pictures), timeline(&sound));
    let all = segments(&pictures, &pace());
    let segment = &all[600];
    let mut group = c.benchmark_group("six seconds");
    group.throughput(Throughput::Bytes(fmp4::segment(&pictures, segment.number, segment.samples.clone()).len()));
    group.bench_function("timeline", |b| b.iter(|| timeline(black_box(pictures.track()))));
    group.bench_function("fMP4", |b| {
        b.iter(|| fmp4::segment(black_box(&pictures), segment.number, segment.samples.clone()))
    });
    let (from, to) =
        (pictures.micros(segment.start as i64), pictures.micros((segment.start + segment.duration) as i64));
    let heard = mpegts::sound_of(&sound, from, Some(to));
    let mux = || {
        let sides = (Some((&pictures, segment.samples.clone())), Some((&sound, heard.clone())));
        match mpegts::segment(sides.0, sides.1, segment.number) {
            Ok(mux) => mux,
            Err(error) => panic!("the tracks of the bench go into TS: {error}"),
        }
    };
    group.bench_function("TS, laid out", |b| b.iter(mux));
    let mux = mux();
    // Each sample is one unit behind its length.
    let read = |ranges: &[std::ops::Range<u64>]| -> Vec<Bytes> {
        let unit = |length: usize| [&(length as u32 - 4).to_be_bytes()[..], &vec![0x41; length - 4]].concat().into();
        ranges.iter().map(|range| unit((range.end - range.start) as usize)).collect()
    };
    let (video, audio) = (read(&mux.pictures()), read(&mux.sound()));
    group.bench_function("TS, written", |b| b.iter(|| mux.write(black_box(&video), &audio)));
    let mux = Arc::new(mux);
    group.bench_function("TS, in windows", |b| {
        b.iter(|| {
            let Some((mut flow, _)) = Flow::new(black_box(Arc::clone(&mux)), 0) else { panic!("the length is known") };
            let (mut buffers, mut out) = ([Vec::new(), Vec::new()], Vec::new());
            while let Some(piece) = flow.next(512 * 1024) {
                for (buffer, ranges) in buffers.iter_mut().zip([&piece.pictures, &piece.sound]) {
                    buffer.resize(ranges.iter().map(|range| range.end - range.start).sum::<u64>() as usize, 0x41);
                }
                out.clear();
                let [pictures, sound] = &mut buffers;
                assert!(flow.write(&piece, pictures, sound, &mut out).is_ok());
            }
        })
    });
    group.finish();
}

criterion_group!(benches, texts, media);
criterion_main!(benches);
