//! Plans and work as text: one line for the log, a few lines for people.

use std::fmt::{self, Display};

use super::cost::Cost;
use super::playback::{Cues, Cut, Presentation, Reel, Strand, Text, TrackPick};
use super::sequence::{Clip, Words};
use super::{Decision, Freshness, Grace, Placeholder, Precision, Style, Subject, Tiles, Work};
use crate::entry::Source;
use crate::media::time::Micros;
use crate::packager::segments::Pace;
use crate::packager::silence::Silence;
use crate::packager::timeline::Window;
use crate::packager::{Container, Protocol};
use crate::request::shown::shown;
use crate::request::thumbnail::format_name;
use crate::thumbnail::{Encoding, Geometry};

/// One line that says everything that changes bytes, but for a source's size and times, which its version follows.
impl Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Thumbnail { subject, geometry, encoding } => {
                write!(f, "thumbnail {subject} {} {}", Numbers(geometry), Written(encoding))
            }
            Work::Strip { tiles, geometry, encoding } => {
                write!(f, "strip {tiles} {} {}", Numbers(geometry), Written(encoding))
            }
            Work::Presentation(presentation) => presentation.fmt(f),
            Work::Playlist { cut, of, iframes } => {
                let what = if *iframes { "keyframe playlist" } else { "playlist" };
                write!(f, "{what} {of} {cut}")
            }
            Work::Init(cut) => write!(f, "init segment {cut}"),
            Work::Segment { cut, number, iframe } => {
                let what = if *iframe { "keyframe" } else { "segment" };
                write!(f, "{what} {number} {cut}")
            }
            Work::CaptionList { of, length, pace } => write!(f, "caption playlist {of} of {length} s {}", Cuts(pace)),
            Work::Cues(cues) => {
                let Cues { source, number, length, container, window, pace } = &**cues;
                match number {
                    Some(number) => write!(f, "captions {number} of {}", Named(source))?,
                    None => write!(f, "captions of {}", Named(source))?,
                }
                write!(f, " {} {length} s {} {}", Stretch(*window), Cuts(pace), wrapped(*container))
            }
            Work::Stored { source, window, moov_first } => {
                let order = if *moov_first { " moov first" } else { "" };
                write!(f, "file {} {}{order}", Named(source), Stretch(*window))
            }
            Work::Chain(chain) => {
                f.write_str(if chain.iframes { "keyframe sequence" } else { "sequence" })?;
                chain.clips.iter().try_for_each(|clip| write!(f, ", {clip}"))
            }
            Work::CaptionChain { words, pace } => {
                write!(f, "caption sequence {}", Cuts(pace))?;
                words.iter().try_for_each(|Words { place, length }| match place {
                    Some(place) => write!(f, ", {length} s at {:?}", shown(place)),
                    None => write!(f, ", {length} s of nothing"),
                })
            }
            Work::Periods(periods) => {
                write!(f, "{} periods", periods.len())?;
                periods.iter().try_for_each(|period| write!(f, ", {period}"))
            }
            Work::Silence { silence: Silence { channels, rate, millis }, number, container, pace } => {
                match number {
                    Some(number) => write!(f, "segment {number} of silence")?,
                    None => f.write_str("init segment of silence")?,
                }
                write!(f, " of {millis} ms, {channels} channels, {rate} Hz {} {}", Cuts(pace), wrapped(*container))
            }
            Work::Transcript { source, style } => {
                write!(f, "captions of {} ", Named(source))?;
                match style {
                    Style::Json => f.write_str("as JSON"),
                    Style::WebVtt => f.write_str("as WebVTT"),
                    Style::Segment { from, to, local } => write!(f, "as WebVTT from {from} to {to}, {local} at 10 s"),
                }
            }
            Work::TranscriptList { seconds, total } => write!(f, "caption playlist of {total} s cut at {seconds}"),
            Work::Written { body, media_type } => write!(f, "text {media_type} {:?}", shown(body)),
        }
    }
}

