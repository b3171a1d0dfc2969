//! Equal work has equal keys.

use proptest::prelude::*;

use super::form::format_tag;
use super::*;
use crate::media::picture::Size;
use crate::media::time::Micros;
use crate::packager::name::Pick;
use crate::packager::name::Selection;
use crate::packager::timeline::Window;
use crate::packager::{Container, Protocol};
use crate::plan::playback::{Cues, Cut, Presentation, Reel, Strand, Text, TrackPick};
use crate::plan::{Placeholder, Precision, Style, Subject, Tiles};
use crate::thumbnail::{Encoding, Format, Geometry, Rect, Rgb};

fn sample() -> Work {
    let source =
        Source { location: "0_x/source.mp4".into(), size: 1000, modified: 1_700_000_000, version: "1000-1".into() };
    let geometry = Geometry {
        reference: Size { width: 1920, height: 1080 },
        crop: Rect { x: 240, y: 0, width: 1440, height: 1080 },
        scaled: Size { width: 640, height: 480 },
        canvas: Size { width: 642, height: 480 },
        left: 1,
        top: 0,
    };
    let encoding = Encoding { format: Format::Jpeg, quality: 75, density: 72, background: Rgb(1, 2, 3) };
    let subject = Subject::Frame { source, at: Micros(30_000_000), precision: Precision::Exact };
    Work::Thumbnail { subject, geometry, encoding }
}

/// If this fails because the canonical bytes changed, raise [`FORMAT_VERSION`] and write the new key here.
#[test]
fn the_key_of_a_version_is_pinned() {
    let pinned = (FORMAT_VERSION, Key::of(&sample()).to_string());
    assert_eq!(pinned, (2, "e0d1d2f86122787d37724d8fb3581cdb".into()));
}

#[test]
fn a_key_is_written_in_full() {
    let mut bytes = [0; 16];
    bytes[15] = 0xab;
    assert_eq!(Key(bytes).to_string(), "000000000000000000000000000000ab");
}

/// Few values of each field, so that equal ones meet.
fn source() -> impl Strategy<Value = Source> {
    ("[ab]{0,2}", 0..2_u64, 0..2_u64, "[ab]{0,2}").prop_map(|(location, size, modified, version)| Source {
        location: location.into(),
        size,
        modified,
        version: version.into(),
    })
}

fn precision() -> impl Strategy<Value = Precision> {
    prop_oneof![Just(Precision::Exact), Just(Precision::Keyframe)]
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        (source(), 0..3_i64, precision()).prop_map(|(source, at, precision)| Subject::Frame {
            source,
            at: Micros(at),
            precision
        }),
        source().prop_map(|source| Subject::Still { source }),
        Just(Subject::Placeholder(Placeholder::Draft)),
        Just(Subject::Placeholder(Placeholder::Audio)),
        Just(Subject::Blank),
    ]
}

fn tiles() -> impl Strategy<Value = Tiles> {
    let moments = proptest::collection::vec((-1..2_i64).prop_map(Micros), 0..3);
    prop_oneof![
        (source(), moments, precision()).prop_map(|(source, moments, precision)| Tiles::Frames {
            source,
            moments,
            precision
        }),
        (subject(), 0..3_u32).prop_map(|(subject, count)| Tiles::Copies { subject, count }),
    ]
}

fn geometry() -> impl Strategy<Value = Geometry> {
    proptest::array::uniform12(0..2_u32).prop_map(|[a, b, c, d, e, f, g, h, i, j, left, top]| Geometry {
        reference: Size { width: a, height: b },
        crop: Rect { x: c, y: d, width: e, height: f },
        scaled: Size { width: g, height: h },
        canvas: Size { width: i, height: j },
        left,
        top,
    })
}

fn encoding() -> impl Strategy<Value = Encoding> {
    let formats = proptest::sample::select(vec![Format::Jpeg, Format::Png, Format::Webp]);
    (formats, 0..2_u8, prop_oneof![Just(0), Just(1), Just(256_u16)], proptest::array::uniform3(0..2_u8)).prop_map(
        |(format, quality, density, [r, g, b])| Encoding { format, quality, density, background: Rgb(r, g, b) },
    )
}

