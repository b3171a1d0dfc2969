//! PNG, WebP, GIF, BMP and TIFF: first frame, at full size, to colours of the depth they were stored in.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::chunks;
use super::profile::{self, Conversion, Inks};
use super::{BYTES_A_PIXEL, Header, check_size, damaged};
use crate::decode::limits::Limits as Allowed;
use crate::error::{Error, Result};
use crate::media::picture::{Color, Orientation, Size};
use crate::thumbnail::{Packed, Picture, Pixels};

/// Size and orientation.
pub(super) fn header(file: &[u8], format: ImageFormat, allowed: Allowed) -> Result<Header> {
    let mut decoder = open(file, format, allowed)?;
    Ok(header_of(&mut decoder))
}

/// The picture.
pub(super) fn decode(file: &[u8], format: ImageFormat, allowed: Allowed) -> Result<Picture> {
    let mut decoder = open(file, format, allowed)?;
    let Header { size, orientation, .. } = header_of(&mut decoder);
    check_size(size, allowed)?;
    if decoder.total_bytes() > bytes_max(allowed) {
        return Err(refused());
    }
    let profile = decoder.icc_profile().ok().flatten();
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let inks = inks_of(&image);
    let conversion = match profile {
        Some(profile) => profile::conversion(&profile, inks),
        None if format == ImageFormat::Png => {
            chunks::profile(file, inks, bytes_max(allowed)).and_then(|profile| profile::conversion_from(profile, inks))
        }
        None => None,
    };
    let pixels = Pixels::Packed(in_srgb(image, conversion)?);
    Ok(Picture { size, sample_aspect: (1, 1), orientation, color: Color::default(), pixels })
}

/// Most bytes that a decoder may take at once.
fn bytes_max(allowed: Allowed) -> u64 {
    allowed.still_pixels_max.saturating_mul(BYTES_A_PIXEL)
}

fn open(file: &[u8], format: ImageFormat, allowed: Allowed) -> Result<impl ImageDecoder + '_> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(bytes_max(allowed));
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    reader.into_decoder().map_err(failed)
}

fn header_of(decoder: &mut impl ImageDecoder) -> Header {
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().map_or(1, image::metadata::Orientation::to_exif);
    Header { size: Size { width, height }, orientation: Orientation::from_exif(orientation.into()), halvings: 0 }
}

fn failed(error: image::ImageError) -> Error {
    match error {
        image::ImageError::Limits(_) => refused().caused_by(error),
        image::ImageError::Unsupported(_) => {
            Error::unsupported("the picture file uses a feature that is not supported").caused_by(error)
        }
        error => damaged(error),
    }
}

fn refused() -> Error {
    Error::too_large("the stored picture takes more bytes to decode than its pixels account for")
}

fn inks_of(image: &DynamicImage) -> Inks {
    let is_grey = matches!(image, DynamicImage::ImageLuma8(_) | DynamicImage::ImageLuma16(_));
    match (is_grey, image.color().has_alpha()) {
        (_, true) => Inks::ColoursAndAlpha,
        (true, false) => Inks::Grey,
        (false, false) => Inks::Colours,
    }
}

fn in_srgb(image: DynamicImage, conversion: Option<Conversion>) -> Result<Packed> {
    let (grey, alpha) = (inks_of(&image) == Inks::Grey, image.color().has_alpha());
    let wide = image.color().bytes_per_pixel() / image.color().channel_count() > 1;
    Ok(match (conversion, wide, alpha) {
        (None, false, false) => Packed::Rgb8(image.into_rgb8().into_raw().into()),
        (None, false, true) => Packed::Rgba8(image.into_rgba8().into_raw().into()),
        (None, true, false) => Packed::Rgb16(image.into_rgb16().into_raw()),
        (None, true, true) => Packed::Rgba16(image.into_rgba16().into_raw()),
        (Some(conversion), false, false) if grey => Packed::Rgb8(conversion.bytes(image.into_luma8().as_raw())?.into()),
        (Some(conversion), false, false) => Packed::Rgb8(conversion.bytes(image.into_rgb8().as_raw())?.into()),
        (Some(conversion), false, true) => Packed::Rgba8(conversion.bytes(image.into_rgba8().as_raw())?.into()),
        (Some(conversion), true, false) if grey => Packed::Rgb16(conversion.words(image.into_luma16().as_raw())?),
        (Some(conversion), true, false) => Packed::Rgb16(conversion.words(image.into_rgb16().as_raw())?),
        (Some(conversion), true, true) => Packed::Rgba16(conversion.words(image.into_rgba16().as_raw())?),
    })
}
