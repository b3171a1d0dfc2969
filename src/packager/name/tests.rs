//! Names of files, both ways.

use proptest::prelude::*;

use super::read::PICKS_MAX;
use super::*;
use crate::error::Kind;
use crate::packager::silence::{MILLIS_MAX, RATES};

#[track_caller]
fn check(name: &str, expected: File, content_type: &str) {
    let file = parse(name).unwrap();
    assert_eq!(file, expected);
    assert_eq!(file.content_type(), content_type);
}

#[track_caller]
fn check_bad(name: &str, kind: Kind, part: &str) {
    let error = parse(name).unwrap_err();
    assert_eq!(error.kind(), kind, "{name}: {error}");
    assert!(error.message().contains(part), "{name}: {error}");
}

fn segment(number: u32, of: Selection, form: Form) -> File {
    File::Segment { number, of, form }
}

#[test]
fn names_of_every_file() {
    let m3u8 = "application/vnd.apple.mpegurl";
    let muxed = Pick { flavor: Some(1), video: Some(1), audio: Some(1), ..Pick::default() };
    check("master.m3u8", File::Multivariant, m3u8);
    check("manifest.mpd", File::Manifest, "application/dash+xml");
    check("index.m3u8", File::Playlist(Selection::default()), m3u8);
    check("index-f1-v1-a1.m3u8", File::Playlist(Selection::of(muxed)), m3u8);
    check("index-s2.m3u8", File::Playlist(Selection::caption(2)), m3u8);
    check("iframes-f1-v1.m3u8", File::IframePlaylist(Selection::video(1, 1)), m3u8);
    check("init-f2-a1.mp4", File::Init(Selection::audio(2, 1)), "audio/mp4");
    check("init-f2-v1.mp4", File::Init(Selection::video(2, 1)), "video/mp4");
    check("seg-1-f2-a1.m4s", segment(1, Selection::audio(2, 1), Form::M4s), "audio/mp4");
    check("seg-12-f1-v1-a1.ts", segment(12, Selection::of(muxed), Form::Ts), "video/MP2T");
    check("seg-3-s1.vtt", segment(3, Selection::caption(1), Form::Vtt), "text/vtt");
    let iframe = File::Iframe { number: 7, of: Selection::video(1, 1), form: Form::M4s };
    check("iframe-7-f1-v1.m4s", iframe, "video/mp4");
    let silence = Selection::silence(Silence { channels: 2, rate: 48_000, millis: 4000 });
    check("init-q2x48000x4000.mp4", File::Init(silence.clone()), "audio/mp4");
    check("seg-3-q2x48000x4000.m4s", segment(3, silence, Form::M4s), "audio/mp4");
    check("blank.vtt", File::Blank, "text/vtt");
    check("sub-s1.vtt", File::Subtitles(Selection::caption(1)), "text/vtt");
}

#[test]
fn tracks_of_any_flavor_and_of_several() {
    let open = Pick { video: Some(0), audio: Some(2), ..Pick::default() };
    check("seg-1-v0-a2.ts", segment(1, Selection::of(open), Form::Ts), "video/MP2T");
    check("seg-1-a2-v0.ts", segment(1, Selection::of(open), Form::Ts), "video/MP2T");
    let picks = [Selection::video(1, 1), Selection::audio(3, 1)].iter().flat_map(|of| of.picks.clone()).collect();
    check("seg-1-f1-v1-f3-a1.ts", segment(1, Selection { picks }, Form::Ts), "video/MP2T");
}

#[test]
fn aliases_are_read_and_never_written() {
    let cases = [
        ("fragment-2-f1-v1-x3.m4s", "seg-2-f1-v1.m4s"),
        ("init-c1-f1-v1-x3.mp4", "init-f1-v1.mp4"),
        ("sub-f2.vtt", "sub-s2.vtt"),
        ("seg-4-f2.vtt", "seg-4-s2.vtt"),
        ("index-f1-v1-p3-leng-lfra-x2.m3u8", "index-f1-v1.m3u8"),
        ("seg-007-v1.ts", "seg-7-v1.ts"),
        ("master-leng.m3u8", "master.m3u8"),
    ];
    for (given, written) in cases {
        assert_eq!(parse(given).unwrap().to_string(), written, "{given}");
    }
}

