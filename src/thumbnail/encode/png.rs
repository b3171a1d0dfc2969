//! PNG of every depth (ISO/IEC 15948).

use png::{BitDepth, ColorType, Compression, PixelDimensions, Unit};

use super::palette::{self, Paletted};
use super::{Colours, colours, failed, misfit};
use crate::error::Result;
use crate::media::picture::Size;
use crate::thumbnail::{Encoding, Format, Raster, RasterPixels};

/// A PNG with the depth and channels of the raster; `Format::Png` leaves out alpha that is full everywhere.
pub(super) fn encode(raster: &Raster, encoding: &Encoding) -> Result<Vec<u8>> {
    let file = File { size: raster.size, density: encoding.density };
    match &raster.pixels {
        RasterPixels::Rgb8(data) => file.write(ColorType::Rgb, BitDepth::Eight, data),
        RasterPixels::Rgba8(data) if encoding.format == Format::Png && is_opaque(data) => {
            let opaque: Vec<u8> = data.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
            file.write(ColorType::Rgb, BitDepth::Eight, &opaque)
        }
        RasterPixels::Rgba8(data) => file.write(ColorType::Rgba, BitDepth::Eight, data),
        RasterPixels::Rgb16(data) => file.write(ColorType::Rgb, BitDepth::Sixteen, &big_endian(data)),
        RasterPixels::Rgba16(data) => file.write(ColorType::Rgba, BitDepth::Sixteen, &big_endian(data)),
        RasterPixels::Yuv420(_) | RasterPixels::Yuv444(_) => Err(misfit()),
    }
}

/// A PNG with a palette of at most 256, alpha in the palette.
pub(super) fn encode_palette(raster: &Raster, encoding: &Encoding) -> Result<Vec<u8>> {
    let Paletted { colours, alpha, indices } = match colours(raster)? {
        Colours::Rgb(data) => palette::opaque(raster.size, data, palette::MOST)?,
        Colours::Rgba(data) => palette::translucent(data)?,
    };
    let file = File { size: raster.size, density: encoding.density };
    let mut out = Vec::new();
    let mut writer = file.header(&mut out, ColorType::Indexed, BitDepth::Eight)?;
    writer.set_palette(colours);
    if alpha.iter().any(|&alpha| alpha < u8::MAX) {
        writer.set_trns(alpha);
    }
    let mut writer = writer.write_header().map_err(failed)?;
    writer.write_image_data(&indices).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

/// What every PNG file here has.
struct File {
    size: Size,
    density: u16,
}

impl File {
    fn write(&self, color: ColorType, depth: BitDepth, data: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(data.len() / 2 + 1024);
        let mut writer = self.header(&mut out, color, depth)?.write_header().map_err(failed)?;
        writer.write_image_data(data).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(out)
    }

    fn header<'a>(
        &self,
        out: &'a mut Vec<u8>,
        color: ColorType,
        depth: BitDepth,
    ) -> Result<png::Encoder<'static, &'a mut Vec<u8>>> {
        let mut encoder = png::Encoder::new(out, self.size.width, self.size.height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        encoder.set_compression(Compression::Fast);
        if self.density > 0 {
            // ISO/IEC 15948 section 11.3.4.3: pixels in a metre.
            let dots = (f64::from(self.density) / 0.0254).round() as u32;
            encoder.set_pixel_dims(Some(PixelDimensions { xppu: dots, yppu: dots, unit: Unit::Meter }));
        }
        Ok(encoder)
    }
}

fn is_opaque(rgba: &[u8]) -> bool {
    rgba.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == u8::MAX)
}

fn big_endian(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