impl Display for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clip::Cut { cut, of, place } => write!(f, "{of} at {:?} {cut}", shown(place)),
            Clip::Silence { length } => write!(f, "{length} s of silence"),
        }
    }
}

impl Display for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Presentation { protocol, container, reels, texts, window, pace, default_audio, base, tracks, is_entrance } =
            self;
        f.write_str(match protocol {
            Protocol::Hls => "multivariant playlist",
            Protocol::Dash => "manifest",
        })?;
        if *is_entrance {
            f.write_str(" to begin with")?;
        }
        if !tracks.picks.is_empty() {
            write!(f, " of {tracks} alone")?;
        }
        if let Some(base) = base {
            write!(f, " based at {:?}", shown(base))?;
        }
        for Reel { source, place, number, language, label, is_default, is_description } in reels {
            let what = if *is_description { " describing" } else { "" };
            write!(f, " {} at {:?}{what}", Named(source), shown(place))?;
            write!(f, " {}", Titled { number: number.as_ref(), language: language.as_deref(), label, is_default })?;
        }
        for Text { place, number, language, label, is_default } in texts {
            write!(f, " captions at {:?}", shown(place))?;
            write!(f, " {}", Titled { number: Some(number), language: Some(language), label, is_default })?;
        }
        if let Some(language) = default_audio {
            write!(f, " beginning in {language:?}")?;
        }
        write!(f, " {} {} {}", Stretch(*window), Cuts(pace), wrapped(*container))
    }
}

/// What is said of a flavor or of captions.
struct Titled<'a> {
    number: Option<&'a u32>,
    language: Option<&'a str>,
    label: &'a Option<String>,
    is_default: &'a bool,
}

impl Display for Titled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Titled { number, language, label, is_default } = self;
        write!(f, "number {}", number.copied().unwrap_or_default())?;
        if let Some(language) = language {
            write!(f, " in {language:?}")?;
        }
        if let Some(label) = label {
            write!(f, " as {label:?}")?;
        }
        if **is_default { f.write_str(" by default") } else { Ok(()) }
    }
}

impl Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { strands, container, window, pace } = self;
        f.write_str("of")?;
        for Strand { source, track } in strands {
            match track {
                TrackPick::Video(number) => write!(f, " pictures {number}")?,
                TrackPick::Audio(number) => write!(f, " sound {number}")?,
            }
            write!(f, " of {}", Named(source))?;
        }
        write!(f, " {} {} {}", Stretch(*window), Cuts(pace), wrapped(*container))
    }
}

fn wrapped(container: Container) -> &'static str {
    match container {
        Container::Fmp4 => "in fMP4",
        Container::Ts => "in TS",
    }
}

/// A part of an entry.
struct Stretch(Window);

impl Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {}", self.0.from)?;
        self.0.to.map_or(Ok(()), |to| write!(f, " to {to}"))
    }
}

/// How long segments are.
struct Cuts<'a>(&'a Pace);

impl Display for Cuts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pace { target, first } = self.0;
        f.write_str("cut at ")?;
        first.iter().try_for_each(|length| write!(f, "{length},"))?;
        write!(f, "{target}")
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Frame { source, at, precision } => write!(f, "{precision} {} at {at}", Named(source)),
            Subject::Still { source } => write!(f, "picture {}", Named(source)),
            Subject::Placeholder(Placeholder::Draft) => f.write_str("placeholder draft"),
            Subject::Placeholder(Placeholder::Audio) => f.write_str("placeholder audio"),
            Subject::Blank => f.write_str("blank"),
        }
    }
}

impl Display for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tiles::Copies { subject, count } => write!(f, "{count} of {subject}"),
            Tiles::Frames { source, moments, precision } => {
                write!(f, "{} of {precision} {} at ", moments.len(), Named(source))?;
                List(moments).fmt(f)
            }
        }
    }
}

impl Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::Exact => "frame",
            Precision::Keyframe => "keyframe",
        })
    }
}

/// A source whose name cannot break a line.
struct Named<'a>(&'a Source);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"@{}", self.0.location.escape_debug(), self.0.version.escape_debug())
    }
}

