//! The parameters of a thumbnail URL as given, and the checks that make a [`Thumbnail`] of them, in the dialect's order.

use std::borrow::Cow;
use std::fmt;

use super::asset::Look;
use super::raw::signed;
use super::thumbnail::{FORMATS, Moment, Region, SIDE_MAX, Thumbnail, Window, wanted};
use super::{Credentials, number};
use crate::entry::{EntryId, FlavorId, PartnerId};
use crate::error::{Code, Error, Result};
use crate::media::time::Micros;
use crate::thumbnail::{Fit, Format, Rgb};

/// `vid_slices` times a side has to stay below this many pixels.
const STRIP_SIDE_LIMIT: u64 = 65_500;

/// One second; a time of minus one is off.
const SECOND: i64 = 1_000_000;

/// What a URL says of a thumbnail, before any check. Text that is missing is empty unless that makes a difference.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) entry_id: Cow<'a, str>,
    pub(super) width: Side,
    pub(super) height: Side,
    pub(super) default_width: Option<u32>,
    pub(super) default_height: Option<u32>,
    pub(super) flavor_params: Option<i64>,
    /// 1 to 5.
    pub(super) fit: i32,
    pub(super) nearest: bool,
    /// Microseconds; -1 s is off.
    pub(super) second: i64,
    /// -1 is off.
    pub(super) slices: i32,
    /// -1 is off.
    pub(super) slice: i32,
    /// Microseconds; -1 s is off.
    pub(super) start: i64,
    /// Microseconds; -1 s is off.
    pub(super) end: i64,
    pub(super) keyframe_only: bool,
    pub(super) region: Region,
    pub(super) format: Cow<'a, str>,
    /// 0 to 100.
    pub(super) quality: i32,
    pub(super) background: Option<Cow<'a, str>>,
    pub(super) density: u16,
    pub(super) flavor: Cow<'a, str>,
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) session: Cow<'a, str>,
    pub(super) referrer: Cow<'a, str>,
    pub(super) token: Cow<'a, str>,
    pub(super) expiry: Cow<'a, str>,
}

/// A side as given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    /// `None` for -1.
    pixels: Option<u32>,
    /// Whether a `!` followed, which asks for exactly this size.
    stretched: bool,
}

impl Side {
    pub(super) fn new(text: &str) -> Side {
        let pixels = u32::try_from(number::whole(text, -1, SIDE_MAX as i32)).ok();
        Side { pixels, stretched: text.find('!').is_some_and(|at| at > 0) }
    }
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Wish {
            entry_id: Cow::Borrowed(""),
            width: Side::default(),
            height: Side::default(),
            default_width: None,
            default_height: None,
            flavor_params: None,
            fit: 1,
            nearest: false,
            second: -SECOND,
            slices: -1,
            slice: -1,
            start: -SECOND,
            end: -SECOND,
            keyframe_only: false,
            region: Region::default(),
            format: Cow::Borrowed(""),
            quality: 0,
            background: None,
            density: 0,
            flavor: Cow::Borrowed(""),
            source: None,
            session: Cow::Borrowed(""),
            referrer: Cow::Borrowed(""),
            token: Cow::Borrowed(""),
            expiry: Cow::Borrowed(""),
        }
    }
}

