//! Plans and work as text: one line for the log, a few lines for people.

use std::fmt::{self, Display};

use super::{Placeholder, Plan, Precision, Subject, Tiles, Work};
use crate::entry::Source;
use crate::media::time::Micros;
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
        }
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
pub(super) fn text(plan: &Plan) -> String {
    let (what, geometry, encoding) = match &plan.work {
        Work::Thumbnail { subject, geometry, encoding } => (subject.to_string(), geometry, encoding),
        Work::Strip { tiles, geometry, encoding } => (format!("a row of {tiles}"), geometry, encoding),
    };
    let lines = [
        ("entry", format!("{} of partner {}", plan.entry, plan.partner.0)),
        ("shows", what),
        (
            "part",
            format!("{}x{} at {},{}", geometry.crop.width, geometry.crop.height, geometry.crop.x, geometry.crop.y),
        ),
        ("of", format!("{}, the whole as shown", geometry.reference)),
        ("scaled", format!("to {}", geometry.scaled)),
        ("canvas", format!("{}, the picture at {},{}", geometry.canvas, geometry.left, geometry.top)),
        ("written", Written(encoding).to_string()),
        ("format", if plan.negotiated { "chosen from Accept" } else { "as asked for" }.to_string()),
        ("key", plan.key.to_string()),
        ("modified", format!("{} s after 1970", plan.modified)),
        ("max-age", format!("{} s", plan.max_age)),
    ];
    lines.iter().map(|(name, value)| format!("{name:<9}{value}\n")).collect()
}
