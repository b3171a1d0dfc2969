//! Captions: SubRip, WebVTT and TTML in; WebVTT out, whole or in segments.

mod encoding;
mod lines;
mod markup;
mod ttml;

use std::fmt::Write;

use super::timeline::Window;
use crate::error::{Error, Result};
use crate::media::time::Micros;

/// Largest file that is read.
pub const BYTES_MAX: usize = 8 << 20;

/// Most cues of a file.
pub const CUES_MAX: usize = 100_000;

/// Longest text of a cue in bytes; longer ones are damaged.
pub const TEXT_MAX: usize = 16 << 10;

/// Longest settings of a cue in bytes; longer ones are left out.
const SETTINGS_MAX: usize = 256;

/// A text and when it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it appears; not negative.
    pub start: Micros,
    /// When it goes; after it appears.
    pub end: Micros,
    /// Where it stands, as WebVTT has it (WebVTT section 4.4); empty for the usual place.
    pub settings: String,
    /// Its lines in the markup of WebVTT (section 4.2.2), at least one, none of them empty.
    pub text: String,
}

/// The cues of a file of SubRip, WebVTT or TTML, told by what is in it, by the time they appear. Those that are damaged are
/// left out. Fails with `unsupported` for any other file, and with `too large` beyond [`BYTES_MAX`] and [`CUES_MAX`].
pub fn parse(bytes: &[u8]) -> Result<Vec<Cue>> {
    if bytes.len() > BYTES_MAX {
        return Err(Error::too_large(format!("captions of more than {BYTES_MAX} bytes")));
    }
    let text = encoding::decoded(bytes);
    for read in [lines::webvtt, ttml::ttml, lines::subrip] {
        if let Some(cues) = read(text.trim_start_matches('\u{feff}'))? {
            return Ok(cues);
        }
    }
    Err(Error::unsupported("the captions are neither SubRip nor WebVTT nor TTML"))
}

/// A time of an MPEG transport stream, and the one on the clock of captions that is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampMap {
    /// In ticks of 90 kHz.
    pub stream: u64,
    /// On the captions' clock.
    pub local: Micros,
}

/// A WebVTT file of those of `cues`, in the order of [`parse`], that are shown at some time from `from` to before `to`, each
/// with all its time, `shift` earlier. `map` says where it belongs in an MPEG transport stream (RFC 8216 section 3.5).
pub fn segment(cues: &[Cue], from: Micros, to: Micros, shift: Micros, map: Option<TimestampMap>) -> String {
    let mut text = String::from("WEBVTT\n");
    if let Some(TimestampMap { stream, local }) = map {
        text += &format!("X-TIMESTAMP-MAP=MPEGTS:{stream},LOCAL:{}\n", clock(local.0.max(0) / 1000));
    }
    // Those behind the first that starts too late all do.
    let near = &cues[..cues.partition_point(|cue| cue.start < to)];
    for cue in near.iter().filter(|cue| cue.end > from) {
        let moved = |time: Micros| Micros(time.0.saturating_sub(shift.0));
        write_cue(moved(cue.start), moved(cue.end), cue, &mut text);
    }
    text
}

/// A WebVTT file of those of `cues`, in the order of [`parse`], that a window shows, on its clock, none beyond its end.
pub fn whole(cues: &[Cue], window: Window) -> String {
    let to = window.to.unwrap_or(Micros(i64::MAX));
    let shown = cues.iter().map(|cue| Cue { end: cue.end.min(to), ..cue.clone() });
    segment(&shown.collect::<Vec<_>>(), window.from, to, window.from, None)
}

/// The cues as the API of captions has them: times in milliseconds, text without markup.
pub fn json(cues: &[Cue]) -> String {
    let object = |cue: &Cue| {
        let (start, end) = (cue.start.0 / 1000, cue.end.0 / 1000);
        let text = quoted(&markup::plain(&cue.text));
        format!(r#"{{"startTime":{start},"endTime":{end},"content":[{{"text":{text}}}]}}"#)
    };
    format!(r#"{{"objects":[{}]}}"#, cues.iter().map(object).collect::<Vec<_>>().join(","))
}

/// A string of JSON (RFC 8259 section 7).
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => out.push(char),
        }
    }
    out + "\""
}

/// Adds a cue behind an empty line. It lasts a millisecond at least.
fn write_cue(start: Micros, end: Micros, cue: &Cue, text: &mut String) {
    let start = start.0.max(0) / 1000;
    let end = (end.0 / 1000).max(start + 1);
    let space = if cue.settings.is_empty() { "" } else { " " };
    // Writing to a string succeeds.
    let _ = write!(text, "\n{} --> {}{space}{}\n{}\n", clock(start), clock(end), cue.settings, cue.text);
}