/// Times divided by commas.
struct List<'a>(&'a [Micros]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, moment) in self.0.iter().enumerate() {
            write!(f, "{}{moment}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

struct Numbers<'a>(&'a Geometry);

impl Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Geometry { reference, crop, scaled, canvas, left, top } = self.0;
        write!(f, "crop {}x{}+{}+{} of {reference} ", crop.width, crop.height, crop.x, crop.y)?;
        write!(f, "to {scaled}+{left}+{top} on {canvas}")
    }
}

struct Written<'a>(&'a Encoding);

impl Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Encoding { format, quality, density, background } = self.0;
        write!(f, "{} quality {quality} density {density} background {background}", format_name(*format))
    }
}

/// The lines of [`explain`](super::explain).
pub(super) fn text(decision: &Decision) -> String {
    let plan = match decision {
        Decision::Make(plan) => plan,
        Decision::Redirect { location, freshness } => {
            return lines(&[("redirect", shown(location).into_owned()), ("max-age", kept(*freshness))]);
        }
    };
    let mut rows = vec![("entry", format!("{} of partner {}", plan.entry, plan.partner.0))];
    match &plan.work {
        Work::Thumbnail { subject, geometry, encoding } => {
            rows.extend(picture(subject.to_string(), geometry, encoding, plan.negotiated));
        }
        Work::Strip { tiles, geometry, encoding } => {
            rows.extend(picture(format!("a row of {tiles}"), geometry, encoding, plan.negotiated));
        }
        other => rows.push(("makes", other.to_string())),
    }
    if let Some(name) = &plan.attachment {
        rows.push(("kept as", format!("{name:?}")));
    }
    rows.extend([
        ("key", plan.key.to_string()),
        ("modified", format!("{} s after 1970", plan.modified)),
        ("max-age", kept(plan.freshness)),
    ]);
    lines(&rows)
}

fn kept(freshness: Freshness) -> String {
    match freshness {
        Freshness::Public(seconds) => format!("{seconds} s"),
        Freshness::Lenient(seconds, Grace { while_revalidate, if_error }) => {
            format!(
                "{seconds} s, {while_revalidate} s more while a new one is fetched, {if_error} s where none can be had"
            )
        }
        Freshness::Private(seconds) => format!("{seconds} s, by the client alone"),
        Freshness::Immutable => "for good".to_owned(),
        Freshness::Unkept => "not kept".to_owned(),
    }
}