impl Wish<'_> {
    /// The thumbnail, or the first fault in the order in which the dialect looks for them.
    pub(super) fn check(self, partner: Option<PartnerId>) -> Result<Thumbnail> {
        let background = self.background()?;
        self.check_slices()?;
        let window = self.window()?;
        let format = self.format()?;
        let from_original = self.wants_original()?;
        Ok(Thumbnail {
            entry: self.entry()?,
            moment: self.moment(window),
            keyframe_only: self.keyframe_only,
            width: self.width.pixels,
            height: self.height.pixels,
            default_width: self.default_width,
            default_height: self.default_height,
            flavor_params: self.flavor_params,
            fit: self.fit(),
            nearest_aspect_ratio: self.nearest,
            region: self.region,
            format,
            quality: self.quality(),
            background,
            density: self.density,
            flavor: FlavorId::new(&self.flavor),
            from_original,
            credentials: Credentials {
                partner,
                referrer: referrer(&self.referrer),
                session: given(self.session),
                ..signed(filled(&self.token), filled(&self.expiry))
            },
        })
    }

    /// What is to be made of a stored picture, which keeps its format unless another one is named.
    pub(super) fn look(self) -> Result<Look> {
        let format = if self.format.is_empty() { None } else { self.format()? };
        Ok(Look {
            width: self.width.pixels.unwrap_or(0),
            height: self.height.pixels.unwrap_or(0),
            fit: self.fit(),
            background: self.background()?,
            region: self.region,
            format,
            quality: self.quality(),
            density: self.density,
        })
    }

    fn quality(&self) -> Option<u8> {
        u8::try_from(self.quality).ok().filter(|quality| *quality > 0)
    }

    /// The digits of `bgcolor` are one number, not the short form of a web colour.
    fn background(&self) -> Result<Rgb> {
        let Some(text) = &self.background else {
            return Ok(Rgb::WHITE);
        };
        let is_hex = (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_hex);
        let number = number.ok_or_else(|| refused("bgcolor", Shown(text), "1 to 6 hexadecimal digits"))?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Rgb(red, green, blue))
    }

    fn check_slices(&self) -> Result<()> {
        if self.slices == 0 {
            return Err(refused("vid_slices", "0, or text that begins with no number", "1 or more"));
        }
        let sides = (self.width.pixels, self.height.pixels);
        let by_profile = self.flavor_params.is_some() && sides == (None, None);
        let Ok(slices) = u64::try_from(self.slices) else {
            return Ok(());
        };
        if by_profile {
            return Ok(());
        }
        let size = wanted(sides, (self.default_width, self.default_height));
        for (name, side) in [("width", size.width), ("height", size.height)] {
            if slices * u64::from(side) >= STRIP_SIDE_LIMIT {
                let message = format!(
                    "vid_slices times {name} is {slices} times {side}; allowed: less than {STRIP_SIDE_LIMIT} pixels"
                );
                return Err(Error::coded(Code::BadQuery, message));
            }
        }
        Ok(())
    }

    fn window(&self) -> Result<Window> {
        for (name, time) in [("start_sec", self.start), ("end_sec", self.end)] {
            if (1 - SECOND..0).contains(&time) {
                return Err(refused(name, Micros(time), "-1 for none, or 0 and more"));
            }
        }
        let window = Window { start: time(self.start), end: time(self.end) };
        match (window.start, window.end) {
            (Some(start), Some(end)) if start > end => {
                Err(refused("start_sec", start, format_args!("at most end_sec, which is {end}")))
            }
            _ => Ok(window),
        }
    }

    fn format(&self) -> Result<Option<Format>> {
        let named = |(name, _): &&(&str, Format)| self.format.eq_ignore_ascii_case(name);
        match FORMATS.iter().find(named) {
            Some((_, format)) => Ok(Some(*format)),
            None if self.format.is_empty() => Ok(Some(Format::default())),
            None if self.format.eq_ignore_ascii_case("auto") => Ok(None),
            None => {
                let names: Vec<_> = FORMATS.iter().map(|(name, _)| *name).collect();
                Err(refused("format", Shown(&self.format), format_args!("auto, {}", names.join(", "))))
            }
        }
    }

    fn wants_original(&self) -> Result<bool> {
        match self.source.as_deref() {
            None => Ok(false),
            Some("original") => Ok(true),
            Some(text) => Err(refused("source", Shown(text), "original")),
        }
    }

    fn entry(&self) -> Result<EntryId> {
        if self.entry_id.is_empty() {
            let message = "entry_id is missing; give the id of an entry (a widget_id names none here)";
            return Err(Error::coded(Code::EntryAndWidgetNotFound, message));
        }
        let unknown = || Error::coded(Code::EntryNotFound, format!("there is no entry {}", Shown(&self.entry_id)));
        EntryId::new(&self.entry_id).ok_or_else(unknown)
    }

    fn moment(&self, window: Window) -> Moment {
        let at = time(self.second);
        let slice = u32::try_from(self.slice).ok();
        match (u32::try_from(self.slices).ok(), slice, at) {
            (Some(of), None, Some(_)) => Moment::Strip { of, window: Window::default(), at },
            (_, _, Some(at)) => Moment::At(at),
            (Some(of), None, None) => Moment::Strip { of, window, at: None },
            (Some(of), Some(index), None) => Moment::Slice { index: index.min(of - 1), of, window },
            (None, _, None) => Moment::Default,
        }
    }

    fn fit(&self) -> Fit {
        match self.fit {
            _ if self.width.stretched || self.height.stretched => Fit::Stretch,
            2 => Fit::Pad,
            3 => Fit::Crop,
            4 => Fit::CropTop,
            5 => Fit::Stretch,
            _ => Fit::Inside,
        }
    }
}

/// A time that is not off; what lies just below zero is zero.
fn time(micros: i64) -> Option<Micros> {
    (micros > -SECOND).then_some(Micros(micros.max(0)))
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn given(text: Cow<'_, str>) -> Option<String> {
    (!text.is_empty()).then(|| text.into_owned())
}

/// The text in base64 of either alphabet (RFC 4648 sections 4 and 5); other characters are skipped, padding is optional.
pub(super) fn referrer(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.bytes().filter_map(base64_digit) {
        bits = (bits << 6 | u32::from(digit)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    given(String::from_utf8_lossy(&bytes))
}

fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn refused(name: &str, given: impl fmt::Display, allowed: impl fmt::Display) -> Error {
    Error::coded(Code::BadQuery, format!("{name} is {given}; allowed: {allowed}"))
}

/// What a stranger gave, fit to be shown: quoted, escaped, and not too long.
struct Shown<'a>(&'a str);

/// How many characters of a value a message repeats.
const SHOWN_MAX: usize = 40;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        f.write_str("\"")?;
        for c in rest.by_ref().take(SHOWN_MAX) {
            write!(f, "{}", c.escape_debug())?;
        }
        f.write_str(if rest.next().is_some() { "…\"" } else { "\"" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_referrer(text: &str, expected: Option<&str>) {
        assert_eq!(referrer(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn referrers() {
        check_referrer("", None);
        check_referrer("====", None);
        check_referrer("aHR0cDovL2EuYi9jP2Q=", Some("http://a.b/c?d"));
        check_referrer("aHR0cDovL2EuYi9jP2Q", Some("http://a.b/c?d"));
        check_referrer("aHR0 cDov*L2EuYi9jP2Q=", Some("http://a.b/c?d"));
        check_referrer("w7_Dvw", Some("ÿÿ"));
        check_referrer("w7/Dvw", Some("ÿÿ"));
    }

    #[test]
    fn what_was_given_is_short_and_plain() {
        assert_eq!(Shown("a\n\"b").to_string(), r#""a\n\"b""#);
        assert_eq!(Shown(&"x".repeat(41)).to_string(), format!("\"{}…\"", "x".repeat(40)));
    }
}
