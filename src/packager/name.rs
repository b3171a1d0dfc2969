//! The names of the files that playlists and manifests write and requests read.
//!
//! A name is a word, the number of a piece where the file is one, and a selection of what to carry, with `-` between:
//! `seg-3-f2-v1.m4s` is the third segment of the first pictures of the second flavor. Of the grammar of nginx-vod some is read
//! and ignored: `pN` (parts), `xN` (version), `lXXX` (languages, which the selection settles already), and `c1`, as there is
//! one clip. Silence has a word of its own, `q` and its channels, rate and milliseconds with `x` between: `q2x48000x4000`.

use std::fmt;

use super::silence::{MILLIS_MAX, RATES, Silence};
use crate::error::{Error, Kind, Result};

/// A file that a player fetches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum File {
    /// `master.m3u8`: all that HLS has to offer.
    Multivariant,
    /// `manifest.mpd`: all that DASH has to offer.
    Manifest,
    /// `index….m3u8`: the segments of a selection.
    Playlist(Selection),
    /// `iframes….m3u8`: the keyframes of a selection.
    IframePlaylist(Selection),
    /// `init….mp4`: what comes before the segments of a selection.
    Init(Selection),
    /// `seg-{n}….ts`, `.m4s` or `.vtt`; also read as `fragment-{n}….m4s`.
    Segment {
        /// Its number, from 1.
        number: u32,
        /// What it carries.
        of: Selection,
        /// How it is packed.
        form: Form,
    },
    /// `iframe-{n}….ts` or `.m4s`: one keyframe alone.
    Iframe {
        /// Its number among the keyframes, from 1.
        number: u32,
        /// What it carries.
        of: Selection,
        /// How it is packed; captions have none.
        form: Form,
    },
    /// `sub….vtt`: a whole caption file.
    Subtitles(Selection),
    /// `blank.vtt`: captions that say nothing, however long.
    Blank,
}

/// How a segment is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// MPEG-2 transport stream (ISO/IEC 13818-1).
    Ts,
    /// A fragment of ISO BMFF (CMAF, ISO/IEC 23000-19).
    M4s,
    /// WebVTT.
    Vtt,
}

/// What of an entry a file carries. Its text is also the id of a DASH representation: `f2-v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Selection {
    /// What is picked, in order; empty for everything. Only the first pick of tracks may leave its flavor open.
    pub picks: Vec<Pick>,
}

/// Tracks of one flavor, or one caption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Pick {
    /// `fN`: the flavor by its number, from 1; `None` for any.
    pub flavor: Option<u32>,
    /// `vN`: the track of pictures by its number among those of the flavor, from 1; zero for all of them.
    pub video: Option<u32>,
    /// `aN`: the track of sound in the same way.
    pub audio: Option<u32>,
    /// `sN`: the caption of the entry by its number, from 1. A pick of a caption has nothing else.
    pub caption: Option<u32>,
    /// `qCxRxM`: silence, whatever the entry holds. A pick of silence has nothing else.
    pub silence: Option<Silence>,
}

/// Most picks of a name, as many as nginx-vod allows sequences.
const PICKS_MAX: usize = 32;

/// What may be asked for, for those who asked for something else.
const ALLOWED: &str = "master.m3u8, manifest.mpd, index.m3u8, iframes.m3u8, init.mp4, seg-N.ts, seg-N.m4s, seg-N.vtt, \
                       iframe-N.ts, iframe-N.m4s, sub.vtt, blank.vtt";

impl Selection {
    /// One track of pictures of a flavor, both by their numbers from 1.
    pub fn video(flavor: u32, track: u32) -> Selection {
        Selection::of(Pick { flavor: Some(flavor), video: Some(track), ..Pick::default() })
    }

    /// One track of sound of a flavor, both by their numbers from 1.
    pub fn audio(flavor: u32, track: u32) -> Selection {
        Selection::of(Pick { flavor: Some(flavor), audio: Some(track), ..Pick::default() })
    }

    /// One caption by its number, from 1.
    pub fn caption(number: u32) -> Selection {
        Selection::of(Pick { caption: Some(number), ..Pick::default() })
    }

    /// Silence alone.
    pub fn silence(silence: Silence) -> Selection {
        Selection::of(Pick { silence: Some(silence), ..Pick::default() })
    }

    /// A selection of one pick.
    pub fn of(pick: Pick) -> Selection {
        Selection { picks: vec![pick] }
    }

