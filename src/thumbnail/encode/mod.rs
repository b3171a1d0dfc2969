//! A raster to bytes of a picture format.

mod bitmap;
mod jpeg;
mod palette;
mod png;

use super::{Encoding, Format, Raster, RasterPixels};
use crate::error::{Error, Kind, Result};

/// libwebp's method: 2 is within 5 % of the size of its default 4 for less than half of the time.
const WEBP_METHOD: i32 = 2;
/// rav1e's fastest; slower speeds cost five times as much for a few per cent.
const AVIF_SPEED: u8 = 10;

/// The longest side, in pixels, that a format can have here.
pub fn side_max(format: Format) -> u32 {
    match format {
        Format::Webp => 16383,
        // Adobe Photoshop File Formats Specification, "File Header Section".
        Format::Psd => 30000,
        // What libjpeg can write; the others share it, so that strips of every format have one limit.
        Format::Jpeg | Format::Pdf => 65500,
        Format::Png | Format::Png8 | Format::Png24 | Format::Png32 | Format::Png48 | Format::Png64 => 65500,
        Format::Bmp | Format::Gif | Format::Tiff | Format::Avif => 65500,
    }
}

/// The most pixels that a format can have here. AVIF takes a hundred times as long as JPEG for each pixel: larger ones than
/// level 5.1 of AV1 has (its specification, annex A.3), beyond which few devices decode, would keep a worker for many seconds.
pub fn pixels_max(format: Format) -> u64 {
    match format {
        Format::Avif => 8_912_896,
        _ => u64::MAX,
    }
}

/// The bytes of a file. The raster has the layout that [`layout_for`](super::transform::layout_for) gave for `encoding`.
pub fn encode(raster: &Raster, encoding: &Encoding) -> Result<Vec<u8>> {
    let size = raster.size;
    let is_too_large =
        size.width.max(size.height) > side_max(encoding.format) || size.area() > pixels_max(encoding.format);
    if size.is_empty() || is_too_large {
        return Err(Error::new(Kind::Internal, "a picture of a size that its format cannot have"));
    }
    match encoding.format {
        Format::Jpeg => jpeg::encode(raster, encoding),
        Format::Pdf => jpeg::in_pdf(raster, encoding),
        Format::Png | Format::Png24 | Format::Png32 | Format::Png48 | Format::Png64 => png::encode(raster, encoding),
        Format::Png8 => png::encode_palette(raster, encoding),
        Format::Gif => palette::gif(raster, encoding),
        Format::Bmp => bitmap::bmp(size, colours(raster)?, encoding.density),
        Format::Tiff => bitmap::tiff(size, colours(raster)?, encoding.density),
        Format::Psd => bitmap::psd(size, colours(raster)?, encoding.density),
        Format::Webp => webp(raster, encoding),
        Format::Avif => avif(raster, encoding),
    }
}

/// Interleaved bytes: red, green, blue, and perhaps alpha.
#[derive(Clone, Copy)]
enum Colours<'a> {
    Rgb(&'a [u8]),
    Rgba(&'a [u8]),
}

fn colours(raster: &Raster) -> Result<Colours<'_>> {
    match &raster.pixels {
        RasterPixels::Rgb8(data) => Ok(Colours::Rgb(data)),
        RasterPixels::Rgba8(data) => Ok(Colours::Rgba(data)),
        _ => Err(misfit()),
    }
}

fn misfit() -> Error {
    Error::new(Kind::Internal, "a raster of a layout that its format does not take")
}

fn failed(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Internal, "the picture could not be written").caused_by(cause)
}

fn webp(raster: &Raster, encoding: &Encoding) -> Result<Vec<u8>> {
    let (width, height) = (raster.size.width, raster.size.height);
    let encoder = match colours(raster)? {
        Colours::Rgb(data) => webp::Encoder::from_rgb(data, width, height),
        Colours::Rgba(data) => webp::Encoder::from_rgba(data, width, height),
    };
    let trouble = |what: &str| Error::new(Kind::Internal, "the picture could not be written").caused_by(what);
    let mut config = webp::WebPConfig::new().map_err(|()| trouble("libwebp of another version"))?;
    config.quality = f32::from(encoding.quality.clamp(1, 100));
    config.method = WEBP_METHOD;
    let file = encoder.encode_advanced(&config).map_err(|code| trouble(&format!("libwebp: {code:?}")))?;
    Ok(file.to_vec())
}

fn avif(raster: &Raster, encoding: &Encoding) -> Result<Vec<u8>> {
    let (width, height) = (raster.size.width as usize, raster.size.height as usize);
    let encoder = ravif::Encoder::new()
        .with_quality(f32::from(encoding.quality.clamp(1, 100)))
        .with_alpha_quality(f32::from(encoding.quality.clamp(1, 100)))
        .with_speed(AVIF_SPEED)
        .with_num_threads(Some(1));
    let file = match colours(raster)? {
        Colours::Rgb(data) => {
            let pixels: Vec<_> = data.as_chunks().0.iter().map(|&[r, g, b]| ravif::RGB8 { r, g, b }).collect();
            encoder.encode_rgb(ravif::Img::new(&pixels, width, height))
        }
        Colours::Rgba(data) => {
            let pixels: Vec<_> = data.as_chunks().0.iter().map(|&[r, g, b, a]| ravif::RGBA8 { r, g, b, a }).collect();
            encoder.encode_rgba(ravif::Img::new(&pixels, width, height))
        }
    };
    Ok(file.map_err(failed)?.avif_file)
}

#[cfg(test)]
mod tests;
