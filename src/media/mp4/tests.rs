//! Files made by hand, whole and damaged, and the index that is read from them.

use proptest::prelude::*;

use super::boxes::tests::{atom, full, words};
use super::fixture::{Made, Run, file, fragment, init, moov, moov_first, picture_entry, read, rows, sound_entry};
use super::*;
use crate::media::picture::{Color, Matrix, Orientation, Primaries, Range as Levels, Size, Transfer, Turn};
use crate::media::samples::{Reach, Sample};
use crate::media::time::Ticks;
use crate::media::{AudioFormat, Codec, Media, Track, VideoFormat};

fn index(file: &[u8]) -> Index {
    read(file).0.unwrap()
}

/// The only track of a file of one.
fn track(made: Made) -> Track {
    index(&file(&[made])).tracks.remove(0)
}

fn format(made: Made) -> VideoFormat {
    *track(made).video().unwrap()
}

fn times(track: &Track) -> Vec<(i64, i64)> {
    track.samples.range(0..u32::MAX).map(|sample| (sample.decode_time.0, sample.time.0)).collect()
}

#[track_caller]
fn check_refused(file: &[u8], part: &str) {
    let message = read(file).0.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains(part), "{message:?} does not say {part:?}");
}

#[test]
fn everything_of_a_plain_file() {
    let index = index(&file(&[Made::video(), Made::sound()]));
    assert_eq!(index.container, Container::Mp4);
    let [video, sound] = &index.tracks[..] else { panic!("{index:?}") };
    assert_eq!((video.codec, &video.config[..], &video.language), (Codec::Avc, &b"config"[..], &None));
    assert_eq!((sound.codec, &sound.config[..], sound.language.as_deref()), (Codec::Opus, &b"opus"[..], Some("eng")));
    let format = VideoFormat {
        coded: Size { width: 64, height: 48 },
        sample_aspect: (1, 1),
        orientation: Orientation::default(),
        color: Color::default(),
        dolby_vision: None,
    };
    assert_eq!(video.media, Media::Video(format));
    assert_eq!(sound.media, Media::Audio(AudioFormat { sample_rate: 48_000, channels: 2 }));
    let shown = [(0, 0), (1000, 2000), (2000, 1000), (3000, 3000), (4000, 5000), (5000, 4000)];
    assert_eq!(times(video), shown);
    let bytes: Vec<_> = video.samples.range(0..6).map(|sample| (sample.offset, sample.size, sample.keyframe)).collect();
    // 24 bytes of boxes, and five samples of sound between the chunks.
    let expected =
        [(24, 50, true), (74, 10, false), (84, 20, false), (104, 40, true), (179, 10, false), (189, 5, false)];
    assert_eq!(bytes, expected);
    assert_eq!((video.samples.end(), video.samples.last_shown()), (Ticks(6000), Ticks(5000)));
    assert_eq!(sound.samples.get(7).map(|last| (last.offset, last.time.0)), Some((208, 6720)));
    assert_eq!(video.samples.frame_at(Ticks(4500)), Some(Reach { from: 3, target: 5, time: Ticks(4000) }));
}

