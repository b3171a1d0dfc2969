//! Thumbnails back to the URL path that asks for them.

use std::fmt::{self, Display, Write};

use super::thumbnail::{Moment, Thumbnail, Window, format_name};
use crate::media::time::Micros;
use crate::thumbnail::{Fit, Format, Rgb};

/// The canonical path: parsing it gives an equal thumbnail, and what has its default is left out.
impl Display for Thumbnail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(partner) = self.credentials.partner {
            write!(f, "/p/{}", partner.0)?;
        }
        write!(f, "/thumbnail/entry_id/{}", Text(self.entry.as_str()))?;
        self.write_size(f)?;
        self.write_region(f)?;
        write_moment(f, self.moment)?;
        self.write_source(f)?;
        self.write_encoding(f)?;
        if let Some(session) = &self.credentials.session {
            write!(f, "/ks/{}", Text(session))?;
        }
        if let Some(referrer) = &self.credentials.referrer {
            write!(f, "/referrer/{}", Base64(referrer))?;
        }
        if let Some(token) = &self.credentials.token {
            write!(f, "/kt/{}", Text(token))?;
        }
        if let Some(expiry) = self.credentials.expiry {
            write!(f, "/expiry/{expiry}")?;
        }
        Ok(())
    }
}

impl Thumbnail {
    fn write_size(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pair(f, "width", self.width)?;
        pair(f, "height", self.height)?;
        pair(f, "def_width", self.default_width)?;
        pair(f, "def_height", self.default_height)?;
        pair(f, "flavor_params_id", self.flavor_params)?;
        let fit = match self.fit {
            Fit::Inside => None,
            Fit::Pad => Some(2),
            Fit::Crop => Some(3),
            Fit::CropTop => Some(4),
            Fit::Stretch => Some(5),
        };
        pair(f, "type", fit)?;
        pair(f, "nearest_aspect_ratio", self.nearest_aspect_ratio.then_some(1))
    }

    fn write_region(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = &self.region;
        let parts = [
            ("src_x", region.x),
            ("src_y", region.y),
            ("src_w", region.width),
            ("src_h", region.height),
            ("rel_width", region.of_width),
            ("rel_height", region.of_height),
        ];
        for (name, thousandths) in parts {
            let pixels = Micros(i64::from(thousandths) * 1000);
            pair(f, name, (thousandths != 0).then_some(pixels))?;
        }
        Ok(())
    }

    fn write_source(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pair(f, "exact", self.keyframe_only.then_some(0))?;
        pair(f, "flavor_id", self.flavor.as_ref().map(|flavor| Text(flavor.as_str())))?;
        pair(f, "source", self.from_original.then_some("original"))
    }

    fn write_encoding(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.format.map_or("auto", format_name);
        pair(f, "format", (self.format != Some(Format::default())).then_some(name))?;
        pair(f, "quality", self.quality)?;
        pair(f, "bgcolor", (self.background != Rgb::WHITE).then_some(self.background))?;
        pair(f, "density", (self.density != 0).then_some(self.density))
    }
}

fn pair(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "/{name}/{value}"))
}

fn write_moment(f: &mut fmt::Formatter<'_>, moment: Moment) -> fmt::Result {
    match moment {
        Moment::Default => Ok(()),
        Moment::At(at) => pair(f, "vid_sec", Some(at)),
        Moment::Slice { index, of, window } => {
            write!(f, "/vid_slices/{of}/vid_slice/{index}")?;
            write_window(f, window)
        }
        Moment::Strip { of, window, at } => {
            write!(f, "/vid_slices/{of}")?;
            pair(f, "vid_sec", at)?;
            write_window(f, window)
        }
    }
}

fn write_window(f: &mut fmt::Formatter<'_>, window: Window) -> fmt::Result {
    pair(f, "start_sec", window.start)?;
    pair(f, "end_sec", window.end)
}

/// Text as a path carries it: all but the unreserved characters percent-encoded (RFC 3986 section 2.3), and one more suffix
/// where reading would strip one.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => f.write_char(byte.into())?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        let stripped = [".jpg", ".gif", ".png"].iter().any(|suffix| self.0.ends_with(suffix));
        f.write_str(if stripped { ".jpg" } else { "" })
    }
}

/// Text in URL-safe base64 without padding (RFC 4648 section 5).
pub(super) struct Base64<'a>(pub(super) &'a str);

impl Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for chunk in self.0.as_bytes().chunks(3) {
            let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..=chunk.len() {
                let index = bits >> (18 - 6 * digit) & 63;
                f.write_char(DIGITS[index as usize].into())?;
            }
        }
        Ok(())
    }
}
