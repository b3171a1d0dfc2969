//! From one picture to another: what is wanted, in types.

pub mod encode;
pub mod geometry;
pub mod placeholder;
pub mod sheet;
pub mod transform;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::media::picture::{Color, Orientation, Size};

/// How a picture is fitted into the size asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Fit {
    /// As large as fits inside, nothing added (type 1).
    #[default]
    Inside,
    /// As large as fits inside, the rest filled with the background (type 2).
    Pad,
    /// The largest centred part of the wanted shape (type 3).
    Crop,
    /// The largest part of the wanted shape that includes the top edge (type 4).
    CropTop,
    /// Exactly the wanted size, whatever the shape (type 5).
    Stretch,
}

/// A colour of the web.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// White.
    pub const WHITE: Rgb = Rgb(255, 255, 255);
    /// Black.
    pub const BLACK: Rgb = Rgb(0, 0, 0);
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// What a finished picture is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Format {
    /// Baseline JPEG.
    #[default]
    Jpeg,
    /// PNG of 8 bits, with alpha only where the picture has any.
    Png,
    /// PNG with a palette of 256.
    Png8,
    /// PNG of 8 bits without alpha.
    Png24,
    /// PNG of 8 bits with alpha.
    Png32,
    /// PNG of 16 bits without alpha.
    Png48,
    /// PNG of 16 bits with alpha.
    Png64,
    /// Windows bitmap of 24 bits.
    Bmp,
    /// GIF of one frame.
    Gif,
    /// TIFF.
    Tiff,
    /// Photoshop document of one flat layer.
    Psd,
    /// PDF of one page.
    Pdf,
    /// WebP, lossy.
    Webp,
    /// AVIF.
    Avif,
}

/// How the finished picture is written: everything but its pixels that changes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Encoding {
    /// The file format.
    pub format: Format,
    /// 1 to 100, on libjpeg's scale. Formats without loss take it as effort or ignore it.
    pub quality: u8,
    /// Dots per inch to write into the metadata; zero for none.
    pub density: u16,
    /// Fills padding, and shows through where the format carries no alpha.
    pub background: Rgb,
}

/// The numbers that realise a wish on a picture of a known size. All are in upright, square pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// The picture size that `crop` is measured in: the size as shown of the entry's original. A source of another
    /// resolution has its own pixels scaled to it.
    pub reference: Size,
    /// The part of the reference that is kept. Inside it, and never empty.
    pub crop: Rect,
    /// The size that part is scaled to. Never empty.
    pub scaled: Size,
    /// The size of the finished picture; `scaled` lies inside it.
    pub canvas: Size,
    /// Where `scaled` lies on the canvas.
    pub left: u32,
    /// Where `scaled` lies on the canvas.
    pub top: u32,
}

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A decoded picture as its codec left it: not yet upright, square, or sRGB.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Size of the full-resolution planes.
    pub size: Size,
    /// Width of a pixel to its height; neither is zero.
    pub sample_aspect: (u32, u32),
    /// What makes it upright.
    pub orientation: Orientation,
    /// What the numbers mean.
    pub color: Color,
    /// The numbers.
    pub pixels: Pixels,
}

/// The numbers of a picture.
#[derive(Clone, Debug)]
pub enum Pixels {
    /// Separate planes of luma and chroma.
    Yuv(Planes),
    /// Rows of interleaved channels without gaps.
    Packed(Packed),
}

/// Planes of luma, chroma and perhaps alpha.
#[derive(Clone, Debug)]
pub struct Planes {
    /// Luma (green where the matrix is the identity).
    pub y: Plane,
    /// Blue and red difference (blue and red where the matrix is the identity); `None` for grey.
    pub chroma: Option<(Plane, Plane)>,
    /// Full range always; `None` for opaque.
    pub alpha: Option<Plane>,
    /// Bits per sample, 8 to 16. Up to 8 one byte a sample; else two bytes of the machine's order, in the low bits.
    pub depth: u8,
    /// Chroma is smaller by two to this power across and down (4:2:0 is `(1, 1)`).
    pub shift: (u8, u8),
    /// Whether chroma samples sit on the left luma sample (MPEG) instead of between two (JPEG).
    pub left_sited: bool,
    /// Whether its lines show two moments in turn, as television cameras took them.
    pub interlaced: bool,
}