fn selection() -> impl Strategy<Value = Selection> {
    let number = || proptest::option::of(1..3_u32);
    let pick = (number(), number(), number())
        .prop_map(|(flavor, video, audio)| Pick { flavor, video, audio, ..Pick::default() })
        .prop_filter("a pick names something", |pick| *pick != Pick::default());
    // Only the first pick may leave its flavor open, and then it names a track.
    proptest::collection::vec(pick, 0..2).prop_map(|picks| Selection { picks })
}

fn window() -> impl Strategy<Value = Window> {
    let micros = || (0..2_i64).prop_map(Micros);
    (micros(), proptest::option::of(micros())).prop_map(|(from, to)| Window { from, to })
}

fn pace() -> impl Strategy<Value = Pace> {
    let micros = || (1..3_i64).prop_map(Micros);
    (micros(), proptest::collection::vec(micros(), 0..3)).prop_map(|(target, first)| Pace { target, first })
}

fn container() -> impl Strategy<Value = Container> {
    prop_oneof![Just(Container::Fmp4), Just(Container::Ts)]
}

fn cut() -> BoxedStrategy<Box<Cut>> {
    let track = prop_oneof![(0..2_u32).prop_map(TrackPick::Video), (0..2_u32).prop_map(TrackPick::Audio)];
    let strand = (source(), track).prop_map(|(source, track)| Strand { source, track });
    (proptest::collection::vec(strand, 0..3), container(), window(), pace())
        .prop_map(|(strands, container, window, pace)| Box::new(Cut { strands, container, window, pace }))
        .boxed()
}

fn words() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[ab]{0,1}")
}

fn reel() -> BoxedStrategy<Reel> {
    let number = proptest::option::of(1..3_u32);
    (source(), "[a/]{0,2}", number, words(), words(), any::<(bool, bool)>())
        .prop_map(|(source, place, number, language, label, (is_default, is_description))| {
            let place = place.into();
            Reel { source, place, number, language, label, is_default, is_description }
        })
        .boxed()
}

fn text() -> BoxedStrategy<Text> {
    ("[a/]{0,2}", 1..3_u32, "[ab]{0,1}", words(), any::<bool>())
        .prop_map(|(place, number, language, label, is_default)| {
            let place = place.into();
            Text { place, number, language, label, is_default }
        })
        .boxed()
}

fn presentation() -> BoxedStrategy<Work> {
    let protocol = prop_oneof![Just(Protocol::Hls), Just(Protocol::Dash)];
    let lists = (proptest::collection::vec(reel(), 0..3), proptest::collection::vec(text(), 0..3));
    (protocol, container(), lists, window(), pace(), (words(), words()), (selection(), any::<bool>()))
        .prop_map(
            |(protocol, container, (reels, texts), window, pace, (default_audio, base), (tracks, is_entrance))| {
                let base = base.map(Into::into);
                Work::Presentation(Box::new(Presentation {
                    protocol,
                    container,
                    reels,
                    texts,
                    window,
                    pace,
                    default_audio,
                    base,
                    tracks,
                    is_entrance,
                }))
            },
        )
        .boxed()
}

fn style() -> impl Strategy<Value = Style> {
    let micros = || (0..2_i64).prop_map(Micros);
    let segment = (micros(), micros(), micros()).prop_map(|(from, to, local)| Style::Segment { from, to, local });
    prop_oneof![Just(Style::Json), Just(Style::WebVtt), segment]
}

