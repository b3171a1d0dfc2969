//! Stored pictures: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF and HEIC files to a decoded picture in sRGB.

mod chunks;
mod items;
mod jpeg;
mod markers;
mod others;
mod profile;

use bytes::Bytes;

use super::limits::Limits;
use crate::error::{Error, Result};
use crate::media::picture::{Orientation, Size};
use crate::media::time::Micros;
use crate::media::{Facts, PictureFacts};
use crate::thumbnail::Picture;

/// Bytes that a decoder may take at once for each pixel that a picture may have, for formats whose decoders can be told: the
/// widest colours have eight.
const BYTES_A_PIXEL: u64 = 10;

/// How often the sides of any picture can be halved while it is decoded.
pub(super) const HALVINGS_MAX: u8 = 3;

/// What a file of a stored picture is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Jpeg,
    Items,
    Other(image::ImageFormat),
}

/// What the header of a picture says.
pub(super) struct Header {
    /// As stored.
    pub(super) size: Size,
    pub(super) orientation: Orientation,
    /// How often its sides can be halved while it is decoded.
    pub(super) halvings: u8,
}

impl Header {
    /// What the plan needs to know of the picture.
    pub(super) fn facts(&self) -> Facts {
        let shown = self.size.turned(self.orientation);
        let picture = PictureFacts { shown, last_frame: Micros(0), frames: 1, halvings: self.halvings };
        Facts { duration: Micros(0), bitrate: 0, picture: Some(picture), has_audio: false }
    }
}

/// True where the first bytes of a file (18 are enough) are those of a picture that [`decode`] knows. AVIF and HEIC are
/// ISO BMFF too, so ask here before asking whether it is a video.
pub fn recognises(head: &[u8]) -> bool {
    kind_of(head).is_some()
}

/// What the header of a stored picture says. Fails with `unsupported` for what is no picture, and with `too large` for
/// one that would not be decoded.
pub fn facts(file: &[u8], limits: Limits) -> Result<Facts> {
    header(file, limits).map(|header| header.facts())
}

/// As much of a file as [`facts`] takes.
pub(super) fn front(file: &[u8]) -> &[u8] {
    if kind_of(file) == Some(Kind::Jpeg) { markers::front(file) } else { file }
}

/// The same in the words of the header.
pub(super) fn header(file: &[u8], limits: Limits) -> Result<Header> {
    let header = match kind(file)? {
        Kind::Jpeg => jpeg::header(file)?,
        Kind::Items => items::header(file)?,
        Kind::Other(format) => others::header(file, format, limits)?,
    };
    check_size(header.size, limits)?;
    Ok(header)
}

/// How often the sides of a picture with these facts are to be halved while it is decoded, so that it still covers `at_least`
/// (upright).
pub fn halvings(facts: &PictureFacts, at_least: Size) -> u8 {
    let covers = |times: &u8| {
        let halved = |side: u32| side.div_ceil(1 << times);
        halved(facts.shown.width) >= at_least.width && halved(facts.shown.height) >= at_least.height
    };
    (1..=facts.halvings).rev().find(covers).unwrap_or(0)
}

/// The picture in a file, first frame of several, with its sides halved so many times where its format can. Fails as
/// [`facts`] does, and with `unsupported` for a damaged file.
pub fn decode(file: Bytes, halvings: u8, limits: Limits) -> Result<Picture> {
    match kind(&file)? {
        Kind::Jpeg => jpeg::decode(&file, halvings, limits),
        Kind::Items => items::decode(&file, limits),
        Kind::Other(format) => others::decode(&file, format, limits),
    }
}

fn kind(file: &[u8]) -> Result<Kind> {
    const KNOWN: &str = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF and HEIC are";
    kind_of(file).ok_or_else(|| Error::unsupported(format!("the file is not of a known picture format; {KNOWN}")))
}

fn kind_of(head: &[u8]) -> Option<Kind> {
    use image::ImageFormat::{Bmp, Gif, Png, Tiff, WebP};
    let at = |offset: usize, bytes: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(bytes));
    // The size of the second header, which tells a bitmap from a text that starts with BM.
    let bitmap_header = head.get(14..18).map_or(0, |size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
    match () {
        () if at(0, &[0xFF, 0xD8, 0xFF]) => Some(Kind::Jpeg),
        () if items::recognises(head) => Some(Kind::Items),
        () if at(0, b"\x89PNG\r\n\x1a\n") => Some(Kind::Other(Png)),
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => Some(Kind::Other(Gif)),
        () if at(0, b"RIFF") && at(8, b"WEBP") => Some(Kind::Other(WebP)),
        () if at(0, b"II*\0") || at(0, b"MM\0*") => Some(Kind::Other(Tiff)),
        () if at(0, b"BM") && matches!(bitmap_header, 12 | 40 | 52 | 56 | 64 | 108 | 124) => Some(Kind::Other(Bmp)),
        () => None,
    }
}

/// Refuses what would take too much to decode.
pub(super) fn check_size(size: Size, limits: Limits) -> Result<()> {
    if size.is_empty() {
        return Err(Error::unsupported("the picture has no size"));
    }
    let (pixels, allowed) = (size.area(), limits.still_pixels_max);
    if pixels > allowed {
        return Err(Error::too_large(format!(
            "the stored picture is {size}, {pixels} pixels; at most {allowed} are decoded"
        )));
    }
    Ok(())
}

fn damaged(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::unsupported("the picture file is damaged").caused_by(cause)
}

#[cfg(test)]
mod tests;
