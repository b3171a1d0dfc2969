//! Playlists and manifests of entries made by hand, beside their golden texts in `testdata/golden/`.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;

use super::name::{File, Form, Pick, Selection};
use super::offer::{Caption, Channel, Closed, Offer, Sound, Video};
use super::rendition::{Access, Rendition, rendition};
use super::segments::{Pace, stretches};
use super::silence::Silence;
use super::timeline::{Timeline, Window};
use super::{dash, hls};
use crate::media::mp4::{Reader, Step};
use crate::media::picture::{Color, Orientation, Range, Size};
use crate::media::samples::{Collector, Raw};
use crate::media::time::{Micros, Ticks, Timescale};
use crate::media::{AudioFormat, Codec, Index, Media, Packing, Track, VideoFormat};

const AVC: &[u8] = &[1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f];
const HEVC: &[u8] = &[1, 0x22, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 120, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0];
const AAC: &[u8] = &[0x12, 0x10];

fn pace() -> Pace {
    Pace { target: Micros(6_000_000), first: Vec::new() }
}

/// So many samples of `delta` ticks, every `gop`th of them a keyframe of `size` bytes, ten times as heavy as the others.
fn track(timescale: u32, count: u32, delta: i64, (gop, size): (u32, u32)) -> Track {
    let mut collector = Collector::new();
    for number in 0..count {
        let keyframe = number % gop == 0;
        let size = if keyframe { size } else { size / 10 + number * 7 % 13 };
        let time = Ticks(i64::from(number) * delta);
        let offset = u64::from(number) * 100_000;
        collector.push(Raw { offset, size, decode_time: time, time, duration: delta as u32, keyframe }).unwrap();
    }
    Track {
        id: 1,
        timescale: Timescale::new(timescale).unwrap(),
        language: None,
        codec: Codec::Avc,
        config: Bytes::from_static(AVC),
        media: Media::Other,
        samples: collector.finish(),
        packing: Packing::Plain,
        captions: Default::default(),
    }
}

fn video(track: Track, width: u32, height: u32) -> Track {
    let format = VideoFormat {
        coded: Size { width, height },
        sample_aspect: (1, 1),
        orientation: Orientation::default(),
        color: Color::default(),
        dolby_vision: None,
    };
    Track { media: Media::Video(format), ..track }
}

fn coded(track: Track, codec: Codec, config: &'static [u8], color: Color) -> Track {
    let media = match track.media {
        Media::Video(format) => Media::Video(VideoFormat { color, ..format }),
        other => other,
    };
    Track { codec, config: Bytes::from_static(config), media, ..track }
}

/// Ten seconds and a half of pictures with a keyframe every two seconds, and how heavy they are.
fn pictures(width: u32, height: u32, size: u32) -> Track {
    video(track(30_000, 315, 1001, (60, size)), width, height)
}

fn sound(codec: Codec, config: &'static [u8], channels: u16, language: &str, size: u32) -> Track {
    let media = Media::Audio(AudioFormat { sample_rate: 48_000, channels });
    let track = track(48_000, 492, 1024, (1, size));
    Track { codec, config: Bytes::from_static(config), media, language: Some(language.to_owned()), ..track }
}

fn described(track: &Track) -> Rendition {
    rendition(&Timeline::new(track, Window::default()).unwrap().unwrap(), &pace())
}

fn of_video(flavor: u32, rendition: &Rendition) -> Video<'_> {
    Video { of: Selection::video(flavor, 1), rendition, muxed: None }
}

fn of_sound<'a>(flavor: u32, rendition: &'a Rendition, label: &str) -> Sound<'a> {
    let label = Some(label.to_owned()).filter(|label| !label.is_empty());
    let language = rendition.language.as_deref();
    Sound { of: Selection::audio(flavor, 1), rendition, language, label, is_default: false, is_description: false }
}

fn one(rendition: &Rendition, of: &Selection, pieces: hls::Pieces, form: Form) -> String {
    hls::playlist(&[hls::Link { place: "", of, rendition }], pieces, form)
}

