//! The parameters of a thumbnail URL.

use std::borrow::Cow;
use std::fmt;

use super::path::{self, Route};
use super::wish::{Side, Wish};
use super::{Credentials, number};
use crate::entry::{EntryId, FlavorId};
use crate::error::Result;
use crate::media::picture::Size;
use crate::media::time::Micros;
use crate::thumbnail::{Fit, Format, Rgb};

/// A picture as a URL asks for it, clamped and checked, with everything that only the entry can decide left open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Thumbnail {
    /// The entry asked for.
    pub entry: EntryId,
    /// The moments asked for.
    pub moment: Moment,
    /// `exact/0`: the nearest keyframe at or before a moment will do.
    pub keyframe_only: bool,
    /// Pixels across, at most [`SIDE_MAX`]; `None` where it was missing, zero to derive it.
    pub width: Option<u32>,
    /// Pixels down, at most [`SIDE_MAX`]; `None` where it was missing, zero to derive it.
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
    /// The flavor to take the picture from; it need not be one of the entry's.
    pub flavor: Option<FlavorId>,
    /// `source/original`.
    pub from_original: bool,
    /// Who asks.
    pub credentials: Credentials,
}

/// Which moments a picture shows. Times are not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// None was asked for: the stored picture, or the entry's default moment.
    Default,
    /// The frame on display at a time.
    At(Micros),
    /// One of several equal parts.
    Slice {
        /// Which one, from zero; less than `of`.
        index: u32,
        /// How many there are, at least one.
        of: u32,
        /// What they are parts of.
        window: Window,
    },
    /// All of several equal parts in a row.
    Strip {
        /// How many there are, at least one.
        of: u32,
        /// What they are parts of; the default one where `at` says the time.
        window: Window,
        /// The time that every one shows, if it is the same.
        at: Option<Micros>,
    },
}

/// The part of an entry that slices divide. Where it has both, the start is not after the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Window {
    /// Its start; `None` for the entry's.
    pub start: Option<Micros>,
    /// Its end; `None` for the entry's.
    pub end: Option<Micros>,
}

/// A source rectangle in thousandths of a pixel, and the size that it is measured against; zero for what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
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

/// The longest side that can be asked for; the dialect clamps to it.
pub const SIDE_MAX: u32 = 10_000;

/// Times are clamped to this many seconds, over thirty years, so that arithmetic on microseconds has room.
pub const SECONDS_MAX: u32 = 1_000_000_000;

/// The size of a picture where neither the request nor a profile says anything.
pub const DEFAULT_SIZE: Size = Size { width: 120, height: 90 };

/// The spellings of `format`, lower case. The first of a format is the one written back.
pub const FORMATS: &[(&str, Format)] = &[
    ("jpg", Format::Jpeg),
    ("jpeg", Format::Jpeg),
    ("png", Format::Png),
    ("png8", Format::Png8),
    ("png24", Format::Png24),
    ("png32", Format::Png32),
    ("png48", Format::Png48),
    ("png64", Format::Png64),
    ("bmp", Format::Bmp),
    ("gif", Format::Gif),
    ("tif", Format::Tiff),
    ("tiff", Format::Tiff),
    ("psd", Format::Psd),
    ("pdf", Format::Pdf),
    ("webp", Format::Webp),
    ("avif", Format::Avif),
];

/// The name that a URL gives a format.
pub fn format_name(format: Format) -> &'static str {
    FORMATS.iter().find(|(_, named)| *named == format).map_or("auto", |(name, _)| name)
}

/// One parameter of a thumbnail URL.
#[derive(Debug)]
pub struct Parameter {
    /// How a URL spells it.
    pub name: &'static str,
    /// What it may be; numbers outside of a range are clamped into it.
    pub values: &'static str,
    /// What it is where it is missing.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    set: Setter,
}

/// A row of the table of parameters in Markdown: name, values, default, meaning.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| `{}` | {} | {} | {} |", self.name, self.values, self.default, self.meaning)
    }
}

/// Takes the decoded value of a parameter into a wish; a later one replaces an earlier one.
type Setter = for<'a> fn(&mut Wish<'a>, Cow<'a, str>);

const fn row(
    name: &'static str,
    values: &'static str,
    default: &'static str,
    meaning: &'static str,
    set: Setter,
) -> Parameter {
    Parameter { name, values, default, meaning, set }
}