fn playback() -> BoxedStrategy<Work> {
    let length = || (0..2_i64).prop_map(Micros);
    let cues = (source(), proptest::option::of(1..3_u32), length(), container(), window(), pace());
    prop_oneof![
        presentation(),
        (cut(), selection(), any::<bool>()).prop_map(|(cut, of, iframes)| Work::Playlist { cut, of, iframes }),
        cut().prop_map(Work::Init),
        (cut(), 1..3_u32, any::<bool>()).prop_map(|(cut, number, iframe)| Work::Segment { cut, number, iframe }),
        (selection(), length(), pace()).prop_map(|(of, length, pace)| Work::CaptionList { of, length, pace }),
        cues.prop_map(|(source, number, length, container, window, pace)| {
            Work::Cues(Box::new(Cues { source, number, length, container, window, pace }))
        }),
        (source(), window(), any::<bool>()).prop_map(|(source, window, moov_first)| Work::Stored {
            source,
            window,
            moov_first
        }),
        (source(), style()).prop_map(|(source, style)| Work::Transcript { source, style }),
        (1..3_u32, 0..3_u64).prop_map(|(seconds, total)| Work::TranscriptList { seconds, total }),
        ("[ab]{0,2}", prop_oneof![Just("a"), Just("b")])
            .prop_map(|(body, media_type)| Work::Written { body, media_type }),
    ]
    .boxed()
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        playback(),
        playback(),
        (subject(), geometry(), encoding()).prop_map(|(subject, geometry, encoding)| Work::Thumbnail {
            subject,
            geometry,
            encoding
        }),
        (tiles(), geometry(), encoding()).prop_map(|(tiles, geometry, encoding)| Work::Strip {
            tiles,
            geometry,
            encoding
        }),
    ]
}

/// `work` with one part taken from `other`.
fn mixed(work: Work, other: Work, part: usize) -> Work {
    match (work, other) {
        (Work::Thumbnail { subject, geometry, encoding }, Work::Thumbnail { subject: s, geometry: g, encoding: e }) => {
            Work::Thumbnail {
                subject: if part == 0 { s } else { subject },
                geometry: if part == 1 { g } else { geometry },
                encoding: if part == 2 { e } else { encoding },
            }
        }
        (Work::Strip { tiles, geometry, encoding }, Work::Strip { tiles: t, geometry: g, encoding: e }) => {
            Work::Strip {
                tiles: if part == 0 { t } else { tiles },
                geometry: if part == 1 { g } else { geometry },
                encoding: if part == 2 { e } else { encoding },
            }
        }
        (Work::Presentation(one), Work::Presentation(other)) => {
            let mut one = *one;
            match part {
                0 => (one.reels, one.base, one.window) = (other.reels, other.base, other.window),
                1 => (one.texts, one.default_audio, one.pace) = (other.texts, other.default_audio, other.pace),
                2 => (one.tracks, one.is_entrance) = (other.tracks, other.is_entrance),
                _ => {}
            }
            Work::Presentation(Box::new(one))
        }
        (Work::Segment { cut, number, .. }, Work::Segment { iframe, .. }) => Work::Segment { cut, number, iframe },
        (work, _) => work,
    }
}

#[test]
fn versions_follow_the_file_and_the_pace() {
    let source = |version: &str| Source { location: "a".into(), size: 1, modified: 2, version: version.into() };
    let pace = |target| Pace { target: Micros(target), first: Vec::new() };
    let one = version(&source("1"), &pace(6_000_000));
    assert!(one.len() == 16 && one.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{one}");
    assert_eq!(one, version(&source("1"), &pace(6_000_000)));
    assert_ne!(one, version(&source("2"), &pace(6_000_000)));
    assert_ne!(one, version(&source("1"), &pace(4_000_000)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn equal_work_has_equal_keys_and_no_other(work in work(), other in work(), part in 0..4_usize) {
        let changed = mixed(work.clone(), other.clone(), part);
        prop_assert_eq!(work == changed, Key::of(&work) == Key::of(&changed));
        prop_assert_eq!(work == other, Key::of(&work) == Key::of(&other));
    }

    #[test]
    fn formats_have_tags_of_their_own(a in 0..crate::request::thumbnail::FORMATS.len(), b in 0..16_usize) {
        let formats = crate::request::thumbnail::FORMATS;
        let (a, b) = (formats[a].1, formats[b % formats.len()].1);
        prop_assert_eq!(a == b, format_tag(a) == format_tag(b));
    }
}
