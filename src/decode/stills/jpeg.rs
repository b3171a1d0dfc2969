//! JPEG: to planes at the smallest scale of the transform that is enough, or to colours where there are no such planes.

use bytes::Bytes;
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, ScalingFactor, Subsamp, YuvImage};

use super::markers::{self, Markers};
use super::profile::{self, Conversion, Inks};
use super::{Header, check_size, damaged};
use crate::decode::limits::Limits;
use crate::error::Result;
use crate::media::picture::{Color, Matrix, Orientation, Range, Size};
use crate::thumbnail::{Packed, Picture, Pixels, Plane, Planes};

/// Most scans of a progressive file: encoders make about ten, and each costs a pass over the picture.
const SCANS_MAX: u32 = 100;
/// Rows of planes start at multiples of this.
const ALIGN: usize = 32;
/// Scales that libjpeg decodes fast, by how often the sides are halved.
const SCALES: [ScalingFactor; 4] =
    [ScalingFactor::ONE, ScalingFactor::ONE_HALF, ScalingFactor::ONE_QUARTER, ScalingFactor::ONE_EIGHTH];

/// Size and orientation.
pub(super) fn header(file: &[u8]) -> Result<Header> {
    let (_, header) = open(file)?;
    let halvings = if header.is_lossless { 0 } else { SCALES.len() as u8 - 1 };
    Ok(Header { size: size_of(&header), orientation: markers::read(file).orientation, halvings })
}

/// The picture, with its sides halved so many times.
pub(super) fn decode(file: &[u8], halvings: u8, limits: Limits) -> Result<Picture> {
    let (mut decompressor, header) = open(file)?;
    check_size(size_of(&header), limits)?;
    let markers = markers::read(file);
    let halvings = if header.is_lossless { 0 } else { usize::from(halvings) };
    let scale = SCALES.get(halvings).copied().unwrap_or(ScalingFactor::ONE);
    decompressor.set_scaling_factor(scale).map_err(damaged)?;
    let mut reader = Reader { file, decompressor, header: header.scaled(scale) };
    let conversion = match &markers.profile {
        Some(profile) => profile::conversion(profile, inks(&header)),
        None => None,
    };
    let pixels = match (header.colorspace, conversion) {
        (Colorspace::CMYK | Colorspace::YCCK, conversion) => reader.four_inks(&markers, conversion)?,
        (Colorspace::Gray, Some(conversion)) => rgb(conversion.bytes(&reader.packed(PixelFormat::GRAY)?)?),
        (_, Some(conversion)) => rgb(conversion.bytes(&reader.packed(PixelFormat::RGB)?)?),
        (Colorspace::YCbCr | Colorspace::Gray, None) if header.subsamp != Subsamp::Unknown && !header.is_lossless => {
            Pixels::Yuv(reader.planes()?)
        }
        (_, None) => rgb(reader.packed(PixelFormat::RGB)?),
    };
    let size = size_of(&reader.header);
    Ok(picture(size, markers.orientation, pixels))
}

fn rgb(data: Vec<u8>) -> Pixels {
    Pixels::Packed(Packed::Rgb8(data.into()))
}

fn picture(size: Size, orientation: Orientation, pixels: Pixels) -> Picture {
    // ITU-T T.871 section 7: BT.601, full range.
    let color = Color { matrix: Matrix::Bt601, range: Range::Full, ..Color::default() };
    Picture { size, sample_aspect: (1, 1), orientation, color, pixels }
}

fn open(file: &[u8]) -> Result<(Decompressor, DecompressHeader)> {
    let mut decompressor = Decompressor::new().map_err(damaged)?;
    decompressor.set_scan_limit(SCANS_MAX).map_err(damaged)?;
    let header = decompressor.read_header(file).map_err(damaged)?;
    Ok((decompressor, header))
}

fn size_of(header: &DecompressHeader) -> Size {
    Size { width: header.width as u32, height: header.height as u32 }
}