/// Every parameter of a thumbnail URL, the frequent ones first.
pub const PARAMETERS: &[Parameter] = &[
    row("entry_id", "an entry id", "none", "The entry to show. Unknown: error 1; missing: error 8.", |wish, text| {
        wish.entry_id = text;
    }),
    row(
        "width",
        "-1 to 10000",
        "-1: missing",
        "Pixels across; 0 or missing derives it from the height. `!` after the number means `type/5`.",
        |wish, text| wish.width = Side::new(&text),
    ),
    row(
        "height",
        "-1 to 10000",
        "-1: missing",
        "Pixels down; 0 or missing derives it from the width. Both 0: the original size.",
        |wish, text| wish.height = Side::new(&text),
    ),
    row(
        "type",
        "1 to 5",
        "1",
        "How to fit: 1 inside, 2 inside and padded, 3 cropped around the centre, 4 cropped from the top, 5 stretched.",
        |wish, text| wish.fit = number::whole(&text, 1, 5),
    ),
    row(
        "vid_sec",
        "seconds from 0, with fractions",
        "-1: off",
        "The moment to show; past the end it is the last frame. Wins over slices as to the time.",
        |wish, text| wish.second = seconds(&text),
    ),
    row(
        "vid_slices",
        "1 or more",
        "-1: off",
        "Divides the video, or the window, into so many equal parts; alone it asks for all of them in a row. \
         0, or 65500 pixels and more of `vid_slices` times `width` or `height`: error 25.",
        |wish, text| wish.slices = number::whole(&text, -1, i32::MAX),
    ),
    row("vid_slice", "-1 to vid_slices - 1", "-1: all", "The one part to show, from 0.", |wish, text| {
        wish.slice = number::whole(&text, -1, i32::MAX);
    }),
    row(
        "start_sec",
        "seconds from 0, with fractions",
        "-1: the start",
        "Where the window of slices begins. After `end_sec`: error 25.",
        |wish, text| wish.start = seconds(&text),
    ),
    row(
        "end_sec",
        "seconds from 0, with fractions",
        "-1: the end",
        "Where the window of slices ends; past the end it is the end.",
        |wish, text| wish.end = seconds(&text),
    ),
    row(
        "quality",
        "0 to 100",
        "0: 75 unless configured",
        "Quality of formats with loss, on the scale of JPEG encoders.",
        |wish, text| wish.quality = number::whole(&text, 0, 100),
    ),
    row(
        "format",
        "auto, jpg, jpeg, png, png8, png24, png32, png48, png64, bmp, gif, tif, tiff, psd, pdf, webp, avif",
        "jpg",
        "The file format; `auto` takes the best of avif, webp and jpg that the `Accept` header names. \
         Another: error 25.",
        |wish, text| wish.format = text,
    ),
    row(
        "bgcolor",
        "1 to 6 hexadecimal digits",
        "ffffff",
        "Fills padding and transparency. Short forms are numbers: `fff` is 000fff. Another: error 25.",
        |wish, text| wish.background = Some(text),
    ),
    row("version", "any", "none", "Makes URLs differ; the current picture is shown for every version.", ignore),
    row("ks", "a session", "none", "Who asks.", |wish, text| wish.session = text),
    row(
        "src_x",
        "0 to 10000, with fractions",
        "0",
        "Left edge of the part of the source to show, in its pixels.",
        |wish, text| wish.region.x = part(&text),
    ),
    row("src_y", "0 to 10000, with fractions", "0", "Top edge of that part.", |wish, text| {
        wish.region.y = part(&text);
    }),
    row("src_w", "0 to 10000, with fractions", "0: to the right edge", "Width of that part.", |wish, text| {
        wish.region.width = part(&text);
    }),
    row("src_h", "0 to 10000, with fractions", "0: to the bottom edge", "Height of that part.", |wish, text| {
        wish.region.height = part(&text);
    }),
    row(
        "rel_width",
        "-1 to 10000, with fractions",
        "-1: the source's own",
        "The width of the source that `src_x` and `src_w` are measured against.",
        |wish, text| wish.region.of_width = part(&text),
    ),
    row(
        "rel_height",
        "-1 to 10000, with fractions",
        "-1: the source's own",
        "The height of the source that `src_y` and `src_h` are measured against.",
        |wish, text| wish.region.of_height = part(&text),
    ),
    row(
        "nearest_aspect_ratio",
        "0 to 1",
        "0",
        "1 takes the stored picture whose shape is nearest to the one asked for, and crops it; `type` and `src_*` are \
         ignored then.",
        |wish, text| wish.nearest = number::whole(&text, 0, 1) == 1,
    ),
    row(
        "def_width",
        "-1 to 10000",
        "-1: 120",
        "Stands for `width` where both `width` and `height` are missing.",
        |wish, text| wish.default_width = whole_pixels(&text),
    ),
    row(
        "def_height",
        "-1 to 10000",
        "-1: 90",
        "Stands for `height` where both `width` and `height` are missing.",
        |wish, text| wish.default_height = whole_pixels(&text),
    ),
    row(
        "flavor_params_id",
        "a number",
        "none",
        "The size of the flavor of this conversion profile, where both `width` and `height` are missing.",
        |wish, text| wish.flavor_params = Some(number::scaled(&text, (i32::MIN, i32::MAX), 1)),
    ),
    row(
        "flavor_id",
        "a flavor id",
        "none",
        "Takes the picture from this flavor; ignored where the entry has no such flavor.",
        |wish, text| wish.flavor = text,
    ),
    row(
        "source",
        "original",
        "the smallest flavor that covers the size",
        "`original` takes the picture from the original, whatever its size. Another: error 25.",
        |wish, text| wish.source = Some(text),
    ),
    row(
        "exact",
        "0 to 1",
        "1",
        "0 shows the keyframe at or before the moment instead of the exact frame, which is faster.",
        |wish, text| wish.keyframe_only = number::whole(&text, 0, 1) == 0,
    ),
    row(
        "density",
        "0 to 65535",
        "0: none",
        "Dots per inch, written into the file; pixels stay as they are.",
        |wish, text| wish.density = number::scaled(&text, (0, u16::MAX.into()), 1) as u16,
    ),
    row(
        "referrer",
        "base64",
        "the Referer header",
        "The page that shows the picture, for access rules.",
        |wish, text| wish.referrer = text,
    ),
    row("kt", "40 hexadecimal digits", "none", "Signs the URL, which then needs no session.", |wish, text| {
        wish.token = text;
    }),
    row("expiry", "seconds since 1970", "never", "When a signed URL ends: error 28 from then on.", |wish, text| {
        wish.expiry = text;
    }),
    row("widget_id", "a widget id", "none", "Names no entry here: without `entry_id` it is error 8.", ignore),
    row("strip", "any", "none", "No effect: metadata of the source is never copied.", ignore),
    row("crop_provider", "any", "none", "No effect.", ignore),
    row("upload_token_id", "any", "none", "No effect.", ignore),
    row("file_name", "any", "none", "No effect; lets a URL end in a file name.", ignore),
];