    /// The same without sound.
    pub fn pictures(&self) -> Selection {
        let picks = self.picks.iter().map(|pick| Pick { audio: None, ..*pick });
        Selection { picks: picks.filter(|pick| pick.video.is_some()).collect() }
    }

    /// Whether it names sound and nothing else.
    pub fn is_audio_alone(&self) -> bool {
        let is_audio = |pick: &Pick| pick.silence.is_some() || (pick.audio.is_some() && pick.video.is_none());
        !self.picks.is_empty() && self.picks.iter().all(is_audio)
    }
}

impl File {
    /// Whether it tells of other files.
    pub fn is_document(&self) -> bool {
        matches!(self, File::Multivariant | File::Manifest | File::Playlist(_) | File::IframePlaylist(_))
    }

    /// Its media type.
    pub fn content_type(&self) -> &'static str {
        match self {
            // RFC 8216 section 4.
            File::Multivariant | File::Playlist(_) | File::IframePlaylist(_) => "application/vnd.apple.mpegurl",
            File::Manifest => "application/dash+xml",
            File::Init(of) => Form::M4s.content_type(of),
            File::Segment { of, form, .. } | File::Iframe { of, form, .. } => form.content_type(of),
            File::Subtitles(of) => Form::Vtt.content_type(of),
            File::Blank => "text/vtt",
        }
    }
}

impl Form {
    /// The media type of what carries a selection in this form.
    pub(super) fn content_type(self, of: &Selection) -> &'static str {
        match self {
            Form::Ts => "video/MP2T",
            Form::M4s if of.is_audio_alone() => "audio/mp4",
            Form::M4s => "video/mp4",
            Form::Vtt => "text/vtt",
        }
    }

    /// What names in this form end with, without the dot.
    fn extension(self) -> &'static str {
        match self {
            Form::Ts => "ts",
            Form::M4s => "m4s",
            Form::Vtt => "vtt",
        }
    }
}

/// The file that a name stands for. Fails with `invalid` for a name that is none, number zero included, and with `not found`
/// for numbers greater than anything has.
pub fn parse(name: &str) -> Result<File> {
    let unknown = || Error::invalid(format!("the file {name} is unknown; allowed are {ALLOWED}"));
    let (stem, extension) = name.rsplit_once('.').ok_or_else(unknown)?;
    let mut words = stem.split('-');
    let word = words.next().unwrap_or_default();
    let file = match (word, extension) {
        ("master", "m3u8") if stem == word => File::Multivariant,
        ("manifest", "mpd") if stem == word => File::Manifest,
        ("blank", "vtt") if stem == word => File::Blank,
        ("index", "m3u8") => File::Playlist(selection(name, words)?),
        ("iframes", "m3u8") => File::IframePlaylist(selection(name, words)?),
        ("init", "mp4") => File::Init(selection(name, words)?),
        ("sub", "vtt") => File::Subtitles(captions(selection(name, words)?)),
        ("seg", "ts" | "m4s" | "vtt") | ("fragment", "m4s") | ("iframe", "ts" | "m4s") => {
            let number = number(name, words.next().unwrap_or_default())?;
            let of = selection(name, words)?;
            match (word, extension) {
                ("iframe", "ts") => File::Iframe { number, of, form: Form::Ts },
                ("iframe", _) => File::Iframe { number, of, form: Form::M4s },
                (_, "ts") => File::Segment { number, of, form: Form::Ts },
                (_, "vtt") => File::Segment { number, of: captions(of), form: Form::Vtt },
                _ => File::Segment { number, of, form: Form::M4s },
            }
        }
        _ => return Err(unknown()),
    };
    Ok(file)
}