fn media_playlist(rendition: &Rendition, of: &Selection, form: Form) -> String {
    one(rendition, of, hls::Pieces::Segments, form)
}

fn iframe_playlist(rendition: &Rendition, of: &Selection, form: Form) -> String {
    one(rendition, of, hls::Pieces::Keyframes, form)
}

fn relative(file: &File) -> String {
    file.to_string()
}

/// Holds a text to the one in `testdata/golden/`; `UPDATE_GOLDEN=1` writes that one.
#[track_caller]
fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name} differs from its golden text; UPDATE_GOLDEN=1 rewrites it");
}

#[track_caller]
fn check_offer(name: &str, offer: &Offer<'_>) {
    check(&format!("{name}.m3u8"), &hls::multivariant(offer, Form::M4s, relative));
    check(&format!("{name}.mpd"), &dash::manifest(offer, None));
}

#[test]
fn a_ladder_with_languages_and_captions() {
    let videos = [pictures(640, 360, 20_000), pictures(1280, 720, 60_000)].map(|track| described(&track));
    let [english, french, told, surround] = [
        sound(Codec::Aac, AAC, 2, "eng", 350),
        sound(Codec::Aac, AAC, 2, "fra", 350),
        sound(Codec::Aac, AAC, 2, "eng", 200),
        sound(Codec::Ac3, &[], 6, "eng", 1500),
    ]
    .map(|track| described(&track));
    let caption = |number, language: &str, label: Option<&str>| Caption {
        of: Selection::caption(number),
        language: Some(language.to_owned()),
        label: label.map(str::to_owned),
        is_default: number == 2,
    };
    let closed = |channel, language: Option<&str>| Closed {
        channel,
        language: language.map(str::to_owned),
        label: None,
        is_default: false,
    };
    let offer = Offer {
        videos: vec![of_video(1, &videos[0]), of_video(2, &videos[1])],
        sounds: vec![
            of_sound(3, &english, "English"),
            of_sound(4, &french, "Fran\"çais\"\r\n<b>"),
            Sound { is_description: true, ..of_sound(5, &told, "English") },
            of_sound(6, &surround, "English"),
        ],
        captions: vec![caption(1, "en", None), caption(2, "en", None), caption(3, "fr", Some("Français & co"))],
        closed: Some(vec![closed(Channel::Cc(1), Some("en")), closed(Channel::Service(2), None)]),
        language: Some("fr".to_owned()),
    };
    check_offer("ladder", &offer);
}

#[test]
fn pictures_of_several_codecs_and_ranges() {
    let pq = Color::from_codes(9, 16, 9, Range::Limited);
    let tracks = [
        pictures(1920, 1080, 90_000),
        coded(pictures(1920, 1080, 70_000), Codec::Hevc, HEVC, pq),
        coded(pictures(1280, 720, 30_000), Codec::Av1, &[0x81, 0x08, 0x0c, 0], Color::default()),
        coded(video(track(12_800, 260, 512, (50, 40_000)), 1280, 720), Codec::Avc, AVC, Color::default()),
    ];
    let mut renditions = tracks.map(|track| described(&track));
    renditions[1].supplemental = Some("dvh1.08.07/db1p".to_owned());
    let sound = described(&sound(Codec::Opus, &[], 2, "und", 300));
    let videos = (1..).zip(&renditions).map(|(flavor, rendition)| of_video(flavor, rendition)).collect();
    let offer = Offer { videos, sounds: vec![of_sound(1, &sound, "")], closed: Some(Vec::new()), ..Offer::default() };
    check_offer("codecs", &offer);
}