fn inks(header: &DecompressHeader) -> Inks {
    match header.colorspace {
        Colorspace::CMYK | Colorspace::YCCK => Inks::Four,
        Colorspace::Gray => Inks::Grey,
        Colorspace::RGB | Colorspace::YCbCr => Inks::Colours,
    }
}

/// Colours of inks stored inverted, without a profile: light is what each ink lets through times what black does.
fn without_profile(inks: &[u8]) -> Vec<u8> {
    let through = |ink: u8, black: u8| ((u32::from(ink) * u32::from(black) + 127) / 255) as u8;
    inks.as_chunks::<4>().0.iter().flat_map(|&[c, m, y, k]| [through(c, k), through(m, k), through(y, k)]).collect()
}

/// A file about to be decoded at a scale.
struct Reader<'a> {
    file: &'a [u8],
    decompressor: Decompressor,
    /// Of the scaled picture.
    header: DecompressHeader,
}

impl Reader<'_> {
    fn packed(&mut self, format: PixelFormat) -> Result<Vec<u8>> {
        let (width, height, pitch) = (self.header.width, self.header.height, self.header.width * format.size());
        let mut pixels = vec![0; pitch * height];
        let image = Image { pixels: &mut pixels[..], width, pitch, height, format };
        tolerant(self.decompressor.decompress(self.file, image))?;
        Ok(pixels)
    }

    /// Inks made colours. Adobe stores them inverted, as how much light each lets through.
    fn four_inks(&mut self, markers: &Markers, conversion: Option<Conversion>) -> Result<Pixels> {
        let mut inks = self.packed(PixelFormat::CMYK)?;
        if markers.adobe == conversion.is_some() {
            inks.iter_mut().for_each(|ink| *ink = !*ink);
        }
        Ok(rgb(match conversion {
            Some(conversion) => conversion.bytes(&inks)?,
            None => without_profile(&inks),
        }))
    }

    fn planes(&mut self) -> Result<Planes> {
        let (width, height, subsamp) = (self.header.width, self.header.height, self.header.subsamp);
        let length = turbojpeg::yuv_pixels_len(width, ALIGN, height, subsamp).map_err(damaged)?;
        let mut image = YuvImage { pixels: vec![0; length], width, align: ALIGN, height, subsamp };
        tolerant(self.decompressor.decompress_to_yuv(self.file, image.as_deref_mut()))?;
        let ((y_stride, y_rows), (stride, rows)) = (image.y_size(), image.uv_size());
        let data = Bytes::from(image.pixels);
        let plane = |start: usize, stride: usize, rows: usize, size: Size| {
            Ok(Plane { data: part(&data, start, stride * rows)?, stride, size })
        };
        let y = plane(0, y_stride, y_rows, size_of(&self.header))?;
        let shift = (subsamp.width().ilog2() as u8, subsamp.height().ilog2() as u8);
        let chroma_size =
            Size { width: width.div_ceil(subsamp.width()) as u32, height: height.div_ceil(subsamp.height()) as u32 };
        let chroma = if subsamp == Subsamp::Gray {
            None
        } else {
            let first = y_stride * y_rows;
            Some((plane(first, stride, rows, chroma_size)?, plane(first + stride * rows, stride, rows, chroma_size)?))
        };
        Ok(Planes { y, chroma, alpha: None, depth: 8, shift, left_sited: false, interlaced: false })
    }
}

fn part(data: &Bytes, start: usize, length: usize) -> Result<Bytes> {
    if start + length > data.len() {
        return Err(damaged("planes that do not fit"));
    }
    Ok(data.slice(start..start + length))
}

/// libjpeg decodes to the end where it only warns. Stray bytes between segments are common and harmless; every other
/// warning means that pixels are missing or wrong.
fn tolerant(outcome: turbojpeg::Result<()>) -> Result<()> {
    match outcome {
        Err(turbojpeg::Error::TurboJpegError(warning)) if warning.contains("extraneous bytes before marker") => Ok(()),
        Err(error) => Err(damaged(error)),
        Ok(()) => Ok(()),
    }
}
