//! The parameters of a thumbnail URL.

use super::Credentials;
use crate::entry::EntryId;
use crate::media::time::Micros;
use crate::thumbnail::{Fit, Format, Rgb};

/// A picture as a URL asks for it, clamped and checked, with everything that only the entry can decide left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// The entry asked for.
    pub entry: EntryId,
    /// The moments asked for.
    pub moment: Moment,
    /// `exact/0`: the nearest keyframe at or before a moment will do.
    pub keyframe_only: bool,
    /// Pixels across; `None` where it was missing, zero to derive it.
    pub width: Option<u32>,
    /// Pixels down; `None` where it was missing, zero to derive it.
    pub height: Option<u32>,
    /// Pixels across where both are missing.
    pub default_width: Option<u32>,
    /// Pixels down where both are missing.
    pub default_height: Option<u32>,
    /// The conversion profile that gives the size where both are missing.
    pub flavor_params: Option<i64>,
    /// How to fit.
    pub fit: Fit,
    /// Choose the stored picture of the nearest shape, and crop it.
    pub nearest_aspect_ratio: bool,
    /// The part of the source that is wanted.
    pub region: Region,
    /// The format; `None` for `auto`.
    pub format: Option<Format>,
    /// 1 to 100; `None` for the default.
    pub quality: Option<u8>,
    /// Background.
    pub background: Rgb,
    /// Dots per inch; zero for none.
    pub density: u16,
    /// The flavor to take the picture from, as given.
    pub flavor: Option<String>,
    /// `source/original`.
    pub from_original: bool,
    /// Who asks.
    pub credentials: Credentials,
}

/// Which moments a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// None was asked for: the stored picture, or the entry's default moment.
    Default,
    /// The frame on display at a time.
    At(Micros),
    /// One of so many equal parts.
    Slice { index: u32, of: u32, window: Window },
    /// All of so many equal parts in a row; at one time each if there is one.
    Strip { of: u32, window: Window, at: Option<Micros> },
}

/// The part of an entry that slices divide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Window {
    /// Its start; `None` for the entry's.
    pub start: Option<Micros>,
    /// Its end; `None` for the entry's.
    pub end: Option<Micros>,
}

/// A source rectangle in thousandths of a pixel, and the size that it is measured against; zero for what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Region {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The width that `x` and `width` are measured against; zero for the entry's own.
    pub of_width: u32,
    /// The height that `y` and `height` are measured against; zero for the entry's own.
    pub of_height: u32,
}