#[test]
fn sound_without_pictures() {
    let renditions = [350, 200].map(|size| described(&sound(Codec::Aac, AAC, 2, "eng", size)));
    let sounds = (1..).zip(&renditions).map(|(flavor, rendition)| of_sound(flavor, rendition, "")).collect();
    check_offer("sound", &Offer { sounds, ..Offer::default() });
    let french = described(&sound(Codec::Aac, AAC, 2, "fre", 350));
    let sounds = vec![of_sound(1, &renditions[0], ""), of_sound(2, &french, "")];
    check_offer("sound-languages", &Offer { sounds, ..Offer::default() });
}

#[test]
fn sound_inside_segments_of_pictures() {
    let (pictures, sound) = (described(&pictures(640, 360, 20_000)), described(&sound(Codec::Aac, AAC, 2, "eng", 350)));
    let of = Selection::of(Pick { flavor: Some(1), video: Some(1), audio: Some(1), ..Pick::default() });
    let videos = vec![Video { of: of.clone(), rendition: &pictures, muxed: Some(&sound) }];
    let prefixed = |file: &File| format!("/p/1/a/{file}");
    check("muxed.m3u8", &hls::multivariant(&Offer { videos, ..Offer::default() }, Form::Ts, prefixed));
    check("media-ts.m3u8", &media_playlist(&pictures, &of, Form::Ts));
}

#[test]
fn playlists_of_one_rendition() {
    let pictures = described(&pictures(640, 360, 20_000));
    let of = Selection::video(1, 1);
    check("media.m3u8", &media_playlist(&pictures, &of, Form::M4s));
    check("iframes.m3u8", &iframe_playlist(&pictures, &of, Form::M4s));
    check("iframes-ts.m3u8", &iframe_playlist(&pictures, &of, Form::Ts));
    check(
        "captions.m3u8",
        &hls::captions(&[stretches(Micros(10_510_500), &pace())], |_, number| format!("seg-{number}-s1.vtt")),
    );
}

#[test]
fn entries_one_after_the_other() {
    let silence = Silence { channels: 2, rate: 48_000, millis: 10_511 };
    let (pictures, quiet) = (described(&pictures(640, 360, 20_000)), described(&silence.track().unwrap()));
    let small = described(&video(track(12_800, 100, 512, (50, 40_000)), 320, 180));
    let sound = described(&sound(Codec::Aac, AAC, 2, "eng", 350));
    let [of_silence, of_pictures, of_sound_alone] =
        [Selection::silence(silence), Selection::video(1, 1), Selection::audio(1, 1)];
    let link = |place, of, rendition| hls::Link { place, of, rendition };
    let seen = [link("/a/", &of_pictures, &pictures), link("/b/", &of_pictures, &small)];
    check("sequence.m3u8", &hls::playlist(&seen, hls::Pieces::Segments, Form::M4s));
    check("sequence-iframes.m3u8", &hls::playlist(&seen, hls::Pieces::Keyframes, Form::M4s));
    check("sequence-ts.m3u8", &hls::playlist(&seen, hls::Pieces::Segments, Form::Ts));
    let heard = [link("/a/", &of_silence, &quiet), link("/b/", &of_sound_alone, &sound)];
    check("sequence-sound.m3u8", &hls::playlist(&heard, hls::Pieces::Segments, Form::M4s));
    let lengths = [Micros(10_510_500), Micros(4_000_000)].map(|length| stretches(length, &pace()));
    check("sequence-captions.m3u8", &hls::captions(&lengths, |place, number| format!("/{place}/{number}.vtt")));
    let offer = |video, sound| Offer { videos: vec![video], sounds: vec![sound], ..Offer::default() };
    let silent = Sound { of: Selection::silence(silence), ..of_sound(1, &quiet, "") };
    let offers = [offer(of_video(1, &pictures), silent), offer(of_video(1, &small), of_sound(2, &sound, ""))];
    let [first, last] = offers;
    check("sequence.mpd", &dash::periods(&[(first, "/a/"), (last, "/b&c/")]));
}

#[test]
fn an_offer_of_nothing_is_still_a_text() {
    let offer = Offer::default();
    assert!(hls::multivariant(&offer, Form::M4s, relative).starts_with("#EXTM3U\n"));
    assert!(dash::manifest(&offer, Some("a&b/")).contains("<BaseURL>a&amp;b/</BaseURL>"));
}