#[test]
fn moov_is_found_wherever_it_is() {
    let tracks = [Made::video(), Made::sound()];
    let (last, first) = (index(&file(&tracks)), index(&moov_first(&tracks)));
    let moved = first.tracks[0].samples.get(0).unwrap().offset - 24;
    for (one, other) in last.tracks.iter().zip(&first.tracks) {
        let shift = |sample: Sample| Sample { offset: sample.offset + moved, ..sample };
        assert!(one.samples.range(0..9).map(shift).eq(other.samples.range(0..9)));
    }
    // Media of 100 kB in a 64-bit box, and moov to the end of the file behind it.
    let mut large = file(&tracks);
    let media = [words(&[1]), b"mdat".to_vec(), words(&[0, 100_016]), vec![0; 100_000]].concat();
    large.splice(16..16, media);
    let moov = large.windows(4).rposition(|kind| kind == b"moov").unwrap();
    large[moov - 4..moov].fill(0);
    let (found, asked) = read(&large);
    assert_eq!(found.unwrap().tracks[0].samples.len(), 6);
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[test]
fn offsets_and_sizes_of_every_width() {
    let plain = track(Made::sound());
    let with = |kind: &[u8; 4], replacement: Vec<u8>| {
        let mut bytes = file(&[Made::sound()]);
        let moov = bytes.windows(4).position(|found| found == b"moov").unwrap();
        let at = moov + bytes[moov..].windows(4).position(|found| found == kind).unwrap();
        bytes[at..at + 4].copy_from_slice(b"free");
        // The new box goes behind stts; the sizes of the boxes around it grow with it.
        let end = bytes.len();
        for parent in [b"moov", b"trak", b"mdia", b"minf", b"stbl"] {
            let at = moov + bytes[moov..].windows(4).position(|found| found == parent).unwrap() - 4;
            let size = (end - at + replacement.len()) as u32;
            bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
        }
        index(&[bytes, replacement].concat()).tracks.remove(0)
    };
    let offsets: Vec<u32> = [0, 5].iter().flat_map(|n| [0, plain.samples.get(*n).unwrap().offset as u32]).collect();
    assert_eq!(with(b"stco", rows(b"co64", 0, &offsets, 2)).samples, plain.samples);
    assert_eq!(with(b"stsz", full(b"stsz", 0, 0, &[&words(&[7, 8])])).samples, plain.samples);
    for (bits, sizes) in [(4, vec![0x77; 4]), (8, vec![7; 8]), (16, [0, 7].repeat(8))] {
        let stz2 = full(b"stz2", 0, 0, &[&words(&[bits, 8]), &sizes]);
        assert_eq!(with(b"stsz", stz2).samples, plain.samples, "{bits} bits");
    }
}

#[test]
fn edits_move_and_cut() {
    let with = |numbers: &[u32]| {
        track(Made { more: atom(b"edts", &[&rows(b"elst", 0, numbers, 3)]), ..Made::video() }).samples
    };
    // 40 ms of nothing, then 80 ms from the second frame on.
    let samples = with(&[40, u32::MAX, 0x1_0000, 80, 2000, 0x1_0000]);
    assert_eq!((samples.frame_at(Ticks(0)).unwrap().target, samples.end()), (2, Ticks(3000)));
    assert_eq!(samples.frame_at(Ticks(i64::MAX)).unwrap().target, 1);
    // A length of zero is all there is; a rate of zero shows nothing of its own.
    assert_eq!(with(&[0, 1000, 0x1_0000]).end(), Ticks(6000));
    assert_eq!(with(&[40, 1000, 0, 200, 1000, 0x1_0000]).get(0).unwrap().time, Ticks(1000));
    // Version 1, with 64-bit numbers.
    let elst = full(b"elst", 1, 0, &[&words(&[1, 0, 120, 0, 2000, 0x1_0000])]);
    let samples = track(Made { more: atom(b"edts", &[&elst]), ..Made::video() }).samples;
    assert_eq!((samples.frame_at(Ticks(0)).unwrap().target, samples.end()), (2, Ticks(3000)));
}

#[test]
fn without_stss_every_sample_may_be_a_keyframe() {
    let mut made = Made::video();
    made.times.pop();
    let samples = track(made.clone()).samples;
    assert!(!samples.names_keyframes());
    made.times.push(rows(b"stss", 0, &[9, 4, 0, 4, 1], 1));
    let keyframes: Vec<_> = track(made).samples.range(0..9).filter(|sample| sample.keyframe).collect();
    assert_eq!(keyframes.iter().map(|sample| sample.number).collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn offsets_of_composition_may_be_negative_and_tables_short() {
    let mut made = Made { more: Vec::new(), ..Made::video() };
    made.times = vec![rows(b"stts", 0, &[2, 1000, 1, 3000], 2), rows(b"ctts", 1, &[1, 0, 1, (-500i32) as u32], 2)];
    let expected = [(0, 0), (1000, 500), (2000, 2000), (5000, 5000), (8000, 8000), (11000, 11000)];
    assert_eq!(times(&track(made)), expected);
}

#[test]
fn the_matrix_turns_and_mirrors() {
    let cases = [
        ([1, 0, 0, 1], 1),
        ([-1, 0, 0, 1], 2),
        ([-1, 0, 0, -1], 3),
        ([1, 0, 0, -1], 4),
        ([0, 1, 1, 0], 5),
        ([0, 1, -1, 0], 6),
        ([0, -1, -1, 0], 7),
        ([0, -1, 1, 0], 8),
        ([0, 0, 0, 0], 1),
    ];
    for (matrix, exif) in cases {
        let found = format(Made { matrix, ..Made::video() }).orientation;
        assert_eq!(found, Orientation::from_exif(exif), "{matrix:?}");
    }
}

#[test]
fn sample_aspect_is_stated_or_follows_from_the_size_shown() {
    let pasp = atom(b"pasp", &[&words(&[64, 45])]);
    let stated = format(Made { entry: picture_entry(b"avc1", 720, 576, &pasp), ..Made::video() });
    assert_eq!((stated.sample_aspect, stated.shown()), ((64, 45), Size { width: 1024, height: 576 }));
    let wide = format(Made { shown: (96, 48), ..Made::video() });
    assert_eq!(wide.shown(), Size { width: 96, height: 48 });
    let odd = Made { entry: picture_entry(b"avc1", 1440, 1080, &[]), shown: (1920, 1080), ..Made::video() };
    assert_eq!(format(odd).shown(), Size { width: 1920, height: 1080 });
    let sized = Made { entry: picture_entry(b"avc1", 0, 0, &[]), shown: (96, 48), ..Made::video() };
    assert_eq!(format(sized).shown(), Size { width: 96, height: 48 });
}

#[test]
fn colours_are_read() {
    let colr = atom(b"colr", &[b"nclx", &[0, 9, 0, 18, 0, 9, 0x80]]);
    let made = Made { entry: picture_entry(b"hvc1", 64, 48, &colr), ..Made::video() };
    let (matrix, primaries) = (Matrix::Bt2020, Primaries::Bt2020);
    let expected = Color { matrix, range: Levels::Full, transfer: Transfer::Hlg, primaries };
    assert_eq!(format(made).color, expected);
}

fn esds(object: u8, config: &[u8]) -> Vec<u8> {
    let specific = [&[5, 0x80, 0x80, config.len() as u8], config].concat();
    let decoder = [&[4, 13 + specific.len() as u8, object], &[0; 12][..], &specific].concat();
    full(b"esds", 0, 0, &[&[3, 3 + decoder.len() as u8, 0, 1, 0], &decoder])
}

#[track_caller]
fn check_codec(handler: &'static [u8; 4], entry: Vec<u8>, codec: Codec, config: &[u8]) {
    let found = track(Made { handler, entry, ..Made::video() });
    assert_eq!((found.codec, &found.config[..]), (codec, config));
}

#[test]
fn codecs_of_pictures() {
    let entry = |kind, more: &[u8]| picture_entry(kind, 64, 48, more);
    let config = |kind| atom(kind, &[b"config"]);
    check_codec(b"vide", entry(b"hev1", &config(b"hvcC")), Codec::Hevc, b"config");
    check_codec(b"vide", entry(b"av01", &config(b"av1C")), Codec::Av1, b"config");
    check_codec(b"vide", entry(b"vp09", &config(b"vpcC")), Codec::Vp9, b"config");
    check_codec(b"vide", entry(b"vp08", &[]), Codec::Vp8, b"");
    check_codec(b"vide", entry(b"mp4v", &esds(0x20, b"vol")), Codec::Mpeg4, b"vol");
    check_codec(b"vide", entry(b"mp4v", &esds(0x61, b"")), Codec::Mpeg2, b"");
    check_codec(b"vide", entry(b"mp4v", &esds(0x6a, b"")), Codec::Mpeg1, b"");
    check_codec(b"vide", entry(b"ap4h", &[]), Codec::ProRes, b"ap4h");
    check_codec(b"vide", entry(b"jpeg", b"junk"), Codec::Mjpeg, b"");
    check_codec(b"vide", entry(b"xd5b", &[]), Codec::Mpeg2, b"");
    check_codec(b"vide", entry(b"zzzz", &[]), Codec::Other(0x7a7a_7a7a), b"");
}

#[test]
fn codecs_of_sound() {
    let wave = atom(b"wave", &[&atom(b"frma", &[b"mp4a"]), &esds(0x40, b"asc")]);
    let mut quicktime = sound_entry(b"mp4a", &[&[0; 16][..], &wave].concat());
    quicktime[17] = 1;
    check_codec(b"soun", quicktime, Codec::Aac, b"asc");
    check_codec(b"soun", sound_entry(b"mp4a", &esds(0x40, &[0x12, 0x10])), Codec::Aac, &[0x12, 0x10]);
    check_codec(b"soun", sound_entry(b"mp4a", &esds(0x6b, b"")), Codec::Mp3, b"");
    check_codec(b"soun", sound_entry(b"ec-3", &atom(b"dec3", &[b"config"])), Codec::Eac3, b"config");
    check_codec(b"soun", sound_entry(b"fLaC", &atom(b"dfLa", &[b"config"])), Codec::Flac, b"config");
    let mut second = sound_entry(b"lpcm", &[&[0; 4][..], &96_000f64.to_be_bytes(), &[0, 0, 0, 6], &[0; 20]].concat());
    second[17] = 2;
    let found = track(Made { entry: second, ..Made::sound() });
    assert_eq!(found.media, Media::Audio(AudioFormat { sample_rate: 96_000, channels: 6 }));
}

#[test]
fn uncompressed_sound_is_indexed_by_chunks() {
    let mut made = Made { entry: sound_entry(b"sowt", &[]), ..Made::sound() };
    made.times = vec![rows(b"stts", 0, &[8, 1], 2)];
    let bytes = file(&[made]);
    let at = bytes.windows(4).position(|kind| kind == b"stsz").unwrap();
    let mut uniform = bytes.clone();
    uniform[at + 8..at + 12].copy_from_slice(&words(&[7]));
    let samples = &index(&uniform).tracks[0].samples;
    let found: Vec<_> = samples.range(0..9).map(|s| (s.offset, s.size, s.time.0, s.duration)).collect();
    assert_eq!(found, [(24, 35, 0, 5), (59, 21, 5, 3)]);
}

#[test]
fn pictures_of_chapters_are_not_the_video() {
    let chapters = Made { flags: 0, ..Made::video() };
    let found = index(&file(&[chapters.clone(), Made::video()]));
    assert_eq!(found.video().map(|track| track.id), Some(2));
    assert_eq!(index(&file(&[chapters])).video().map(|track| track.id), Some(1));
}

/// Two fragments of two frames each, and of sound in the first; the second frame of each is shown first.
fn fragmented(decode_time: u32) -> Vec<u8> {
    let frames = |key: u32| [(30, 1000, key, 1000), (20, 1000, 0x101_0000, -1000)];
    let sound = [(9, 1024, 0, 0), (8, 1024, 0, 0)];
    let first = fragment(&[
        Run { track: 1, decode_time, samples: &frames(0x200_0000) },
        Run { track: 2, decode_time: decode_time * 48 / 25, samples: &sound },
    ]);
    let second = fragment(&[Run { track: 1, decode_time: decode_time + 4000, samples: &frames(0x1_0000) }]);
    let tracks = [Made::video(), Made::sound()].map(|made| Made { more: Vec::new(), ..made });
    [init(&tracks, &[1000, 1024]), first, second].concat()
}

#[test]
fn fragments_add_up() {
    let bytes = fragmented(0);
    let index = index(&bytes);
    assert_eq!(index.container, Container::FragmentedMp4);
    let [video, sound] = &index.tracks[..] else { panic!("{index:?}") };
    assert_eq!(times(video), [(0, 1000), (1000, 0), (4000, 5000), (5000, 4000)]);
    assert_eq!(times(sound), [(0, 0), (1024, 1024)]);
    let media: Vec<_> = video.samples.range(0..9).map(|sample| (sample.size, sample.keyframe)).collect();
    assert_eq!(media, [(30, true), (20, false), (30, false), (20, false)]);
    let mdat = bytes.windows(4).position(|kind| kind == b"mdat").unwrap() as u64 + 4;
    let offsets: Vec<_> = video.samples.range(0..2).chain(sound.samples.range(0..2)).map(|s| s.offset - mdat).collect();
    assert_eq!(offsets, [0, 30, 50, 59]);
}

#[test]
fn a_cut_of_a_live_stream_starts_as_if_it_were_all() {
    let index = index(&fragmented(25_000_000));
    let [video, sound] = &index.tracks[..] else { panic!("{index:?}") };
    assert_eq!(video.samples.range(0..2).map(|sample| sample.time.0).collect::<Vec<_>>(), [1000, 0]);
    assert_eq!(sound.samples.get(0).map(|sample| sample.time.0), Some(0));
    assert_eq!(video.samples.end(), Ticks(6000));
}

#[test]
fn a_fragmented_file_may_grow_or_be_cut() {
    let whole = fragmented(0);
    for cut in [1, 20, 60] {
        let samples = index(&whole[..whole.len() - cut]).tracks[0].samples.len();
        assert_eq!(samples, if cut > 50 { 2 } else { 3 }.min(4 - u32::from(cut > 0)), "{cut}");
    }
    // Fragments in front of moov, as a recorder leaves them that adds moov at the end.
    let init = init(&[Made::video(), Made::sound()].map(|made| Made { more: Vec::new(), ..made }), &[1000, 1024]);
    let turned = [&whole[..16], &whole[init.len()..], &init[16..]].concat();
    assert_eq!(times(&index(&turned).tracks[0]), times(&index(&whole).tracks[0]));
}

#[test]
fn defaults_and_bases_of_fragments() {
    // No data offsets: the first run at its base, the second behind it, the next track behind that.
    let traf = |id: u32, count: u32| {
        let trun = full(b"trun", 0, 0, &[&words(&[count])]);
        atom(b"traf", &[&full(b"tfhd", 0, 0, &[&words(&[id])]), &trun, &trun])
    };
    let moof = atom(b"moof", &[&traf(1, 2), &traf(2, 1)]);
    let file = [init(&[Made::video(), Made::sound()], &[1000, 1024]), moof.clone(), vec![0; 64]].concat();
    let found = index(&file);
    let start = file.len() as u64 - 64 - moof.len() as u64;
    let places =
        |track: &Track| track.samples.range(0..9).map(|s| (s.offset - start, s.decode_time.0)).collect::<Vec<_>>();
    assert_eq!(places(&found.tracks[0]), [(0, 0), (4, 1000), (8, 2000), (12, 3000)]);
    assert_eq!(places(&found.tracks[1]), [(16, 0), (20, 1024)]);
    // An explicit base, with a size and a duration for this track alone.
    let tfhd = full(b"tfhd", 0, 0x19, &[&words(&[1, 0, 40, 500, 3])]);
    let trun = full(b"trun", 0, 0x5, &[&words(&[2, 8, 0x1_0000])]);
    let file = [init(&[Made::video()], &[1000]), atom(b"moof", &[&atom(b"traf", &[&tfhd, &trun])])].concat();
    let samples = index(&file).tracks.remove(0).samples;
    let found: Vec<_> = samples.range(0..9).map(|s| (s.offset, s.size, s.duration, s.keyframe)).collect();
    assert_eq!(found, [(48, 3, 500, false), (51, 3, 500, true)]);
}

#[test]
fn long_fragments_are_read_once_each() {
    let rows: Vec<_> = (0..2000).map(|_| (10, 1000, 0, 0)).collect();
    let run = |at: u32| fragment(&[Run { track: 1, decode_time: at * 2_000_000, samples: &rows }]);
    let file = [vec![init(&[Made::video()], &[1000])], (0..10).map(run).collect()].concat().concat();
    let (found, asked) = read(&file);
    assert_eq!(found.unwrap().tracks[0].samples.len(), 20_000);
    // The head, one more for the first that does not fit, then one each.
    assert!(asked.len() <= 12, "{asked:?}");
}

#[test]
fn what_is_wrong_is_named() {
    check_refused(b"", "the file ends early");
    check_refused(b"this is a text, whatever its name", "is not an MP4");
    check_refused(&atom(b"ftyp", &[b"isom", &[0; 4]]), "no box 'moov'");
    check_refused(&moov(&[], &[], &[]), "'moov' has no tracks");
    let whole = file(&[Made::video()]);
    check_refused(&whole[..whole.len() - 10], "'moov' is cut short");
    check_refused(&file(&[Made { timescale: 0, ..Made::video() }]), "'mdhd' has a timescale of zero");
    let entry = picture_entry(b"avc1", 0, 0, &[]);
    check_refused(&file(&[Made { entry, shown: (0, 0), ..Made::video() }]), "a picture size of 0x0");
    check_refused(&file(&[Made { chunks: vec![4, 1], ..Made::video() }]), "a place to 5 of 6 samples");
    check_refused(&file(&vec![Made::sound(); 65]), "more than 64 tracks");
    // The sound alone does not make up for broken pictures.
    check_refused(&file(&[Made { timescale: 0, ..Made::video() }, Made::sound()]), "a timescale of zero");
}

/// The file with the 32-bit number `at` bytes behind the first `kind` replaced.
fn patched(kind: &[u8; 4], at: usize, number: u32) -> Vec<u8> {
    let mut bytes = file(&[Made::video()]);
    let found = bytes.windows(4).position(|found| found == kind).unwrap() + 4 + at;
    bytes[found..found + 4].copy_from_slice(&number.to_be_bytes());
    bytes
}

#[test]
fn counts_and_offsets_are_not_believed() {
    check_refused(&patched(b"stsz", 8, u32::MAX), "'stsz' claims 4294967295 entries");
    let mut uniform = patched(b"stsz", 8, u32::MAX);
    let at = uniform.windows(4).position(|found| found == b"stsz").unwrap() + 8;
    uniform[at..at + 4].copy_from_slice(&words(&[1]));
    check_refused(&uniform, "more than 8388608 samples");
    check_refused(&patched(b"stco", 8, 1 << 30), "chunk 1 of a track, at 1073741824, reaches beyond");
    check_refused(&patched(b"stco", 8, u32::MAX), "reaches beyond");
    check_refused(&patched(b"stsc", 8, 2), "'stsc' leaves a gap");
    check_refused(&patched(b"stsc", 20, 0), "'stsc' leaves a gap");
    check_refused(&patched(b"stts", 4, 9_000_000), "'stts' claims 9000000 entries");
    check_refused(&patched(b"ctts", 4, u32::MAX), "'ctts' claims");
    check_refused(&patched(b"stss", 4, 1000), "'stss' claims 1000 entries");
    check_refused(&patched(b"elst", 4, u32::MAX), "'elst' claims");
    check_refused(&patched(b"moov", 0, 4), "'mvhd'");
    // A run that claims more samples than a file may have, of no bytes each.
    let trun = full(b"trun", 0, 0, &[&words(&[u32::MAX])]);
    let tfhd = full(b"tfhd", 0, 0x10, &[&words(&[1, 0])]);
    let endless = atom(b"moof", &[&atom(b"traf", &[&tfhd, &trun])]);
    check_refused(&[init(&[Made::video()], &[1000]), endless].concat(), "more than 8388608 samples");
}

#[test]
fn a_leap_in_time_is_no_overflow() {
    let mut made = Made::video();
    made.times[0] = rows(b"stts", 0, &[u32::MAX, i32::MAX as u32, u32::MAX, u32::MAX], 2);
    assert_eq!(track(made).samples.get(5).map(|sample| sample.decode_time.0), Some(5 * i64::from(i32::MAX)));
    let late = full(b"tfdt", 1, 0, &[&words(&[u32::MAX, u32::MAX])]);
    let moof = atom(b"moof", &[&atom(b"traf", &[&full(b"tfhd", 0, 0, &[&words(&[1])]), &late])]);
    check_refused(&[init(&[Made::video()], &[1000]), moof].concat(), "'tfdt' claims a decoding time");
}

/// Calls everything that looks at the tables, so that damage has a chance to show.
fn look_around(index: &Index) {
    let _ = (index.facts(1000), index.weight());
    for track in &index.tracks {
        let ends = track.samples.end();
        for at in [Ticks(i64::MIN), Ticks(0), Ticks(ends.0 / 2), ends, Ticks(i64::MAX)] {
            let _ = (track.samples.frame_at(at), track.samples.keyframe_at(at));
        }
        assert!(track.samples.range(0..1000).all(|sample| sample.offset <= i64::MAX as u64));
    }
}

#[test]
fn any_number_may_lie() {
    for whole in [file(&[Made::video(), Made::sound()]), fragmented(0)] {
        for place in 0..whole.len() - 4 {
            for lie in [0, 1, 0x7fff_ffff, u32::MAX] {
                let mut bytes = whole.clone();
                bytes[place..place + 4].copy_from_slice(&words(&[lie]));
                if let Ok(index) = read(&bytes).0 {
                    look_around(&index);
                }
            }
        }
    }
}

fn whole_files() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(file(&[Made::video(), Made::sound()])),
        Just(moov_first(&[Made::sound(), Made::video()])),
        Just(fragmented(0)),
    ]
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(vec![
        b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"stsz", b"stco", b"stsc", b"stts", b"ctts", b"elst",
        b"edts", b"moof", b"traf", b"tfhd", b"trun", b"tfdt", b"mvex", b"trex", b"mvhd", b"tkhd", b"mdhd", b"hdlr",
    ]);
    let leaf = (kinds.clone(), prop::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..90));
    let leaf = leaf.prop_map(|(kind, body)| atom(kind, &[&body]));
    let boxes = leaf.prop_recursive(5, 60, 6, move |inner| {
        (kinds.clone(), prop::collection::vec(inner, 0..6)).prop_map(|(kind, parts)| atom(kind, &[&parts.concat()]))
    });
    prop::collection::vec(boxes, 1..6).prop_map(|boxes| boxes.concat())
}

proptest! {
    #[test]
    fn damage_is_survived(
        whole in whole_files(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![Just(0u8), Just(0xff), any::<u8>()]), 0..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = whole;
        flips.iter().for_each(|(place, byte)| {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        });
        if let Ok(index) = read(&bytes).0 {
            look_around(&index);
        }
        if let Ok(index) = read(&bytes[..cut.index(bytes.len())]).0 {
            look_around(&index);
        }
    }

    #[test]
    fn any_boxes_are_survived(bytes in soup()) {
        if let Ok(index) = read(&bytes).0 {
            look_around(&index);
        }
    }
}

#[test]
fn turns_are_not_lost_in_translation() {
    let made = Made { matrix: [0, 1, -1, 0], ..Made::video() };
    let format = format(made);
    assert_eq!((format.orientation.turn, format.shown()), (Turn::Quarter, Size { width: 48, height: 64 }));
}