/// A selection by its words.
fn selection<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> Result<Selection> {
    let mut picks: Vec<Pick> = Vec::new();
    for word in words {
        let mut letters = word.chars();
        let letter = letters.next().unwrap_or_default();
        let rest = letters.as_str();
        match letter {
            'f' => picks.push(Pick { flavor: Some(number(name, rest)?), ..Pick::default() }),
            's' => picks.push(Pick { caption: Some(number(name, rest)?), ..Pick::default() }),
            'q' => picks.push(Pick { silence: Some(silence(name, rest)?), ..Pick::default() }),
            'v' | 'a' => {
                let track = digits(name, rest)?;
                if picks.is_empty() {
                    picks.push(Pick::default());
                }
                let pick = picks.last_mut().filter(|pick| pick.caption.is_none() && pick.silence.is_none());
                let place = pick.map(|pick| if letter == 'v' { &mut pick.video } else { &mut pick.audio });
                match place {
                    Some(place @ None) => *place = Some(track),
                    Some(_) => {
                        return Err(Error::invalid(format!(
                            "{name} names two tracks of a kind and flavor; one is allowed"
                        )));
                    }
                    None => {
                        return Err(Error::invalid(format!("{name} names a track of a caption or of silence: {word}")));
                    }
                }
            }
            'p' | 'x' => drop(digits(name, rest)?),
            'c' if number(name, rest)? == 1 => {}
            'c' => return Err(Error::new(Kind::NotFound, format!("{name} names clip {rest}; there is one"))),
            'l' if rest.bytes().all(|byte| byte.is_ascii_alphabetic()) && !rest.is_empty() => {}
            _ => {
                let allowed = "fN, vN, aN, sN, qCxRxM, pN, lXXX, xN";
                return Err(Error::invalid(format!("{word:?} in {name} selects nothing; allowed are {allowed}")));
            }
        }
    }
    if picks.len() > PICKS_MAX {
        return Err(Error::invalid(format!("{name} picks {} times; at most {PICKS_MAX} are allowed", picks.len())));
    }
    Ok(Selection { picks })
}

/// The same selection with numbers of flavors read as those of captions: names of captions in nginx-vod.
fn captions(mut of: Selection) -> Selection {
    for pick in &mut of.picks {
        if let Some(flavor) = pick.flavor {
            *pick = Pick { caption: Some(flavor), ..Pick::default() };
        }
    }
    of
}

/// Silence by its channels, rate and milliseconds.
fn silence(name: &str, text: &str) -> Result<Silence> {
    let unknown = || Error::invalid(format!("{name} names no silence: q2x48000x4000 is 4 s in stereo"));
    let (channels, rest) = text.split_once('x').ok_or_else(unknown)?;
    let (rate, millis) = rest.split_once('x').ok_or_else(unknown)?;
    let (channels, rate, millis) = (digits(name, channels)?, digits(name, rate)?, digits(name, millis)?);
    let is_allowed = (1..=2).contains(&channels) && RATES.contains(&rate) && (1..=MILLIS_MAX).contains(&millis);
    is_allowed.then_some(Silence { channels: channels as u8, rate, millis }).ok_or_else(unknown)
}

/// A number from 1.
fn number(name: &str, text: &str) -> Result<u32> {
    match digits(name, text)? {
        0 => Err(Error::invalid(format!("{name} has number 0; numbers start at 1"))),
        number => Ok(number),
    }
}

fn digits(name: &str, text: &str) -> Result<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid(format!("{text:?} in {name} is not a number")));
    }
    text.parse().map_err(|_| Error::new(Kind::NotFound, format!("{name} has a number beyond any: {text}")))
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            File::Multivariant => f.write_str("master.m3u8"),
            File::Manifest => f.write_str("manifest.mpd"),
            File::Playlist(of) => write!(f, "index{}.m3u8", Tail(of)),
            File::IframePlaylist(of) => write!(f, "iframes{}.m3u8", Tail(of)),
            File::Init(of) => write!(f, "init{}.mp4", Tail(of)),
            File::Segment { number, of, form } => write!(f, "seg-{number}{}.{}", Tail(of), form.extension()),
            File::Iframe { number, of, form } => write!(f, "iframe-{number}{}.{}", Tail(of), form.extension()),
            File::Subtitles(of) => write!(f, "sub{}.vtt", Tail(of)),
            File::Blank => f.write_str("blank.vtt"),
        }
    }
}

/// A selection behind something else.
struct Tail<'a>(&'a Selection);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.picks.is_empty() {
            return Ok(());
        }
        write!(f, "-{}", self.0)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dash = "";
        for Pick { flavor, video, audio, caption, silence } in &self.picks {
            for (letter, number) in [('f', flavor), ('v', video), ('a', audio), ('s', caption)] {
                if let Some(number) = number {
                    write!(f, "{dash}{letter}{number}")?;
                    dash = "-";
                }
            }
            if let Some(Silence { channels, rate, millis }) = silence {
                write!(f, "{dash}q{channels}x{rate}x{millis}")?;
                dash = "-";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        for silence in
            ["q", "q2", "q2x48000", "q0x48000x1", "q3x48000x1", "q2x48001x1", "q2x48000x0", "q2x48000x86400001"]
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
        let pick =
            (1u32.., number(), number(), any::<bool>()).prop_map(|(number, video, audio, caption)| match caption {
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
}