/// One plane of samples.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Rows from the top, `stride` bytes apart. Aligned for its sample type.
    pub data: Bytes,
    /// Bytes from one row to the next; at least a row.
    pub stride: usize,
    /// Samples across and down.
    pub size: Size,
}

/// Interleaved channels in sRGB, alpha straight.
#[derive(Clone, Debug)]
pub enum Packed {
    /// Red, green, blue.
    Rgb8(Bytes),
    /// Red, green, blue, alpha.
    Rgba8(Bytes),
    /// Red, green, blue in 16 bits of the machine's order.
    Rgb16(Vec<u16>),
    /// Red, green, blue, alpha in 16 bits of the machine's order.
    Rgba16(Vec<u16>),
}

/// A picture ready to be written: upright, sRGB or JFIF YUV, of its final size.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    /// Its size.
    pub size: Size,
    /// Its pixels.
    pub pixels: RasterPixels,
}

/// The pixels of a raster, rows without gaps.
#[derive(Clone, Debug, PartialEq)]
pub enum RasterPixels {
    /// Full-range BT.601 planes, chroma at half size both ways (rounded up).
    Yuv420([Vec<u8>; 3]),
    /// Full-range BT.601 planes of equal size.
    Yuv444([Vec<u8>; 3]),
    /// sRGB.
    Rgb8(Vec<u8>),
    /// sRGB with straight alpha.
    Rgba8(Vec<u8>),
    /// sRGB of 16 bits.
    Rgb16(Vec<u16>),
    /// sRGB of 16 bits with straight alpha.
    Rgba16(Vec<u16>),
}

/// What kind of pixels a raster is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Layout {
    /// [`RasterPixels::Yuv420`].
    Yuv420,
    /// [`RasterPixels::Yuv444`].
    Yuv444,
    /// [`RasterPixels::Rgb8`].
    Rgb8,
    /// [`RasterPixels::Rgba8`].
    Rgba8,
    /// [`RasterPixels::Rgb16`].
    Rgb16,
    /// [`RasterPixels::Rgba16`].
    Rgba16,
}

impl Format {
    /// The registered media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png | Format::Png8 | Format::Png24 | Format::Png32 | Format::Png48 | Format::Png64 => "image/png",
            Format::Bmp => "image/bmp",
            Format::Gif => "image/gif",
            Format::Tiff => "image/tiff",
            Format::Psd => "image/vnd.adobe.photoshop",
            Format::Pdf => "application/pdf",
            Format::Webp => "image/webp",
            Format::Avif => "image/avif",
        }
    }
}

impl RasterPixels {
    /// What kind of pixels they are.
    pub fn layout(&self) -> Layout {
        match self {
            RasterPixels::Yuv420(_) => Layout::Yuv420,
            RasterPixels::Yuv444(_) => Layout::Yuv444,
            RasterPixels::Rgb8(_) => Layout::Rgb8,
            RasterPixels::Rgba8(_) => Layout::Rgba8,
            RasterPixels::Rgb16(_) => Layout::Rgb16,
            RasterPixels::Rgba16(_) => Layout::Rgba16,
        }
    }
}

impl Picture {
    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        let pixels = match &self.pixels {
            Pixels::Yuv(planes) => {
                let chroma = planes.chroma.as_ref().map_or(0, |(u, v)| u.data.len() + v.data.len());
                planes.y.data.len() + chroma + planes.alpha.as_ref().map_or(0, |a| a.data.len())
            }
            Pixels::Packed(Packed::Rgb8(data) | Packed::Rgba8(data)) => data.len(),
            Pixels::Packed(Packed::Rgb16(data) | Packed::Rgba16(data)) => data.len() * 2,
        };
        size_of::<Picture>() + pixels
    }

    /// Whether any of it may be transparent.
    pub fn has_alpha(&self) -> bool {
        match &self.pixels {
            Pixels::Yuv(planes) => planes.alpha.is_some(),
            Pixels::Packed(packed) => matches!(packed, Packed::Rgba8(_) | Packed::Rgba16(_)),
        }
    }

    /// The size that a viewer sees.
    pub fn shown(&self) -> Size {
        let (wide, high) = (u64::from(self.sample_aspect.0), u64::from(self.sample_aspect.1));
        let width = (u64::from(self.size.width) * wide + high / 2) / high;
        Size { width: width.clamp(1, u32::MAX.into()) as u32, height: self.size.height }.turned(self.orientation)
    }
}