/// Milliseconds as `hh:mm:ss.mmm`.
fn clock(millis: i64) -> String {
    let (seconds, millis) = (millis / 1000, millis % 1000);
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Cues in the making.
#[derive(Debug, Default)]
struct Cues(Vec<Cue>);

impl Cues {
    /// Adds a cue, unless it is damaged. Fails beyond [`CUES_MAX`].
    fn push(&mut self, mut cue: Cue) -> Result<()> {
        if cue.text.is_empty() || cue.text.len() > TEXT_MAX || cue.end <= cue.start || cue.start < Micros(0) {
            return Ok(());
        }
        if self.0.len() >= CUES_MAX {
            return Err(Error::too_large(format!("captions of more than {CUES_MAX} cues")));
        }
        if cue.settings.len() > SETTINGS_MAX {
            cue.settings.clear();
        }
        self.0.push(cue);
        Ok(())
    }

    fn finish(mut self) -> Vec<Cue> {
        self.0.sort_by_key(|cue| cue.start);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cue(start: i64, end: i64, text: &str) -> Cue {
        Cue { start: Micros(start * 1000), end: Micros(end * 1000), settings: String::new(), text: text.to_owned() }
    }

    fn millis(millis: i64) -> Micros {
        Micros(millis * 1000)
    }

    #[test]
    fn kinds_are_told_by_content() {
        let expected = vec![cue(1000, 2000, "a")];
        assert_eq!(parse(b"\xef\xbb\xbfWEBVTT\n\n00:01.000 --> 00:02.000\na\n").unwrap(), expected);
        assert_eq!(parse(b"1\n00:00:01,000 --> 00:00:02,000\na\n").unwrap(), expected);
        assert_eq!(parse(br#"<tt><body><p begin="1s" end="2s">a</p></body></tt>"#).unwrap(), expected);
        assert_eq!(parse(b"").unwrap(), []);
        for other in [&b"just text"[..], b"<html></html>", b"\x89PNG\r\n", b"{}"] {
            assert_eq!(parse(other).unwrap_err().kind(), crate::error::Kind::Unsupported);
        }
        assert_eq!(parse(&vec![b' '; BYTES_MAX + 1]).unwrap_err().kind(), crate::error::Kind::TooLarge);
    }

    #[test]
    fn segments_have_what_they_show() {
        let cues = [cue(0, 9000, "long"), cue(1000, 2000, "a"), cue(4000, 6000, "b")];
        let map = TimestampMap { stream: 900_000, local: Micros(0) };
        let text = segment(&cues, millis(5000), millis(10_000), millis(500), Some(map));
        let expected = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n\
            00:00:00.000 --> 00:00:08.500\nlong\n\n00:00:03.500 --> 00:00:05.500\nb\n";
        assert_eq!(text, expected);
        assert_eq!(segment(&cues, millis(9000), millis(10_000), Micros(0), None), "WEBVTT\n");
    }

    #[test]
    fn the_whole_of_a_window() {
        let cues = [cue(0, 1000, "a"), cue(1500, 3_600_000, "b"), cue(9000, 9500, "c")];
        let window = Window { from: millis(1000), to: Some(millis(5000)) };
        assert_eq!(whole(&cues, window), "WEBVTT\n\n00:00:00.500 --> 00:00:04.000\nb\n");
        assert_eq!(whole(&cues[1..2], Window::default()), "WEBVTT\n\n00:00:01.500 --> 01:00:00.000\nb\n");
    }

    #[test]
    fn json_of_cues() {
        let cues = [cue(0, 1500, "<i>a</i>\n\"b\" &amp; c"), cue(2000, 3000, "d")];
        let expected = r#"{"objects":[{"startTime":0,"endTime":1500,"content":[{"text":"a\n\"b\" & c"}]},{"startTime":2000,"endTime":3000,"content":[{"text":"d"}]}]}"#;
        assert_eq!(json(&cues), expected);
        assert_eq!(json(&[]), r#"{"objects":[]}"#);
    }

    /// Cues as a file has them, whatever their text was.
    fn cues() -> impl Strategy<Value = Vec<Cue>> {
        let settings = prop::sample::select(vec!["", "align:start", "line:10% position:20%,line-left"]);
        let row = (0i64..100_000, 1i64..50_000, "[a<>&;/ib é\n]{0,20}x", settings);
        let cue = row.prop_map(|(start, length, text, settings)| Cue {
            settings: settings.to_owned(),
            ..cue(start, start + length, &markup::normal(&text, markup::Dialect::SubRip))
        });
        prop::collection::vec(cue, 0..12).prop_map(|mut cues| {
            cues.sort_by_key(|cue| cue.start);
            cues
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(cues in cues()) {
            prop_assert_eq!(parse(whole(&cues, Window::default()).as_bytes()).unwrap(), cues);
        }

        #[test]
        fn a_cue_is_in_every_segment_that_it_is_shown_in(cues in cues(), length in 500i64..20_000) {
            for from in (0..160_000).step_by(length as usize) {
                let (from, to) = (millis(from), millis(from + length));
                let found = parse(segment(&cues, from, to, Micros(0), None).as_bytes()).unwrap();
                let shown = cues.iter().filter(|cue| cue.start < to && cue.end > from).cloned();
                prop_assert_eq!(found, shown.collect::<Vec<_>>());
            }
        }

        #[test]
        fn what_is_told_in_json_is_json(text in "\\PC{0,20}[\0-\x1f\u{2028}\"\\\\<&;]{0,9}\\PC{0,5}x") {
            let cues = [cue(1, 2, &markup::normal(&text, markup::Dialect::SubRip))];
            let value: serde_json::Value = serde_json::from_str(&json(&cues)).unwrap();
            prop_assert_eq!(value["objects"][0]["content"][0]["text"].as_str(), Some(&*markup::plain(&cues[0].text)));
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0usize..4) {
            let heads: [&[u8]; 4] = [b"", b"WEBVTT\n\n00:01.000 --> 00:02.000\n", b"<tt><p begin='1s'>", b"0:1-->0:2\n"];
            let _ = parse(&[heads[kind], &bytes].concat());
        }

        #[test]
        fn no_text_makes_it_panic(text in "(<|>|/|p|tt|span|begin=|end=|'|1|:|s|f|&|;|-->| |\n|WEBVTT|br|é){0,60}") {
            let _ = parse(text.as_bytes());
            let _ = parse(format!("<tt>{text}").as_bytes());
        }
    }
}
