//! File names out.

use std::fmt::{self, Write};

use super::{File, Form, Pick, Selection};
use crate::packager::silence::Silence;

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            File::Multivariant => f.write_str("master.m3u8"),
            File::Manifest => f.write_str("manifest.mpd"),
            File::Playlist(of) => write!(f, "index{}.m3u8", Tail(of)),
            File::IframePlaylist(of) => write!(f, "iframes{}.m3u8", Tail(of)),
            File::Init(of) => init(of, f),
            File::Segment { number, of, form } => Series::segments(of, *form).write(*number, f),
            File::Iframe { number, of, form } => Series::iframes(of, *form).write(*number, f),
            File::Subtitles(of) => write!(f, "sub{}.vtt", Tail(of)),
            File::Blank => f.write_str("blank.vtt"),
        }
    }
}

/// Adds the name of the initialisation segment of a selection to `text`; fails where that does.
pub fn init(of: &Selection, text: &mut impl Write) -> fmt::Result {
    text.write_str("init")?;
    of.write("-", text)?;
    text.write_str(".mp4")
}

/// A selection behind something else.
struct Tail<'a>(&'a Selection);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write("-", f)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write("", f)
    }
}

impl Selection {
    /// What is selected, with dashes between.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(TAIL_BYTES);
        // Writing to a string cannot fail.
        let _ = self.write("", &mut text);
        text
    }

    /// Adds what is selected, if anything is, behind a dash or nothing.
    fn write(&self, mut dash: &str, text: &mut impl Write) -> fmt::Result {
        for Pick { flavor, video, audio, caption, silence } in &self.picks {
            for (letter, number) in [("f", flavor), ("v", video), ("a", audio), ("s", caption)] {
                if let Some(number) = number {
                    let mut digits = itoa::Buffer::new();
                    [dash, letter, digits.format(*number)].into_iter().try_for_each(|part| text.write_str(part))?;
                    dash = "-";
                }
            }
            if let Some(Silence { channels, rate, millis }) = silence {
                write!(text, "{dash}q{channels}x{rate}x{millis}")?;
                dash = "-";
            }
        }
        Ok(())
    }
}

/// As many bytes as most names have behind their number.
const TAIL_BYTES: usize = 32;

/// The names of numbered files that differ in their numbers alone: what goes before a number, and what goes behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// `seg-`.
    pub front: &'static str,
    /// `-v1.m4s`.
    pub tail: String,
}

impl Series {
    /// Those of segments of a selection.
    pub fn segments(of: &Selection, form: Form) -> Series {
        Series::new("seg-", of, form)
    }

    /// Those of keyframes of a selection.
    pub fn iframes(of: &Selection, form: Form) -> Series {
        Series::new("iframe-", of, form)
    }

    fn new(front: &'static str, of: &Selection, form: Form) -> Series {
        let mut tail = String::with_capacity(TAIL_BYTES);
        // Writing to a string cannot fail.
        let _ = of.write("-", &mut tail);
        tail.push('.');
        Series { front, tail: tail + form.extension() }
    }

    /// Adds the name of the file of a number to `text`; fails where that does.
    pub fn write(&self, number: u32, text: &mut impl Write) -> fmt::Result {
        [self.front, itoa::Buffer::new().format(number), &self.tail[..]]
            .into_iter()
            .try_for_each(|part| text.write_str(part))
    }
}