#[test]
fn names_of_nothing() {
    let unknown = ["", "index", "index.m3u", "Index.m3u8", "master-f1.m3u8", "manifest-f1.mpd", "frag-1-f1-v1.m4s"];
    for name in unknown.iter().chain(&["fragment-1.ts", "iframe-1.vtt", "seg-1.aac", "init.m4s", ".m3u8"]) {
        check_bad(name, Kind::Invalid, "allowed are master.m3u8");
    }
    check_bad("seg-0-v1.ts", Kind::Invalid, "numbers start at 1");
    check_bad("seg-1-f0.ts", Kind::Invalid, "numbers start at 1");
    check_bad("seg.ts", Kind::Invalid, "not a number");
    check_bad("seg-+1.ts", Kind::Invalid, "not a number");
    check_bad("seg--1.ts", Kind::Invalid, "not a number");
    check_bad("seg-1-v.ts", Kind::Invalid, "not a number");
    check_bad("seg-1-w1.ts", Kind::Invalid, "allowed are fN");
    check_bad("seg-1-é.ts", Kind::Invalid, "allowed are fN");
    check_bad("index-.m3u8", Kind::Invalid, "allowed are fN");
    check_bad("seg-1-v1-v2.ts", Kind::Invalid, "one is allowed");
    check_bad("seg-1-s1-v2.vtt", Kind::Invalid, "a track of a caption");
    check_bad("init-q2x48000x1-a1.mp4", Kind::Invalid, "or of silence");
    for silence in ["q", "q2", "q2x48000", "q0x48000x1", "q3x48000x1", "q2x48001x1", "q2x48000x0", "q2x48000x86400001"]
    {
        check_bad(&format!("init-{silence}.mp4"), Kind::Invalid, "names no silence");
    }
    check_bad("seg-99999999999.ts", Kind::NotFound, "beyond any");
    check_bad("index-f4294967296.m3u8", Kind::NotFound, "beyond any");
    check_bad("init-c2-f1-v1.mp4", Kind::NotFound, "there is one");
    check_bad(&format!("index{}.m3u8", "-f1".repeat(33)), Kind::Invalid, "at most 32");
}

fn selections() -> impl Strategy<Value = Selection> {
    let number = || prop::option::of(any::<u32>());
    let pick = (1u32.., number(), number(), any::<bool>()).prop_map(|(number, video, audio, caption)| match caption {
        true => Pick { caption: Some(number), ..Pick::default() },
        false => Pick { flavor: Some(number), video, audio, ..Pick::default() },
    });
    prop::collection::vec(pick, 0..PICKS_MAX).prop_map(|picks| Selection { picks })
}

fn files() -> impl Strategy<Value = File> {
    let captions = prop::collection::vec(1u32.., 0..PICKS_MAX).prop_map(|numbers| {
        let picks = numbers.into_iter().map(|number| Pick { caption: Some(number), ..Pick::default() });
        Selection { picks: picks.collect() }
    });
    let form = prop_oneof![Just(Form::Ts), Just(Form::M4s)];
    prop_oneof![
        Just(File::Multivariant),
        Just(File::Manifest),
        Just(File::Blank),
        (1..=MILLIS_MAX, 1..=2u8, 0..RATES.len()).prop_map(|(millis, channels, rate)| {
            File::Init(Selection::silence(Silence { channels, rate: RATES[rate], millis }))
        }),
        selections().prop_map(File::Playlist),
        selections().prop_map(File::IframePlaylist),
        selections().prop_map(File::Init),
        (1u32.., selections(), form.clone()).prop_map(|(number, of, form)| File::Segment { number, of, form }),
        (1u32.., captions.clone()).prop_map(|(number, of)| File::Segment { number, of, form: Form::Vtt }),
        (1u32.., selections(), form).prop_map(|(number, of, form)| File::Iframe { number, of, form }),
        captions.prop_map(File::Subtitles),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(file in files()) {
        prop_assert_eq!(parse(&file.to_string()).unwrap(), file);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(seg|index|init|sub|iframe)?[-fvaspxlc0-9.]{0,9}(-q2x48000x1)?[-fvaspxlc0-9.]{0,11}(ts|m4s|m3u8|mp4|vtt)?") {
        if let Ok(file) = parse(&text) {
            prop_assert_eq!(parse(&file.to_string()).unwrap(), file);
        }
    }
}