fn ignore<'a>(_wish: &mut Wish<'a>, _text: Cow<'a, str>) {}

/// Seconds in microseconds, -1 and less as -1.
fn seconds(text: &str) -> i64 {
    number::scaled(text, (-1, SECONDS_MAX as i32), 1_000_000)
}

/// Thousandths of a pixel; what is not positive is zero.
pub(super) fn part(text: &str) -> u32 {
    number::scaled(text, (0, SIDE_MAX as i32), 1000) as u32
}

/// Whole pixels from a number with a fraction; `None` for negative ones.
fn whole_pixels(text: &str) -> Option<u32> {
    let negative = number::decimal(text) < 0.0;
    (!negative).then(|| number::scaled(text, (0, SIDE_MAX as i32), 1) as u32)
}

/// `text` without one `.jpg`, `.gif` or `.png` at its end, which the dialect lets any value carry.
fn without_suffix(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_suffix = |end: &[u8]| matches!(end, b".jpg" | b".gif" | b".png");
    match text.as_bytes().last_chunk::<4>() {
        Some(end) if is_suffix(end) => match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..text.len() - 4]),
            Cow::Owned(mut text) => {
                text.truncate(text.len() - 4);
                Cow::Owned(text)
            }
        },
        _ => text,
    }
}

/// The size asked for, each as width and height: where both are missing the defaults take their place, where one is it is
/// derived.
pub(super) fn wanted(asked: (Option<u32>, Option<u32>), default: (Option<u32>, Option<u32>)) -> Size {
    if asked == (None, None) {
        let (width, height) = (default.0.unwrap_or(DEFAULT_SIZE.width), default.1.unwrap_or(DEFAULT_SIZE.height));
        return Size { width, height };
    }
    Size { width: asked.0.unwrap_or(0), height: asked.1.unwrap_or(0) }
}

/// The thumbnail that a route and a query ask for. Names are case-sensitive; unknown ones are ignored, with whatever bytes they
/// bring.
pub(super) fn parse(route: &Route<'_>, query: &str) -> Result<Thumbnail> {
    let mut wish = Wish::default();
    path::pairs(route.pairs, query, |name, value| {
        if let Some(parameter) = parameter(name) {
            (parameter.set)(&mut wish, without_suffix(path::decode(value)?));
        }
        Ok(())
    })?;
    wish.check(route.partner)
}

/// The parameter of a name as it stands in a URL.
fn parameter(name: &str) -> Option<&'static Parameter> {
    let named = |name: &str| PARAMETERS.iter().find(|parameter| parameter.name == name);
    if name.contains('%') { named(&path::decode(name).ok()?) } else { named(name) }
}

impl Thumbnail {
    /// The size asked for with defaults filled in: zero derives a side from the other, two zeros are the original size.
    /// `of_profile` is the size that [`Thumbnail::flavor_params`] stands for, where it is known.
    pub fn wanted(&self, of_profile: Option<Size>) -> Size {
        let of_profile = of_profile.filter(|_| self.sized_by_profile());
        let default = (self.default_width, self.default_height);
        of_profile.unwrap_or_else(|| wanted((self.width, self.height), default))
    }

    /// Whether a conversion profile has a say in the size.
    pub fn sized_by_profile(&self) -> bool {
        self.flavor_params.is_some() && self.width.is_none() && self.height.is_none()
    }
}

#[cfg(test)]
mod tests;