#[test]
fn tracks_that_do_not_tell_keyframes_promise_nothing() {
    let track = video(track(30_000, 300, 1000, (1, 1000)), 640, 360);
    let rendition = described(&track);
    assert_eq!((rendition.access, rendition.keyframes.len()), (Access::Unknown, 0));
    let offer = Offer { videos: vec![of_video(1, &rendition)], ..Offer::default() };
    assert!(!hls::multivariant(&offer, Form::M4s, relative).contains("I-FRAME"));
    assert!(!media_playlist(&rendition, &Selection::video(1, 1), Form::M4s).contains("INDEPENDENT"));
    assert!(!dash::manifest(&offer, None).contains("startWithSAP"));
}

#[test]
fn leading_pictures_and_turned_ones_are_told() {
    let mut collector = Collector::new();
    // Every tenth picture is a keyframe that is shown behind the two after it.
    for number in 0..300i64 {
        let shift = match number % 10 {
            0 if number > 0 => 2,
            1 | 2 if number > 10 => -1,
            _ => 0,
        };
        let (decode_time, time) = (Ticks(number * 1000), Ticks((number + shift + 2) * 1000));
        let keyframe = number % 10 == 0;
        collector.push(Raw { offset: 0, size: 100, decode_time, time, duration: 1000, keyframe }).unwrap();
    }
    let mut track = video(track(25_000, 1, 1000, (1, 1)), 720, 576);
    track.samples = collector.finish();
    if let Media::Video(format) = &mut track.media {
        format.sample_aspect = (16, 11);
        format.orientation = Orientation::from_exif(6);
    }
    let rendition = described(&track);
    assert_eq!(rendition.access, Access::Leading);
    let pictures = rendition.pictures().unwrap();
    assert_eq!((pictures.coded, pictures.sample_aspect), (Size { width: 576, height: 720 }, (11, 16)));
    let offer = Offer { videos: vec![of_video(1, &rendition)], ..Offer::default() };
    assert!(dash::manifest(&offer, None).contains("startWithSAP=\"3\""));
    assert!(!hls::multivariant(&offer, Form::M4s, relative).contains("INDEPENDENT"));
    assert!(hls::multivariant(&offer, Form::M4s, relative).contains("RESOLUTION=576x1047"));
}

fn index(file: &[u8]) -> Option<Index> {
    let (mut reader, mut range) = Reader::new(file.len() as u64);
    loop {
        match reader.feed(&file[range.start as usize..range.end as usize]).ok()? {
            Step::Read(next) => range = next,
            Step::Done(index) => return Some(*index),
        }
    }
}

/// Real files, damaged ones among them: whatever has a timeline has texts, and they add up.
#[test]
fn every_file_of_the_library_is_told() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/library");
    let files = fs::read_dir(library).unwrap().map(|file| file.unwrap().path());
    let mut told = 0;
    for path in files.filter(|path| {
        path.extension().is_some_and(|extension| ["mp4", "mov", "m4a"].iter().any(|known| extension == *known))
    }) {
        let Some(index) = index(&fs::read(&path).unwrap()) else { continue };
        let timelines = index.tracks.iter().filter_map(|track| Timeline::new(track, Window::default()).ok().flatten());
        let renditions: Vec<_> = timelines.map(|timeline| rendition(&timeline, &pace())).collect();
        let (videos, sounds): (Vec<_>, Vec<_>) = renditions.iter().partition(|each| each.pictures().is_some());
        let offer = Offer {
            videos: (1..).zip(videos).map(|(flavor, rendition)| of_video(flavor, rendition)).collect(),
            sounds: (1..).zip(sounds).map(|(flavor, rendition)| of_sound(flavor, rendition, "")).collect(),
            ..Offer::default()
        };
        for form in [Form::M4s, Form::Ts] {
            hls::multivariant(&offer, form, relative);
        }
        let text = dash::manifest(&offer, None);
        assert!(text.ends_with("</MPD>\n"), "{}", path.display());
        for rendition in &renditions {
            let sum: u64 = rendition.segments.iter().map(|segment| segment.duration).sum();
            assert_eq!(sum, rendition.duration, "{}", path.display());
            media_playlist(rendition, &Selection::video(1, 1), Form::M4s);
            told += 1;
        }
    }
    assert!(told > 30, "{told}");
}