fn picture(what: String, geometry: &Geometry, encoding: &Encoding, negotiated: bool) -> [(&'static str, String); 7] {
    let Geometry { reference, crop, scaled, canvas, left, top } = geometry;
    [
        ("shows", what),
        ("part", format!("{}x{} at {},{}", crop.width, crop.height, crop.x, crop.y)),
        ("of", format!("{reference}, the whole as shown")),
        ("scaled", format!("to {scaled}")),
        ("canvas", format!("{canvas}, the picture at {left},{top}")),
        ("written", Written(encoding).to_string()),
        ("format", if negotiated { "chosen from Accept" } else { "as asked for" }.to_string()),
    ]
}

/// What it takes to make something.
pub(super) fn cost(cost: &Cost) -> String {
    let Cost { pixels_decoded, pixels_written, bytes_read, micros, memory } = cost;
    if *micros == 0 {
        return String::new();
    }
    let millions = |pixels: &u64| *pixels as f64 / 1e6;
    let value = format!(
        "about {} ms of one core: {:.1} Mpx decoded of {} kB, {:.2} Mpx written; {} MiB of memory",
        micros.div_ceil(1000),
        millions(pixels_decoded),
        bytes_read.div_ceil(1000),
        millions(pixels_written),
        memory.div_ceil(1 << 20)
    );
    lines(&[("takes", value)])
}

fn lines(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, value)| format!("{name:<9}{value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::name::{Pick, Selection};

    fn source() -> Source {
        Source { location: "a\n.mp4".into(), size: 1, modified: 2, version: "1-2".into() }
    }

    fn pace() -> Pace {
        Pace { target: Micros(6_000_000), first: vec![Micros(2_000_000)] }
    }

    fn cut(container: Container, tracks: &[TrackPick]) -> Box<Cut> {
        let strands = tracks.iter().map(|track| Strand { source: source(), track: *track }).collect();
        let window = Window { from: Micros(720_000), to: Some(Micros(1_920_000)) };
        Box::new(Cut { strands, container, window, pace: pace() })
    }

    #[track_caller]
    fn check(work: &Work, expected: &str) {
        assert_eq!(work.to_string(), expected);
    }

    #[test]
    fn lines_of_segments() {
        let (video, audio) = (TrackPick::Video(1), TrackPick::Audio(2));
        let part = r#""a\n.mp4"@1-2 from 0.72 to 1.92 cut at 2,6"#;
        check(&Work::Init(cut(Container::Fmp4, &[audio])), &format!("init segment of sound 2 of {part} in fMP4"));
        let segment = |iframe| Work::Segment { cut: cut(Container::Fmp4, &[video]), number: 3, iframe };
        check(&segment(false), &format!("segment 3 of pictures 1 of {part} in fMP4"));
        check(&segment(true), &format!("keyframe 3 of pictures 1 of {part} in fMP4"));
        let both = cut(Container::Ts, &[video, audio]);
        let of = Selection::of(Pick { video: Some(1), audio: Some(2), ..Pick::default() });
        check(
            &Work::Playlist { cut: both, of, iframes: false },
            &format!(r#"playlist v1-a2 of pictures 1 of "a\n.mp4"@1-2 sound 2 of {part} in TS"#),
        );
    }

    #[test]
    fn lines_of_documents_and_files() {
        let reel = Reel {
            source: source(),
            place: "/x/kt/secret/y/".into(),
            number: Some(2),
            language: Some("de".into()),
            label: None,
            is_default: true,
            is_description: false,
        };
        let presentation = Presentation {
            protocol: Protocol::Hls,
            container: Container::Fmp4,
            reels: vec![reel],
            texts: Vec::new(),
            window: Window::default(),
            pace: pace(),
            default_audio: Some("de".into()),
            base: None,
            tracks: Selection::audio(1, 1),
            is_entrance: true,
        };
        check(
            &Work::Presentation(Box::new(presentation)),
            "multivariant playlist to begin with of f1-a1 alone \"a\\n.mp4\"@1-2 at \"/x/kt/***/y/\" number 2 in \"de\" by default \
             beginning in \"de\" from 0 cut at 2,6 in fMP4",
        );
        let stored = |moov_first| Work::Stored { source: source(), window: Window::default(), moov_first };
        check(&stored(true), r#"file "a\n.mp4"@1-2 from 0 moov first"#);
        check(&stored(false), r#"file "a\n.mp4"@1-2 from 0"#);
        check(&Work::Written { body: "a\n".into(), media_type: "text/x" }, r#"text text/x "a\n""#);
        let list = Work::CaptionList { of: Selection::caption(1), length: Micros(1_500_000), pace: pace() };
        check(&list, "caption playlist s1 of 1.5 s cut at 2,6");
    }

    #[test]
    fn lines_of_captions() {
        let (from, to, local) = (Micros(0), Micros(30_000_000), Micros(500_000));
        for (style, expected) in [
            (Style::Json, "as JSON"),
            (Style::WebVtt, "as WebVTT"),
            (Style::Segment { from, to, local }, "as WebVTT from 0 to 30, 0.5 at 10 s"),
        ] {
            check(&Work::Transcript { source: source(), style }, &format!(r#"captions of "a\n.mp4"@1-2 {expected}"#));
        }
        check(&Work::TranscriptList { seconds: 30, total: 61 }, "caption playlist of 61 s cut at 30");
    }

    #[test]
    fn a_redirect_is_told_in_two_lines() {
        let redirect = Decision::Redirect { location: "/x/kt/secret".into(), freshness: Freshness::Private(60) };
        assert_eq!(text(&redirect), "redirect /x/kt/***\nmax-age  60 s, by the client alone\n");
    }
}
