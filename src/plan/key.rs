//! The name of a piece of work.

use std::fmt;

use super::playback::{Cues, Cut, Presentation, Reel, Strand, Text, TrackPick};
use super::sequence::{Chain, Clip, Words};
use super::{Placeholder, Precision, Subject, Tiles, Work};
use crate::entry::Source;
use crate::media::time::Micros;
use crate::packager::name::Selection;
use crate::packager::segments::Pace;
use crate::packager::silence::Silence;
use crate::packager::timeline::Window;
use crate::packager::{Container, Protocol};
use crate::thumbnail::{Encoding, Format, Geometry, Rgb};

/// Changes whenever the bytes made for an unchanged [`Work`] change; every key, and so every ETag, follows it.
pub const FORMAT_VERSION: u32 = 1;

/// A digest of the format version and a piece of work. Equal work has equal keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key(pub [u8; 16]);

/// 32 hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Key {
    /// The key of a piece of work.
    pub fn of(work: &Work) -> Key {
        let mut form = Form(Vec::with_capacity(256));
        form.number(FORMAT_VERSION.into());
        form.work(work);
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(&form.0).as_bytes()[..16]);
        Key(key)
    }
}

/// The version of what is made of `source`, cut at `pace`, as URLs carry it: 16 hexadecimal digits. Another one of either, or
/// of this service's formats, is another version.
pub fn version(source: &Source, pace: &Pace) -> String {
    let mut form = Form(Vec::with_capacity(128));
    form.number(FORMAT_VERSION.into());
    form.source(source);
    form.pace(pace);
    let digest = blake3::hash(&form.0);
    digest.as_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The canonical bytes of a piece of work: a tag before every choice, a length before every text and list, numbers in eight
/// bytes with the lowest first. A change of any of it is a change of [`FORMAT_VERSION`].
struct Form(Vec<u8>);

impl Form {
    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn work(&mut self, work: &Work) {
        match work {
            Work::Thumbnail { subject, geometry, encoding } => {
                self.tag(0);
                self.subject(subject);
                self.geometry(geometry);
                self.encoding(encoding);
            }
            Work::Strip { tiles, geometry, encoding } => {
                self.tag(1);
                self.tiles(tiles);
                self.geometry(geometry);
                self.encoding(encoding);
            }
            Work::Presentation(presentation) => {
                self.tag(2);
                self.presentation(presentation);
            }
            Work::Playlist { cut, of, iframes } => {
                self.tag(3);
                self.cut(cut);
                self.selection(of);
                self.tag((*iframes).into());
            }
            Work::Init(cut) => {
                self.tag(4);
                self.cut(cut);
            }
            Work::Segment { cut, number, iframe } => {
                self.tag(5);
                self.cut(cut);
                self.number((*number).into());
                self.tag((*iframe).into());
            }
            Work::CaptionList { of, length, pace } => {
                self.tag(6);
                self.selection(of);
                self.number(length.0 as u64);
                self.pace(pace);
            }
            Work::Cues(cues) => {
                self.tag(7);
                self.cues(cues);
            }
            Work::Stored { source, window, moov_first } => {
                self.tag(8);
                self.tag((*moov_first).into());
                self.source(source);
                self.window(*window);
            }
            Work::Written { body, media_type } => {
                self.tag(9);
                self.text(body);
                self.text(media_type);
            }
            Work::Chain(chain) => {
                self.tag(10);
                self.chain(chain);
            }
            Work::CaptionChain { words, pace } => {
                self.tag(11);
                self.number(words.len() as u64);
                for Words { place, length } in words {
                    self.maybe(place.as_deref());
                    self.number(length.0 as u64);
                }
                self.pace(pace);
            }
            Work::Periods(periods) => {
                self.tag(12);
                self.number(periods.len() as u64);
                periods.iter().for_each(|presentation| self.presentation(presentation));
            }
            Work::Silence { silence: Silence { channels, rate, millis }, number, pace } => {
                self.tag(13);
                self.tag(*channels);
                self.number((*rate).into());
                self.number((*millis).into());
                self.number(number.map_or(0, u64::from));
                self.pace(pace);
            }
        }
    }

    fn presentation(&mut self, presentation: &Presentation) {
        let Presentation { protocol, container, reels, texts, window, pace, default_audio, base, tracks, is_entrance } =
            presentation;
        self.tag(match protocol {
            Protocol::Hls => 0,
            Protocol::Dash => 1,
        });
        self.container(*container);
        self.number(reels.len() as u64);
        for Reel { source, place, number, language, label, is_default, is_description } in reels {
            self.tag((*is_description).into());
            self.source(source);
            self.text(place);
            self.number(number.unwrap_or_default().into());
            self.maybe(language.as_deref());
            self.maybe(label.as_deref());
            self.tag((*is_default).into());
        }
        self.number(texts.len() as u64);
        for Text { place, number, language, label, is_default } in texts {
            self.text(place);
            self.number((*number).into());
            self.text(language);
            self.maybe(label.as_deref());
            self.tag((*is_default).into());
        }
        self.window(*window);
        self.pace(pace);
        self.maybe(default_audio.as_deref());
        self.maybe(base.as_deref());
        self.selection(tracks);
        self.tag((*is_entrance).into());
    }

    fn cut(&mut self, cut: &Cut) {
        let Cut { strands, container, window, pace } = cut;
        self.number(strands.len() as u64);
        for Strand { source, track } in strands {
            self.source(source);
            let (tag, number) = match track {
                TrackPick::Video(number) => (0, number),
                TrackPick::Audio(number) => (1, number),
            };
            self.tag(tag);
            self.number((*number).into());
        }
        self.container(*container);
        self.window(*window);
        self.pace(pace);
    }

    fn chain(&mut self, Chain { clips, iframes }: &Chain) {
        self.tag((*iframes).into());
        self.number(clips.len() as u64);
        for clip in clips {
            match clip {
                Clip::Cut { cut, of, place } => {
                    self.tag(0);
                    self.cut(cut);
                    self.selection(of);
                    self.text(place);
                }
                Clip::Silence { length } => {
                    self.tag(1);
                    self.number(length.0 as u64);
                }
            }
        }
    }

    fn cues(&mut self, cues: &Cues) {
        let Cues { source, number, length, container, window, pace } = cues;
        self.source(source);
        self.number(number.map_or(0, u64::from));
        self.number(length.0 as u64);
        self.container(*container);
        self.window(*window);
        self.pace(pace);
    }

    fn container(&mut self, container: Container) {
        self.tag(match container {
            Container::Fmp4 => 0,
            Container::Ts => 1,
        });
    }

    fn window(&mut self, Window { from, to }: Window) {
        self.number(from.0 as u64);
        self.tag(to.is_some().into());
        self.number(to.unwrap_or_default().0 as u64);
    }

    fn pace(&mut self, Pace { target, first }: &Pace) {
        self.number(target.0 as u64);
        self.number(first.len() as u64);
        first.iter().for_each(|Micros(length)| self.number(*length as u64));
    }

    fn selection(&mut self, of: &Selection) {
        self.text(&of.to_string());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.tag(text.is_some().into());
        self.text(text.unwrap_or_default());
    }

    fn subject(&mut self, subject: &Subject) {
        match subject {
            Subject::Frame { source, at, precision } => {
                self.tag(0);
                self.source(source);
                self.number(at.0 as u64);
                self.precision(*precision);
            }
            Subject::Still { source } => {
                self.tag(1);
                self.source(source);
            }
            Subject::Placeholder(Placeholder::Draft) => self.tag(2),
            Subject::Placeholder(Placeholder::Audio) => self.tag(3),
            Subject::Blank => self.tag(4),
        }
    }

    fn tiles(&mut self, tiles: &Tiles) {
        match tiles {
            Tiles::Frames { source, moments, precision } => {
                self.tag(0);
                self.source(source);
                self.number(moments.len() as u64);
                moments.iter().for_each(|moment| self.number(moment.0 as u64));
                self.precision(*precision);
            }
            Tiles::Copies { subject, count } => {
                self.tag(1);
                self.subject(subject);
                self.number((*count).into());
            }
        }
    }

    fn source(&mut self, source: &Source) {
        let Source { location, size, modified, version } = source;
        self.text(location);
        self.number(*size);
        self.number(*modified);
        self.text(version);
    }

    fn precision(&mut self, precision: Precision) {
        self.tag(match precision {
            Precision::Exact => 0,
            Precision::Keyframe => 1,
        });
    }

    fn geometry(&mut self, geometry: &Geometry) {
        let Geometry { reference, crop, scaled, canvas, left, top } = *geometry;
        let sizes = [reference, scaled, canvas].into_iter().flat_map(|size| [size.width, size.height]);
        let places = [crop.x, crop.y, crop.width, crop.height, left, top];
        sizes.chain(places).for_each(|number| self.0.extend_from_slice(&number.to_le_bytes()));
    }

    fn encoding(&mut self, encoding: &Encoding) {
        let Encoding { format, quality, density, background: Rgb(red, green, blue) } = *encoding;
        let [low, high] = density.to_le_bytes();
        self.0.extend_from_slice(&[format_tag(format), quality, low, high, red, green, blue]);
    }
}

fn format_tag(format: Format) -> u8 {
    match format {
        Format::Jpeg => 0,
        Format::Png => 1,
        Format::Png8 => 2,
        Format::Png24 => 3,
        Format::Png32 => 4,
        Format::Png48 => 5,
        Format::Png64 => 6,
        Format::Bmp => 7,
        Format::Gif => 8,
        Format::Tiff => 9,
        Format::Psd => 10,
        Format::Pdf => 11,
        Format::Webp => 12,
        Format::Avif => 13,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::picture::Size;
    use crate::packager::name::Pick;
    use crate::thumbnail::Rect;

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
        assert_eq!(pinned, (1, "eb5024c98979d96f48019ba657f50e7d".into()));
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
            (
                Work::Thumbnail { subject, geometry, encoding },
                Work::Thumbnail { subject: s, geometry: g, encoding: e },
            ) => Work::Thumbnail {
                subject: if part == 0 { s } else { subject },
                geometry: if part == 1 { g } else { geometry },
                encoding: if part == 2 { e } else { encoding },
            },
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
}