/// The values of an attribute of XML in order.
fn values(text: &str, element: &str, attribute: &str) -> Vec<u64> {
    let start = format!("<{element} ");
    let elements = text.split(&start).skip(1).map(|rest| rest.split('>').next().unwrap());
    let value = |element: &str| {
        let (_, rest) = element.split_once(&format!("{attribute}=\""))?;
        rest.split('"').next()?.parse().ok()
    };
    elements.map(|element| value(element).unwrap_or_default()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn times_add_up_in_every_text(
        timescale in 1u32..200_000,
        count in 1u32..600,
        delta in 1i64..20_000,
        gop in 2u32..300,
        from in 0i64..5_000_000,
    ) {
        let track = video(track(timescale, count, delta, (gop, 5000)), 640, 360);
        let window = Window { from: Micros(from), to: None };
        let Some(timeline) = Timeline::new(&track, window).unwrap() else { return Ok(()) };
        let rendition = rendition(&timeline, &pace());
        let of = Selection::video(1, 1);
        let units = |ticks: u64| (u128::from(ticks) * 200_000 / u128::from(rendition.timescale.get())).div_ceil(2);
        for text in [
            media_playlist(&rendition, &of, Form::M4s),
            iframe_playlist(&rendition, &of, Form::M4s),
        ] {
            let lengths = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(','));
            let lengths: Vec<u128> = lengths.map(|length| length.replace('.', "").parse().unwrap()).collect();
            let sum: u128 = lengths.iter().sum();
            prop_assert!(lengths.is_empty() || sum == units(rendition.duration), "{} of {}", sum, rendition.duration);
            let target = text.lines().find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:")).unwrap();
            let target: u128 = target.parse().unwrap();
            prop_assert!(lengths.iter().all(|length| (length + 50_000) / 100_000 <= target));
        }
        let offer = Offer { videos: vec![of_video(1, &rendition)], ..Offer::default() };
        let text = dash::manifest(&offer, None);
        let durations = values(&text, "S", "d").into_iter().zip(values(&text, "S", "r"));
        let sum: u64 = durations.map(|(duration, repeats)| duration * (repeats + 1)).sum();
        let sets = if rendition.keyframes.is_empty() { 1 } else { 2 };
        prop_assert_eq!(sum, rendition.duration * sets);
    }

    #[test]
    fn what_strangers_say_stays_in_its_quotes(label in any::<String>()) {
        let english = described(&sound(Codec::Aac, AAC, 2, "eng", 350));
        let french = described(&sound(Codec::Aac, AAC, 2, "fra", 350));
        let sounds = vec![of_sound(1, &english, &label), of_sound(2, &french, &label)];
        let offer = Offer { sounds, ..Offer::default() };
        let text = hls::multivariant(&offer, Form::M4s, relative);
        let known = |line: &str| line.starts_with("#EXT") || line == "index-f1-a1.m3u8";
        prop_assert!(text.lines().all(known), "{}", text);
        prop_assert!(text.lines().all(|line| line.matches('"').count() % 2 == 0), "{}", text);
        let elements = |text: &str| text.matches('<').count();
        let plain = Offer { sounds: vec![of_sound(1, &english, "a"), of_sound(2, &french, "a")], ..Offer::default() };
        if !label.is_empty() {
            prop_assert_eq!(elements(&dash::manifest(&offer, None)), elements(&dash::manifest(&plain, None)));
        }
    }
}
