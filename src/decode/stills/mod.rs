//! Stored pictures: JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF files to a decoded picture in sRGB.

use bytes::Bytes;

use crate::error::Result;
use crate::media::Facts;
use crate::media::picture::Size;
use crate::thumbnail::Picture;

/// What the header of a stored picture says.
pub fn facts(_file: &[u8]) -> Result<Facts> {
    todo!()
}

/// The picture in a file, first frame of several. May be smaller than stored where that decodes faster, but covers
/// `at_least` (upright) unless the stored picture itself is smaller.
pub fn decode(_file: Bytes, _at_least: Size) -> Result<Picture> {
    todo!()
}
